//! `wait`: until exchanges are ready at a commit.

mod absent;
mod end;
mod road;
mod verdict;

use std::time::{Duration, Instant};

use anyhow::anyhow;
use url::Url;

use super::{Common, Done, Failure, Output};
use crate::cli::options::Format;
use crate::config::units::duration;
use crate::control::Acknowledged;
use crate::report::{Category, code_of};
use crate::state::State;
use crate::status::Status;
use absent::Absent;
use end::tell;
use road::Road;
use verdict::{End, Verdict};

pub(super) use end::hopeless;

/// How long no daemon may run: one that is started at the same time is not there at once.
const STARTING: Duration = Duration::from_secs(3);
/// How often it is looked.
const AGAIN: Duration = Duration::from_millis(250);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  natsx-sync wait --commit $(git rev-parse HEAD) --for ready --timeout 5m"
)]
pub(super) struct Args {
    /// Only these exchanges (can be repeated)
    #[arg(value_name = "X")]
    exchanges: Vec<String>,
    /// The last pass must have been at this commit or at a later one that has it in its history
    #[arg(long, value_name = "REV")]
    commit: Option<String>,
    /// What is waited for
    #[arg(long = "for", default_value = "ready", value_parser = ["ready"])]
    wanted: String,
    /// Ask the daemon that answers here instead of the state folder
    #[arg(long, value_name = "URL")]
    status: Option<Url>,
    /// How long
    #[arg(long, default_value = "10m", value_parser = duration::parse, value_name = "DURATION")]
    timeout: Duration,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The pass that has to be over, and whose it is
    #[arg(skip)]
    served: Option<Acknowledged>,
}

impl Args {
    /// For the pass that serves a request, and for one exchange or all.
    pub(super) fn served(
        exchange: Option<String>,
        served: Acknowledged,
        timeout: Duration,
        format: Format,
    ) -> Self {
        Self {
            exchanges: exchange.into_iter().collect(),
            commit: None,
            wanted: "ready".to_owned(),
            status: None,
            timeout,
            format,
            served: Some(served),
        }
    }
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let text = match until(common, args, output).await {
        Ok(Ended::Done(end)) => {
            end::done(args.format, &end, output)?;
            return Ok(0);
        }
        Ok(Ended::Waiting(waiting)) => waiting,
        Err(failure) => {
            hopeless(args.format, &failure, output)?;
            return Err(failure);
        }
    };
    tell(args.format, "timeout", &text, &[], output)?;
    let timeout = humantime::format_duration(args.timeout);
    Err(Failure::new(
        code_of([Category::Incomplete]),
        anyhow!("not {} after {timeout}: {text}", args.wanted),
    ))
}

/// How it ended.
enum Ended {
    /// It came.
    Done(End),
    /// The time was over, and this was still waited for.
    Waiting(String),
}

/// # Errors
/// When nothing can come of it.
async fn until(common: &Common, args: &Args, output: &Output) -> Result<Ended, Failure> {
    let deadline = Instant::now() + args.timeout;
    let mut last = String::new();
    let mut road = Road::open(common, args)?;
    let mut absent = Absent::default();
    let mut alone = None;
    loop {
        let now = match look(common, args).await? {
            Seen::Status(status) => {
                alone = None;
                match verdict::of(&status, args, common, &mut road, &mut absent)? {
                    Verdict::Done(end) => return Ok(Ended::Done(end)),
                    Verdict::Hopeless(code, text) => return Err(Failure::new(code, anyhow!(text))),
                    Verdict::Waiting(text) => text,
                }
            }
            Seen::Nothing(text) => text,
            Seen::Nobody(text) => {
                let since = *alone.get_or_insert_with(Instant::now);
                if since.elapsed() >= STARTING || Instant::now() >= deadline {
                    return Err(anyhow!(text).into());
                }
                // Said once, where it is the end.
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        if now != last {
            // In a log as well: ten silent minutes look like something that hangs.
            output.say(&format!("waiting: {now}"));
            last = now;
        }
        if Instant::now() >= deadline {
            return Ok(Ended::Waiting(last));
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// What there is to see.
enum Seen {
    /// Of a daemon that runs.
    Status(Box<Status>),
    /// A daemon has no status yet, or does not answer.
    Nothing(String),
    /// No daemon runs, so nothing will change.
    Nobody(String),
}

async fn look(common: &Common, args: &Args) -> Result<Seen, Failure> {
    if let Some(url) = &args.status {
        return Ok(match super::status::fetch(url).await {
            Ok(status) => Seen::Status(Box::new(status)),
            Err(failure) => Seen::Nothing(format!("{:#}", failure.error)),
        });
    }
    let folder = common.settings()?.settings.state;
    let folder = folder.ok_or_else(super::status::no_state)?;
    let nobody = || {
        let shown = folder.display();
        Seen::Nobody(format!(
            "no daemon runs in {shown}, so nothing goes on: start `natsx-sync run`, or name its state folder with --state"
        ))
    };
    if !folder.exists() {
        return Ok(nobody());
    }
    let state = State::open(&folder)?;
    let Some(holder) = state.holder() else {
        return Ok(nobody());
    };
    Ok(match state.read_status()? {
        Some(status) if status.pid == holder.pid => Seen::Status(Box::new(status)),
        // What another left behind says nothing about this one.
        Some(_) | None => Seen::Nothing(format!("process {} has no status yet", holder.pid)),
    })
}
