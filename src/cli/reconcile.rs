//! `reconcile`: asks the running daemon to look again now.

use jiff::Timestamp;

use super::{Common, Done, Failure, Output};
use crate::id::CommitId;
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
    let folder = common
        .settings()?
        .settings
        .state
        .ok_or_else(super::status::no_state)?;
    let state = State::open(&folder)?;
    let id = match &args.exchange {
        None => None,
        Some(wanted) => {
            let status = state.read_status()?;
            let ids: Vec<_> = status
                .iter()
                .flat_map(|status| &status.exchanges)
                .filter_map(|entry| entry.id.as_ref())
                .filter(|id| super::status::names(wanted, &id.to_string()))
                .collect();
            match ids.as_slice() {
                [one] => Some((*one).clone()),
                [] => {
                    return Err(Failure::new(
                        7,
                        anyhow::anyhow!("no exchange is called {wanted:?}"),
                    ));
                }
                _ => {
                    return Err(Failure::new(
                        7,
                        anyhow::anyhow!(
                            "{wanted:?} names {} exchanges; write more of the id",
                            ids.len()
                        ),
                    ));
                }
            }
        }
    };
    let Some(holder) = state.holder() else {
        return Err(Failure::from(anyhow::anyhow!(
            "no daemon runs in {}; use `natsx-sync apply`",
            folder.display()
        )));
    };
    state.request(
        &Request {
            id,
            commit: args.commit.clone(),
        },
        Timestamp::now(),
    )?;
    output.say(&format!(
        "asked process {}; `natsx-sync status` shows what it does",
        holder.pid
    ));
    Ok(0)
}
