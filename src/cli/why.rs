//! `why`: what disagrees about an exchange, what holds it back, when it is tried next, and what a person can do.

mod next;

use std::fmt::Write as _;

use jiff::Timestamp;
use url::Url;

use next::next;

use super::named::{one_of, refused, unknown_yet};
use super::{Common, Done, Output};
use crate::cli::options::Format;
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
    if let Some(action) = entry.under_way
        && (entry.midway || action != entry.action)
    {
        return format!("{}, which is under way", action.word());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::action::Action;
    use crate::reason::Reason;

    pub(super) fn entry(more: serde_json::Value) -> StatusEntry {
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
    fn what_is_under_way_comes_before_what_was_planned_in_the_middle_of_it() {
        let mut entry = entry(serde_json::json!({
            "action": "register", "planned": "RecordDiffers", "phase": "waiting", "reason": "RollingOut",
            "midway": true, "under_way": "install",
        }));
        assert_eq!(wanted(&entry), "install, which is under way");
        (entry.action, entry.midway) = (Action::Install, false);
        entry.planned = Some(Reason::FileAdded);
        assert!(wanted(&entry).starts_with("install, because FileAdded"));
    }
}
