//! The status as a table for people.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::reason::Reason;
use crate::status::{Phase, Status};

/// Renders it; `alive` = the process that wrote it still runs.
pub fn table(status: &Status, now: Timestamp, alive: bool, width: u16) -> String {
    let mut text = String::new();
    if !alive {
        writeln!(
            text,
            "no daemon runs; this is what the last one saw {} ago",
            age(status.written_at, now)
        )
        .ok();
    }
    if let Some(trouble) = &status.trouble {
        writeln!(text, "! no pass: {} ({})", trouble.text, trouble.reason).ok();
    }
    for trouble in &status.attention {
        writeln!(text, "! {} ({})", trouble.text, trouble.reason).ok();
    }
    if let Some(trouble) = &status.settings {
        writeln!(
            text,
            "! settings not read again: {} ({})",
            trouble.text, trouble.reason
        )
        .ok();
    }
    for unread in &status.unreadable {
        let what = unread.cluster.as_ref();
        let what = what.map_or_else(|| "the registry".to_owned(), |id| format!("cluster {id}"));
        let why = &unread.why;
        writeln!(
            text,
            "! {what} could not be read: {} ({})",
            why.text, why.reason
        )
        .ok();
    }
    for told in &status.events {
        if let Some(trouble) = &told.trouble {
            let what = if trouble.reason == Reason::CommitStatusNotTaken {
                "the forge is not told of commits".to_owned()
            } else {
                format!("events to {} wait", told.sink)
            };
            writeln!(text, "! {what}: {} ({})", trouble.text, trouble.reason).ok();
        }
        if told.dropped > 0 {
            writeln!(
                text,
                "! {} events to {} were dropped",
                told.dropped, told.sink
            )
            .ok();
        }
    }
    if status.pass == 0 {
        text.push_str(match (alive, &status.trouble) {
            (true, None) => "the first pass is running; nothing is known of any exchange yet\n",
            (true, Some(_)) => "no pass was made yet; nothing is known of any exchange\n",
            (false, _) => "it ended before its first pass; nothing is known of any exchange\n",
        });
        return text;
    }
    let rows = status.exchanges.iter().map(|entry| {
        let id = entry
            .id
            .as_ref()
            .map_or_else(|| entry.file.clone(), ToString::to_string);
        // A ready exchange needs no story; the word alone is read at a glance.
        let why = if entry.phase == Phase::Ready {
            String::new()
        } else {
            format!("{}: {}", entry.reason, entry.text)
        };
        [
            id,
            entry.phase.word().to_owned(),
            entry
                .revision
                .map_or_else(|| "-".to_owned(), |revision| revision.to_string()),
            entry
                .chart_version
                .clone()
                .unwrap_or_else(|| "-".to_owned()),
            entry.health.clone(),
            age(entry.since, now),
            why,
        ]
    });
    let header = [
        "EXCHANGE", "PHASE", "REV", "CHART", "HEALTH", "SINCE", "WHY",
    ];
    let table = crate::report::table(header, "WHY", rows, width);
    if status.exchanges.is_empty() {
        text.push_str("no exchanges\n");
    } else {
        writeln!(text, "{table}").ok();
    }
    let commit = status
        .commit
        .as_ref()
        .map_or("no commit", |commit| commit.short());
    let ready = status
        .exchanges
        .iter()
        .filter(|entry| entry.phase == Phase::Ready)
        .count();
    writeln!(
        text,
        "{ready} of {} ready at {commit}, pass {}",
        status.exchanges.len(),
        status.pass
    )
    .ok();
    text
}

/// `3m`, `2h`, `5d`: the largest unit is enough for people.
fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Trouble, Unread};

    #[test]
    fn before_the_first_pass_nothing_is_counted() {
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let mut status = Status::new(1, now);
        let first = table(&status, now, true, 80);
        assert_eq!(
            first,
            "the first pass is running; nothing is known of any exchange yet\n"
        );
        status.trouble = Some(Trouble {
            reason: Reason::SourceUnreadable,
            text: "no answer".to_owned(),
        });
        let troubled = table(&status, now, true, 80);
        assert!(troubled.starts_with("! no pass: no answer (SourceUnreadable)\nno pass was made"));
        assert!(table(&status, now, false, 80).contains("ended before its first pass"));
        status.pass = 1;
        status.trouble = None;
        assert!(table(&status, now, true, 80).contains("0 of 0 ready at no commit, pass 1"));
    }

    #[test]
    fn what_could_not_be_read_is_said_though_no_exchange_is_there() {
        let now = Timestamp::UNIX_EPOCH;
        let mut status = Status::new(1, now);
        status.pass = 1;
        let why = Trouble {
            reason: Reason::ClusterUnreachable,
            text: "no answer".to_owned(),
        };
        for cluster in [Some("eu-edge".parse().unwrap()), None] {
            let why = why.clone();
            status.unreadable.push(Unread { cluster, why });
        }
        let shown = table(&status, now, true, 80);
        for line in [
            "! cluster eu-edge could not be read: no answer (ClusterUnreachable)\n",
            "! the registry could not be read: no answer (ClusterUnreachable)\n",
        ] {
            assert!(shown.contains(line), "{shown}");
        }
    }
}
