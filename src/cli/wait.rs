//! `wait`: until exchanges are ready at a commit.

use std::time::{Duration, Instant};

use url::Url;

use super::{Common, Done, Failure, Output};
use crate::id::CommitId;
use crate::status::{Phase, Status};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  natsx-sync wait --commit $(git rev-parse HEAD) --for ready --timeout 5m"
)]
pub(super) struct Args {
    /// Only these exchanges (can be repeated)
    #[arg(value_name = "X")]
    exchanges: Vec<String>,
    /// The commit the last pass must have been at (any beginning of it)
    #[arg(long, value_name = "REV")]
    commit: Option<String>,
    /// What is waited for
    #[arg(long = "for", default_value = "ready", value_parser = ["ready"])]
    wanted: String,
    /// Ask the daemon that answers here instead of the state folder
    #[arg(long, value_name = "URL")]
    status: Option<Url>,
    /// How long
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    timeout: Duration,
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let deadline = Instant::now() + args.timeout;
    let mut last = String::from("no status yet");
    loop {
        // A daemon that has just been started has no status yet: that is waited for, too.
        let read = match &args.status {
            None => super::status::read(common).map(|(_, status)| status),
            Some(url) => super::status::fetch(url).await,
        };
        if let Ok(status) = &read {
            match judge(status, args) {
                Judgement::Done => {
                    output.say("ready");
                    return Ok(0);
                }
                Judgement::Hopeless(text) => return Err(Failure::new(1, anyhow::anyhow!(text))),
                Judgement::Waiting(text) => last = text,
            }
        }
        if let (Err(failure), Some(_)) = (&read, &args.status) {
            last = format!("{:#}", failure.error);
        }
        if Instant::now() >= deadline {
            let timeout = humantime::format_duration(args.timeout);
            return Err(Failure::new(
                3,
                anyhow::anyhow!("not {} after {timeout}: {last}", args.wanted),
            ));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

enum Judgement {
    Done,
    Waiting(String),
    Hopeless(String),
}

fn judge(status: &Status, args: &Args) -> Judgement {
    if let Some(wanted) = &args.commit {
        let at = status
            .commit
            .as_ref()
            .map(CommitId::as_str)
            .unwrap_or_default();
        if !at.starts_with(wanted.as_str()) {
            return Judgement::Waiting(format!("the last pass was at {at:?}"));
        }
    }
    if let Some(trouble) = &status.trouble {
        return Judgement::Waiting(format!("no pass: {}", trouble.text));
    }
    // What is gone when it should be is no longer listed, and so counts as done.
    let relevant = status.exchanges.iter().filter(|entry| {
        args.exchanges.is_empty()
            || args.exchanges.iter().any(|wanted| {
                entry.file == *wanted
                    || entry
                        .id
                        .as_ref()
                        .is_some_and(|id| super::status::names(wanted, &id.to_string()))
            })
    });
    let mut waiting = None;
    for entry in relevant {
        let name = entry
            .id
            .as_ref()
            .map_or_else(|| entry.file.clone(), ToString::to_string);
        let text = format!(
            "{name} is {}: {}: {}",
            entry.phase.word(),
            entry.reason,
            entry.text
        );
        match entry.phase {
            Phase::Ready => {}
            Phase::Failed | Phase::Blocked => return Judgement::Hopeless(text),
            Phase::Removing
            | Phase::Suspended
            | Phase::Progressing
            | Phase::Waiting
            | Phase::Unknown => {
                waiting = Some(text);
            }
        }
    }
    waiting.map_or(Judgement::Done, Judgement::Waiting)
}
