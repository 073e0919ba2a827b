//! `schema`: the shape of what is read and of what is printed.

use super::{Done, Output};

/// The one that is documented and tested; it is also in the repository.
const PLAN: &str = include_str!("../../docs/plan.schema.json");

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync schema > exchange.schema.json\n  natsx-sync schema plan"
)]
pub(super) struct Args {
    /// Of what
    #[arg(value_enum, default_value = "exchange")]
    of: Document,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Document {
    /// An exchange file.
    Exchange,
    /// `plan --format json`.
    Plan,
}

pub(super) fn run(args: &Args, output: &Output) -> Done {
    match args.of {
        Document::Exchange => {
            output.result(&serde_json::to_string_pretty(&crate::exchange::schema())?);
        }
        Document::Plan => output.result(PLAN),
    }
    Ok(0)
}
