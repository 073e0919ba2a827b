//! `wait`: until exchanges are ready at a commit.

use std::time::{Duration, Instant};

use url::Url;

use super::{Common, Done, Failure, Output};
use crate::id::CommitId;
use crate::observe::observed::Ancestry;
use crate::pass::Repository;
use crate::status::{Phase, Status};

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
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    timeout: Duration,
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let deadline = Instant::now() + args.timeout;
    let mut last = String::new();
    let mut progress = Progress::new(common, args.commit.clone());
    loop {
        // A daemon that has just been started has no status yet: that is waited for, too.
        let read = match &args.status {
            None => super::status::read(common).map(|(_, status)| status),
            Some(url) => super::status::fetch(url).await,
        };
        let now = match read {
            Ok(status) => match judge(&status, args, &mut progress) {
                Judgement::Done => {
                    output.say("ready");
                    return Ok(0);
                }
                Judgement::Hopeless(text) => return Err(Failure::new(1, anyhow::anyhow!(text))),
                Judgement::Waiting(text) => text,
            },
            Err(failure) if args.status.is_some() => format!("{:#}", failure.error),
            Err(_) => "no status yet; is `natsx-sync run` running?".to_owned(),
        };
        if now != last {
            output.progress(&format!("waiting: {now}"));
            last = now;
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

/// How far the passes are on the way to a commit.
struct Progress<'a> {
    common: &'a Common,
    wanted: Option<String>,
    /// The last commit asked about, and what history said.
    asked: Option<(CommitId, bool)>,
}

impl<'a> Progress<'a> {
    fn new(common: &'a Common, wanted: Option<String>) -> Self {
        Self {
            common,
            wanted,
            asked: None,
        }
    }

    /// Whether a pass at `commit` has the wanted one behind it. History is asked once for each commit.
    fn is_reached(&mut self, commit: &CommitId) -> bool {
        let Some(wanted) = &self.wanted else {
            return true;
        };
        if commit.as_str().starts_with(wanted.as_str()) {
            return true;
        }
        if let Some((asked, answer)) = &self.asked
            && asked == commit
        {
            return *answer;
        }
        // Where the repository cannot be read from here, only the commit itself is known to be reached.
        let answer = self.is_behind(commit, wanted).unwrap_or(false);
        self.asked = Some((commit.clone(), answer));
        answer
    }

    fn is_behind(&self, commit: &CommitId, wanted: &str) -> Result<bool, Failure> {
        let settings = self.common.settings()?.settings;
        let source = Repository::open(&settings, settings.state.as_deref())?.source;
        let wanted = source.commit(wanted)?;
        let ancestry = source.history(commit)?.ancestry(&wanted);
        Ok(ancestry == Ancestry::HeadOrAncestor)
    }
}

fn judge(status: &Status, args: &Args, progress: &mut Progress<'_>) -> Judgement {
    if args.commit.is_some() {
        let Some(at) = &status.commit else {
            return Judgement::Waiting("the first pass has not ended yet".to_owned());
        };
        if !progress.is_reached(at) {
            return Judgement::Waiting(format!("the last pass was at {at}"));
        }
    }
    if let Some(trouble) = &status.trouble {
        return Judgement::Waiting(format!("no pass: {}", trouble.text));
    }
    // What is gone when it should be is no longer listed, and so counts as done.
    let relevant = status.exchanges.iter().filter(|entry| {
        args.exchanges.is_empty()
            || args
                .exchanges
                .iter()
                .any(|wanted| super::status::is_called(entry, wanted))
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
