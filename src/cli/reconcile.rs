//! `reconcile`: asks the running daemon to look again now.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::named::{named, state};
use super::{Common, Done, Failure, Output, wait};
use crate::cli::options::Format;
use crate::config::units::duration;
use crate::control::{Acknowledged, ControlError, Request, ask};
use crate::id::{CommitId, ExchangeId};
use crate::pass::Repository;
use crate::report::{FORMAT_VERSION, json_text};
use crate::state::State;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync reconcile                        look now, and try again what was refused\n  natsx-sync reconcile nats-orders --wait     and ask its servers, until it is ready or cannot be"
)]
pub(super) struct Args {
    /// Try only this exchange again, and ask its servers: its id, the end of it from a `/` on, or its file
    #[arg(value_name = "X")]
    exchange: Option<String>,
    /// Accept this commit (its whole id, as `status` shows it) although it is not a descendant of the last
    #[arg(long, value_name = "COMMIT")]
    commit: Option<CommitId>,
    /// Wait until the pass that serves this is over and X (without X: all) is ready; exit codes as of `wait`
    #[arg(long)]
    wait: bool,
    /// How long to wait
    #[arg(long, requires = "wait", default_value = "10m", value_parser = duration::parse, value_name = "DURATION")]
    timeout: Duration,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let (id, acknowledged) = match send(common, args, output) {
        Ok(Sent::Asked(id, acknowledged)) => (id, acknowledged),
        Ok(Sent::Accepted) => return Ok(0),
        Err(failure) => {
            if args.wait {
                wait::hopeless(args.format, &failure, output)?;
            }
            return Err(failure);
        }
    };
    let (pid, pass) = (acknowledged.pid, acknowledged.pass);
    if !args.wait {
        if args.format == Format::Json {
            let asked = json!({"format_version": FORMAT_VERSION, "pid": pid, "pass": pass});
            output.result(&json_text(&asked)?);
        }
        output.say(&format!(
            "asked process {pid}: pass {pass} serves it; `natsx-sync status` shows what it does"
        ));
        return Ok(0);
    }
    output.say(&format!("asked process {pid}: pass {pass} serves it"));
    let wanted = id.as_ref().map(ToString::to_string);
    let args = wait::Args::served(wanted, acknowledged, args.timeout, args.format);
    wait::run(common, &args, output).await
}

/// What became of the request.
enum Sent {
    /// A daemon has it; about which exchange.
    Asked(Option<ExchangeId>, Acknowledged),
    /// The commit was accepted here.
    Accepted,
}

fn send(common: &Common, args: &Args, output: &Output) -> Result<Sent, Failure> {
    let state = state(common)?;
    let id = match &args.exchange {
        // Without a daemon that is what has to be said, not what it knew.
        Some(wanted) if state.holder().is_some() => Some(named(&state, wanted)?),
        Some(_) | None => None,
    };
    let asked = ask(&state, &requests(args.commit.as_ref(), id.as_ref()));
    if let (Err(ControlError::Nobody { .. }), Some(commit), None) =
        (&asked, &args.commit, &args.exchange)
    {
        accept(common, &state, commit, args.format, output)?;
        return Ok(Sent::Accepted);
    }
    Ok(Sent::Asked(id, asked?))
}

fn requests(commit: Option<&CommitId>, id: Option<&ExchangeId>) -> Vec<Request> {
    let retry = match (id, commit) {
        (Some(id), _) => Some(Request::Retry(id.clone())),
        (None, None) => Some(Request::RetryAll),
        (None, Some(_)) => None,
    };
    let accept = commit.cloned().map(Request::Accept);
    accept.into_iter().chain(retry).collect()
}

/// Nobody is there to be asked: it is done here.
fn accept(
    common: &Common,
    state: &State,
    commit: &CommitId,
    format: Format,
    output: &Output,
) -> Result<(), Failure> {
    let state = State::open_to_write(state.folder())?;
    let lock = state.lock(Timestamp::now())?;
    let settings = common.settings()?.settings;
    let repository = Repository::open(&settings, Some(state.folder()))?;
    let head = repository.source.accept(commit)?;
    drop(lock);
    if format == Format::Json {
        let accepted = json!({"format_version": FORMAT_VERSION, "commit": head.to_string()});
        output.result(&json_text(&accepted)?);
    }
    output.say(&format!(
        "{} is followed from now on; `natsx-sync plan` shows what that means",
        head.short()
    ));
    Ok(())
}
