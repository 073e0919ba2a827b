//! `reconcile`: asks the running daemon to look again now.

use jiff::Timestamp;

use super::named::{named, state};
use super::{Common, Done, Failure, Output};
use crate::id::CommitId;
use crate::pass::Repository;
use crate::state::State;
use crate::state::requests::Request;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Forget refusals of this exchange only
    #[arg(value_name = "X")]
    exchange: Option<String>,
    /// Accept this commit although it is no descendant of the last
    #[arg(long, value_name = "REV")]
    commit: Option<CommitId>,
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let state = state(common)?;
    let id = match &args.exchange {
        None => None,
        Some(wanted) => Some(named(&state, wanted)?),
    };
    let Some(holder) = state.holder() else {
        if let Some(commit) = &args.commit {
            return accept(common, &state, commit, output);
        }
        return Err(Failure::from(anyhow::anyhow!(
            "no daemon runs in {}; use `natsx-sync apply`",
            state.folder().display()
        )));
    };
    let accept = args.commit.clone().map(Request::Accept);
    let retry = match id {
        Some(id) => Some(Request::Retry(id)),
        None if accept.is_none() => Some(Request::RetryAll),
        None => None,
    };
    for request in accept.into_iter().chain(retry) {
        state.request(&request, Timestamp::now())?;
    }
    output.say(&format!(
        "asked process {}; `natsx-sync status` shows what it does",
        holder.pid
    ));
    Ok(0)
}

/// Nobody is there to be asked: it is done here.
fn accept(common: &Common, state: &State, commit: &CommitId, output: &Output) -> Done {
    let lock = state.lock(Timestamp::now())?;
    let settings = common.settings()?.settings;
    let repository = Repository::open(&settings, Some(state.folder()))?;
    let head = repository.source.accept(commit)?;
    drop(lock);
    output.say(&format!(
        "{} is followed from now on; `natsx-sync plan` shows what that means",
        head.short()
    ));
    Ok(0)
}
