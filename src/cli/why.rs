//! `why`: what disagrees about an exchange, what holds it back, when it is tried next, and what a person can do.

use std::fmt::Write as _;

use jiff::Timestamp;
use url::Url;

use super::named::{one_of, refused, unknown_yet};
use super::{Common, Done, Output};
use crate::cli::options::Format;
use crate::reason::Reason;
use crate::report::json_text;
use crate::status::{Phase, StatusEntry};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  natsx-sync why nats-orders")]
pub(super) struct Args {
    /// The exchange: its id, the end of it from a `/` on, or its file
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
    if status.pass == 0 {
        return Err(unknown_yet(&args.exchange, &status));
    }
    let entry = one_of(&args.exchange, &status.exchanges).map_err(refused)?;
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
        Format::Text => {
            let now = Timestamp::now();
            output.result(&text(entry, trouble, alive, now, status.next_pass));
        }
    }
    Ok(0)
}

fn text(
    entry: &StatusEntry,
    trouble: Option<String>,
    alive: bool,
    now: Timestamp,
    next_pass: Option<Timestamp>,
) -> String {
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
    if let Some(hold) = entry.hold() {
        line("held", &hold);
    }
    line("health", &entry.health);
    if let Some(trouble) = trouble {
        line("trouble", &trouble);
    }
    for found in entry.diagnostics.iter().skip(1) {
        line(
            "also",
            &format!("{}{}", crate::report::place(found, ": "), found.text),
        );
    }
    line("next", &next(entry, alive, now, next_pass));
    if let Some(needs) = &entry.needs {
        line("do", needs);
    }
    if entry.phase != Phase::Ready {
        line("means", entry.reason.story());
    }
    text
}

fn wanted(entry: &StatusEntry) -> String {
    if entry.midway && entry.phase == Phase::Ready {
        return format!("{} is done; the next pass looks again", entry.action.word());
    }
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

fn next(entry: &StatusEntry, alive: bool, now: Timestamp, next_pass: Option<Timestamp>) -> String {
    if !alive {
        return "no daemon runs: nothing is tried".to_owned();
    }
    let id = entry
        .id
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    let reconcile = format!("`natsx-sync reconcile {id}`");
    if let Some(at) = entry.next.filter(|at| *at > now) {
        let seconds = at.duration_since(now).as_secs();
        return format!("tried again at {at:.0} (in {seconds} s); {reconcile} tries it now");
    }
    match entry.phase {
        Phase::Ready => "looked at in each pass".to_owned(),
        Phase::Progressing | Phase::Removing | Phase::Waiting => "goes on by itself".to_owned(),
        Phase::Failed if !entry.action.is_change() => in_a_pass("looked at again", now, next_pass),
        Phase::Failed if entry.next.is_some() => in_a_pass("tried again", now, next_pass),
        Phase::Failed => format!(
            "not by itself: tried again when its file, the chart or the cluster's version changes, or with {reconcile}"
        ),
        Phase::Suspended => format!(
            "goes on when that ends: by its time, by `natsx-sync resume {id}` if it was said by command, by a commit if in its file"
        ),
        Phase::Blocked if entry.needs.is_some() => "goes on after what `do` says".to_owned(),
        Phase::Blocked if entry.reason == Reason::FileInvalid => {
            "goes on in the pass that finds the file mended".to_owned()
        }
        Phase::Blocked if entry.action.is_change() => {
            format!(
                "{}; {reconcile} tries it now",
                in_a_pass("tried again", now, next_pass)
            )
        }
        Phase::Blocked | Phase::Unknown => in_a_pass("looked at again", now, next_pass),
    }
}

/// That it happens in the next pass, and when that is.
fn in_a_pass(what: &str, now: Timestamp, next_pass: Option<Timestamp>) -> String {
    match next_pass.filter(|at| *at > now) {
        Some(at) => {
            let seconds = at.duration_since(now).as_secs();
            format!("{what} in the next pass, at {at:.0} (in {seconds} s)")
        }
        None => format!("{what} in the next pass"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(more: serde_json::Value) -> StatusEntry {
        let mut entry = serde_json::json!({
            "id": "us/ns/orders", "name": "orders", "file": "exchanges/orders.yaml", "action": "upgrade",
            "phase": "failed", "reason": "HealthTimeout", "text": "0 of 3 pods ready", "health": "unknown",
            "since": Timestamp::UNIX_EPOCH, "client_urls": [],
        });
        let (Some(all), serde_json::Value::Object(more)) = (entry.as_object_mut(), more) else {
            panic!("objects");
        };
        all.extend(more);
        serde_json::from_value(entry).unwrap()
    }

    #[test]
    fn what_was_done_since_the_last_look_is_no_longer_wanted() {
        let mut entry = entry(serde_json::json!({
            "action": "install", "planned": "FileAdded", "phase": "ready", "reason": "Ready", "midway": true,
        }));
        assert_eq!(wanted(&entry), "install is done; the next pass looks again");
        entry.phase = Phase::Progressing;
        assert!(wanted(&entry).starts_with("install, because FileAdded"));
    }

    #[test]
    fn a_failure_whose_pause_is_over_is_tried_in_the_next_pass() {
        let now = Timestamp::UNIX_EPOCH;
        let mut entry = entry(serde_json::json!({}));
        assert!(next(&entry, true, now, None).starts_with("not by itself"));
        entry.next = Some(now);
        assert_eq!(
            next(&entry, true, now, None),
            "tried again in the next pass"
        );
    }
}
