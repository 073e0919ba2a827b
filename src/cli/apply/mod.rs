//! `apply`: one pass for a person.

mod again;
mod once;
mod progress;
mod result;

use super::{Common, Done, Failure, Output};
use crate::cli::options::Format;
use crate::id::ExchangeId;
use crate::state::StateError;

pub(super) use once::{Wish, once};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync apply --source . --kubeconfig ~/.kube/config\n  natsx-sync apply --yes --format json"
)]
pub(super) struct Args {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Let this removal through the guard (can be repeated)
    #[arg(long, value_name = "ID")]
    allow_delete: Vec<ExchangeId>,
    /// Exit with 2 when something was changed
    #[arg(long)]
    detailed_exitcode: bool,
    /// Apply the files of a work tree as they stand; nothing is uninstalled
    #[arg(long)]
    dirty: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let wish = Wish {
        ask: !args.yes,
        allow_delete: args.allow_delete.iter().cloned().collect(),
        detailed: args.detailed_exitcode,
        dirty: args.dirty,
        format: args.format,
    };
    once(common, &wish, output).await
}

/// Another holder of the state folder is exit 6.
pub(super) fn held(error: crate::pass::PassError) -> Failure {
    let code = if matches!(
        &error,
        crate::pass::PassError::State(StateError::Locked { .. })
    ) {
        6
    } else {
        1
    };
    if let crate::pass::PassError::State(error) = error {
        Failure::new(code, error)
    } else {
        Failure::new(code, error)
    }
}
