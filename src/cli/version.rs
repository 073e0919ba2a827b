//! `version`

use super::{Done, Output};
use crate::cli::options::Format;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[expect(clippy::unnecessary_wraps, reason = "commands share one form")]
pub(super) fn run(args: &Args, output: &Output) -> Done {
    let version = env!("CARGO_PKG_VERSION");
    output.result(&match args.format {
        Format::Text => format!("natsx-sync {version}"),
        Format::Json => serde_json::json!({"version": version}).to_string(),
    });
    Ok(0)
}
