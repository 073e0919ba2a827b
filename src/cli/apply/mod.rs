//! `apply`: one pass for a person, or a plan that was saved.

mod again;
mod once;
mod progress;
mod result;
mod saved;
mod stage;
mod telling;

use std::path::PathBuf;

use super::telemetry::Telemetry;
use super::{Common, Done, ERROR, Failure, LOCKED, Output};
use crate::cli::options::Format;
use crate::id::{Digest, ExchangeId};
use crate::pass::PassError;
use crate::state::StateError;

pub(super) use once::{Wish, once};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync apply --source . --kubeconfig my-cluster=$HOME/.kube/config\n  natsx-sync apply --yes --format json\n  natsx-sync apply plan.json                     exactly what `plan --out plan.json` saved"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Args {
    /// A plan saved with `plan --out`: exactly this is done, or nothing
    #[arg(value_name = "PLAN", conflicts_with_all = ["allow_delete", "dirty"])]
    plan: Option<PathBuf>,
    /// Leave out what is stale in a saved plan, and apply the rest
    #[arg(long, requires = "plan")]
    fresh_only: bool,
    /// Apply only the plan that has this digest
    #[arg(long, value_name = "DIGEST")]
    expect: Option<Digest>,
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

pub(super) async fn run(
    common: &Common,
    args: &Args,
    output: &Output,
    telemetry: &Telemetry,
) -> Done {
    telemetry.trace(&common.settings()?.settings)?;
    if let Some(plan) = &args.plan {
        let wish = saved::Wish {
            plan: plan.clone(),
            ask: !args.yes,
            fresh_only: args.fresh_only,
            detailed: args.detailed_exitcode,
            format: args.format,
            expect: args.expect.clone(),
        };
        return saved::saved(common, &wish, output).await;
    }
    let wish = Wish {
        ask: !args.yes,
        allow_delete: args.allow_delete.iter().cloned().collect(),
        detailed: args.detailed_exitcode,
        dirty: args.dirty,
        format: args.format,
        expect: args.expect.clone(),
    };
    once(common, &wish, output).await
}

/// Another holder of the state folder is exit 6.
pub(super) fn held(error: PassError) -> Failure {
    let PassError::State(error) = error else {
        return error.into();
    };
    let is_locked = matches!(error, StateError::Locked { .. });
    Failure::new(if is_locked { LOCKED } else { ERROR }, error)
}
