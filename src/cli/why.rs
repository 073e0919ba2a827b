//! `why`: what disagrees about an exchange, what holds it back, when it is tried next, and what a person can do.

mod next;

use std::fmt::Write as _;

use jiff::Timestamp;
use url::Url;

use next::next;

use super::gone::Gone;
use super::named::{NotOne, refused, unknown_yet};
use super::status::meant;
use super::{Common, Done, NOTHING_MATCHED, Output};
use crate::cli::options::Format;
use crate::id::ClusterId;
use crate::reason::Reason;
use crate::report::{hanging, json_text};
use crate::status::{Phase, Status, StatusEntry, Trouble};

/// As wide as the key of a line.
const INDENT: &str = "            ";

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
    let entry = match meant(common, args.status.as_ref(), &status, &args.exchange) {
        Ok(entry) => entry,
        Err(NotOne::Gone(gone)) => return tell_gone(&gone, alive, args.format, output),
        Err(error) => return Err(refused(error)),
    };
    let seen = Seen {
        status: &status,
        alive,
        now: Timestamp::now(),
        width: output.width(),
    };
    match args.format {
        Format::Json => {
            let mut result = serde_json::to_value(entry)?;
            if let Some(map) = result.as_object_mut() {
                map.insert("story".to_owned(), entry.reason.story().into());
                let trouble = status.trouble.as_ref().map(no_pass);
                map.insert("trouble".to_owned(), trouble.into());
                map.insert("unread".to_owned(), unread(entry, &status).into());
                map.insert("daemon".to_owned(), alive.into());
            }
            output.result(&json_text(&result)?);
        }
        Format::Text => output.result(&text(entry, &seen)),
    }
    Ok(0)
}

fn tell_gone(gone: &Gone, alive: bool, format: Format, output: &Output) -> Done {
    match format {
        Format::Json => {
            let mut result = serde_json::to_value(gone)?;
            if let Some(map) = result.as_object_mut() {
                map.insert("story".to_owned(), gone.reason().story().into());
                map.insert("daemon".to_owned(), alive.into());
            }
            output.result(&json_text(&result)?);
        }
        Format::Text => output.result(&gone.tell(output.width())),
    }
    Ok(NOTHING_MATCHED)
}

/// A status, and when it is looked at.
struct Seen<'s> {
    status: &'s Status,
    /// Who wrote it still runs.
    alive: bool,
    now: Timestamp,
    /// Of the window.
    width: u16,
}

fn no_pass(trouble: &Trouble) -> String {
    format!("no pass can be made: {}", trouble.text)
}

/// What could not be read, or is read in another way than its operator thinks, and may have something to do with it, where that
/// is not why it stands where it does.
fn unread(entry: &StatusEntry, status: &Status) -> Vec<String> {
    let is_in = |cluster: &ClusterId| entry.id.as_ref().is_some_and(|id| id.cluster == *cluster);
    let kept = status.kubeconfigs.iter();
    let kept = kept.filter(|kept| is_in(&kept.cluster)).map(|kept| {
        let Trouble { reason, text } = &kept.why;
        format!("{}: {text} ({reason})", kept.what())
    });
    let all = status.unreadable.iter().filter_map(|unread| {
        let Trouble { reason, text } = &unread.why;
        let Some(cluster) = &unread.cluster else {
            return Some(format!(
                "the registry could not be read, so its record may be outstanding: {text} ({reason})"
            ));
        };
        (is_in(cluster) && entry.reason != *reason).then(|| {
            format!("cluster {cluster} could not be read, so nothing is known of what runs there: {text} ({reason})")
        })
    });
    all.chain(kept).collect()
}

