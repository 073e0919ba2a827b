//! When an exchange is looked at or tried next, and what has to happen before.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::Seen;
use crate::reason::Reason;
use crate::status::{Phase, StatusEntry};

/// What Kubernetes calls a container that does not get started by waiting.
const UNSTARTABLE: [&str; 7] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
];

pub(super) fn next(entry: &StatusEntry, seen: &Seen<'_>) -> String {
    if !seen.alive {
        return "no daemon runs: nothing is tried".to_owned();
    }
    let (now, next_pass) = (seen.now, seen.status.next_pass);
    let goes_on = [Phase::Progressing, Phase::Removing, Phase::Waiting];
    if let Some(trouble) = &seen.status.trouble
        && !goes_on.contains(&entry.phase)
    {
        let when = if trouble.reason == Reason::SourceUnreadable {
            "the repository can be read"
        } else {
            "a pass can be made"
        };
        let again = in_a_pass("tried again", now, next_pass);
        return format!("nothing is looked at until {when}; {again}");
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
        Phase::Progressing | Phase::Removing | Phase::Waiting => under_way(entry, now),
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

/// How what is begun goes on, until when that is waited for, and who can end it.
fn under_way(entry: &StatusEntry, now: Timestamp) -> String {
    let mut next = if is_undone(entry.reason) {
        "nothing, until a person or a commit puts it back; its servers are asked all the same"
    } else {
        "goes on by itself"
    }
    .to_owned();
    match entry.until.filter(|at| *at > now) {
        Some(at) => {
            let seconds = at.duration_since(now).as_secs();
            write!(
                next,
                "; given up at {at:.0} (in {seconds} s), after `health.timeout`"
            )
            .ok();
        }
        None if entry.under_way.is_some() && is_health(entry.reason) => {
            next.push_str("; given up after `health.timeout`");
        }
        None => {}
    }
    if UNSTARTABLE.iter().any(|word| entry.text.contains(word)) {
        next.push_str("; pods do not start as they are: mend it in git and commit");
    }
    next
}

/// Whether it is waited for no longer than `health.timeout` once it was begun.
fn is_health(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::RollingOut | Reason::ReloadPending | Reason::ClusterNotFormed
    )
}

/// Whether somebody took its servers away, which no pass sees.
fn is_undone(reason: Reason) -> bool {
    matches!(reason, Reason::ScaledDown | Reason::StatefulSetGone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::why::tests::{entry, seen};

    fn told(entry: &StatusEntry) -> String {
        told_in(entry, &serde_json::json!({}))
    }

    fn told_in(entry: &StatusEntry, status: &serde_json::Value) -> String {
        let status = crate::cli::why::tests::status(status);
        next(entry, &seen(&status))
    }

    #[test]
    fn a_failure_whose_pause_is_over_is_tried_in_the_next_pass() {
        let now = Timestamp::UNIX_EPOCH;
        let mut entry = entry(serde_json::json!({}));
        assert!(told(&entry).starts_with("not by itself"));
        entry.next = Some(now);
        assert_eq!(told(&entry), "tried again in the next pass");
    }

    #[test]
    fn a_wait_says_when_it_ends_and_what_ends_it_sooner() {
        let mut entry = entry(serde_json::json!({
            "phase": "waiting", "reason": "RollingOut", "under_way": "install", "until": "1970-01-01T00:10:00Z",
            "text": "0 of 1 pods ready: nats-0/nats: ImagePullBackOff no such image",
        }));
        assert_eq!(
            told(&entry),
            "goes on by itself; given up at 1970-01-01T00:10:00Z (in 600 s), after `health.timeout`; pods do not start as they are: mend it in git and commit"
        );
        entry.until = None;
        entry.text = "0 of 1 pods ready".to_owned();
        let next = "goes on by itself; given up after `health.timeout`";
        assert_eq!(told(&entry), next);
        entry.under_way = None;
        assert_eq!(told(&entry), "goes on by itself");
    }

    #[test]
    fn what_nobody_puts_back_does_not_go_on_by_itself() {
        for (reason, by_itself) in [
            ("ScaledDown", false),
            ("StatefulSetGone", false),
            ("RollingOut", true),
        ] {
            let entry = entry(serde_json::json!({"phase": "waiting", "reason": reason}));
            let next = told(&entry);
            assert_eq!(next.contains("by itself"), by_itself, "{next}");
        }
    }
}
