//! `why`: what disagrees about an exchange, what holds it back, when it is tried next, and what a person can do.

use std::fmt::Write as _;

use jiff::Timestamp;
use url::Url;

use super::{Common, Done, Failure, Output};
use crate::cli::options::Format;
use crate::report::json_text;
use crate::status::{Phase, StatusEntry};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  natsx-sync why nats-orders")]
pub(super) struct Args {
    /// The exchange: its id, an ending of it, or its file
    #[arg(value_name = "X")]
    exchange: String,
    /// Ask the daemon that answers here instead of the state folder
    #[arg(long, value_name = "URL")]
    status: Option<Url>,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let (alive, status) = super::status::look(common, args.status.as_ref(), output).await?;
    let found: Vec<_> = status
        .exchanges
        .iter()
        .filter(|entry| super::status::is_called(entry, &args.exchange))
        .collect();
    let [entry] = found.as_slice() else {
        let text = match found.len() {
            0 => format!(
                "no exchange is called {:?}; `natsx-sync status` lists them",
                args.exchange
            ),
            several => format!(
                "{:?} names {several} exchanges; write more of the id",
                args.exchange
            ),
        };
        return Err(Failure::new(7, anyhow::anyhow!(text)));
    };
    let trouble = status
        .trouble
        .as_ref()
        .map(|trouble| format!("no pass can be made: {}", trouble.text));
    match args.format {
        Format::Json => {
            let mut result = serde_json::to_value(entry)?;
            if let Some(map) = result.as_object_mut() {
                map.insert("story".to_owned(), entry.reason.story().into());
                map.insert("trouble".to_owned(), trouble.into());
                map.insert("daemon".to_owned(), alive.into());
            }
            output.result(&json_text(&result)?);
        }
        Format::Text => output.result(&text(entry, trouble, alive, Timestamp::now())),
    }
    Ok(0)
}

fn text(entry: &StatusEntry, trouble: Option<String>, alive: bool, now: Timestamp) -> String {
    let name = entry
        .id
        .as_ref()
        .map_or_else(|| entry.file.clone(), ToString::to_string);
    let mut text = format!("{name} is {}\n", entry.phase.word());
    let mut line = |key: &str, value: &str| {
        let value = value.trim_end().replace('\n', "\n            ");
        writeln!(text, "  {key:9} {value}").ok();
    };
    line("file", &entry.file);
    line("wanted", &wanted(entry));
    if entry.phase != Phase::Ready {
        line("why", &format!("{}: {}", entry.reason, entry.text));
    }
    line("health", &entry.health);
    if let Some(trouble) = trouble {
        line("trouble", &trouble);
    }
    line("next", &next(entry, alive, now));
    if let Some(needs) = &entry.needs {
        line("do", needs);
    }
    if entry.phase != Phase::Ready {
        line("means", entry.reason.story());
    }
    text
}

fn wanted(entry: &StatusEntry) -> String {
    match entry.planned {
        Some(reason) if entry.action.is_change() => {
            format!(
                "{}, because {reason}: {}",
                entry.action.word(),
                reason.story()
            )
        }
        Some(reason) => format!("{} ({reason})", entry.action.word()),
        None => entry.action.word().to_owned(),
    }
}

fn next(entry: &StatusEntry, alive: bool, now: Timestamp) -> String {
    if !alive {
        return "no daemon runs: nothing is tried".to_owned();
    }
    match (&entry.phase, entry.next) {
        (_, Some(at)) if at > now => format!(
            "tried again at {at:.0} (in {} s); `natsx-sync reconcile {}` tries it now",
            at.duration_since(now).as_secs(),
            entry
                .id
                .as_ref()
                .map_or_else(String::new, ToString::to_string)
        ),
        (Phase::Ready, _) => "looked at in each pass".to_owned(),
        (Phase::Progressing | Phase::Removing | Phase::Waiting, _) => {
            "goes on by itself".to_owned()
        }
        (Phase::Failed, None) => format!(
            "not by itself: tried again when its file, the chart or the cluster's version changes, or with `natsx-sync reconcile {}`",
            entry
                .id
                .as_ref()
                .map_or_else(String::new, ToString::to_string)
        ),
        (Phase::Failed | Phase::Blocked | Phase::Suspended | Phase::Unknown, _) => {
            "in the pass that finds it no longer held".to_owned()
        }
    }
}