fn text(entry: &StatusEntry, seen: &Seen<'_>) -> String {
    let name = entry
        .id
        .as_ref()
        .map_or_else(|| entry.file.clone(), ToString::to_string);
    let mut text = format!("{name} is {}\n", entry.phase.word());
    let mut line = |key: &str, value: &str| {
        let value = hanging(value, INDENT, seen.width);
        writeln!(text, "  {key:9} {value}").ok();
    };
    if !entry.file.is_empty() {
        line("file", &entry.file);
    }
    line("wanted", &wanted(entry));
    if entry.phase != Phase::Ready {
        line("why", &format!("{}: {}", entry.reason, entry.text));
    }
    if let Some(hold) = entry.hold() {
        line("held", &hold);
    }
    line("health", &entry.health_text());
    let trouble = seen.status.trouble.as_ref();
    let means = trouble.map(|trouble| trouble.reason.story());
    for trouble in trouble
        .map(no_pass)
        .into_iter()
        .chain(unread(entry, seen.status))
    {
        line("trouble", &trouble);
    }
    if let Some(means) = means {
        line("means", means);
    }
    for found in entry.diagnostics.iter().skip(1) {
        let hint = found.hint.as_ref();
        let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
        let place = crate::report::place(found, ": ");
        line("also", &format!("{place}{}{hint}", found.text));
    }
    line("next", &next(entry, seen));
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
    if entry.reason == Reason::Interrupted {
        return format!(
            "{}, of which it is not known how far it is; the next pass looks",
            entry.action.word()
        );
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
    use crate::report::UNBOUNDED;

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

    pub(super) fn status(more: &serde_json::Value) -> Status {
        let status = Status::new(1, Timestamp::UNIX_EPOCH);
        let mut status = serde_json::to_value(status).unwrap();
        for (key, value) in more.as_object().unwrap() {
            status[key] = value.clone();
        }
        serde_json::from_value(status).unwrap()
    }

    fn shown(entry: &StatusEntry, status: &Status) -> String {
        text(entry, &seen(status))
    }

    pub(super) fn seen(status: &Status) -> Seen<'_> {
        Seen {
            status,
            alive: true,
            now: Timestamp::UNIX_EPOCH,
            width: UNBOUNDED,
        }
    }

    #[test]
    fn it_fits_into_the_window() {
        let failed = entry(serde_json::json!({"text": "so many words ".repeat(20)}));
        let status = status(&serde_json::json!({}));
        let width = 60;
        let narrow = Seen {
            width,
            ..seen(&status)
        };
        let told = text(&failed, &narrow);
        assert!(
            told.lines().all(|line| line.chars().count() <= 60),
            "{told}"
        );
        assert!(told.contains("\n            many words"), "{told}");
    }

    /// Its file is gone, and what runs could not be read.
    #[test]
    fn one_without_a_file_has_no_line_for_it() {
        let gone = entry(serde_json::json!({
            "file": "", "action": "unreadable", "phase": "unknown", "reason": "ClusterUnreachable", "text": "dead",
        }));
        let told = shown(&gone, &status(&serde_json::json!({})));
        assert!(told.lines().all(|line| line.trim_end() == line), "{told}");
        assert!(!told.contains("  file"), "{told}");
    }

    /// It is ready as far as anybody could see, which is not all.
    #[test]
    fn what_could_not_be_read_is_said_of_one_that_is_ready_too() {
        let ready = entry(serde_json::json!({
            "action": "none", "planned": "UpToDate", "phase": "ready", "reason": "UpToDate",
            "text": "the release matches; the registry could not be read",
        }));
        let status = status(&serde_json::json!({"unreadable": [
            {"cluster": null, "reason": "RegistryUnreadable", "text": "no answer"},
            {"cluster": "eu", "reason": "ClusterUnreachable", "text": "of another"},
            {"cluster": "us", "reason": "ClusterUnreachable", "text": "dead"},
        ], "kubeconfigs": [
            {"cluster": "us", "reason": "KubeconfigInvalid", "text": "no kubeconfig: line 3"},
            {"cluster": "eu", "reason": "KubeconfigInvalid", "text": "of another"},
        ]}));
        let told = shown(&ready, &status);
        let line = "trouble   the registry could not be read, so its record may be outstanding: no answer (RegistryUnreadable)\n";
        assert!(told.contains(line), "{told}");
        assert!(
            told.contains("trouble   cluster us could not be read"),
            "{told}"
        );
        let line = "trouble   the kubeconfig of cluster us was changed and is not in force, the old connection goes on: no kubeconfig: line 3 (KubeconfigInvalid)\n";
        assert!(told.contains(line), "{told}");
        assert!(!told.contains("of another"), "{told}");
        let unknown = entry(serde_json::json!({
            "action": "unreadable", "phase": "unknown", "reason": "ClusterUnreachable", "text": "dead",
        }));
        let told = shown(&unknown, &status);
        assert!(!told.contains("cluster us could"), "said as `why`: {told}");
    }

    #[test]
    fn a_pass_that_cannot_be_made_says_what_that_means_and_when_it_goes_on() {
        let ready =
            entry(serde_json::json!({"action": "none", "phase": "ready", "reason": "UpToDate"}));
        let status = status(&serde_json::json!({
            "trouble": {"reason": "SourceUnreadable", "text": "no repository"},
        }));
        let told = shown(&ready, &status);
        for line in [
            "trouble   no pass can be made: no repository\n",
            "means     The repository could not be read",
            "next      nothing is looked at until the repository can be read; tried again in the next pass\n",
        ] {
            assert!(told.contains(line), "{line}{told}");
        }
    }

    #[test]
    fn each_error_of_a_file_says_what_to_write() {
        let error = |text: &str, hint: &str| {
            serde_json::json!({
                "severity": "error", "reason": "UnknownField", "text": text, "file": "e.yaml", "line": 4, "column": 1,
                "hint": hint,
            })
        };
        let broken = entry(serde_json::json!({
            "action": "blocked", "phase": "blocked", "reason": "FileInvalid", "text": "first",
            "diagnostics": [error("first", "x"), error("no field \"org_idz\"", "did you mean org_ids?")],
        }));
        let told = shown(&broken, &status(&serde_json::json!({})));
        let line = "also      e.yaml:4:1: no field \"org_idz\"; did you mean org_ids?\n";
        assert!(told.contains(line), "{told}");
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
