//! The status as a table for people.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::rows::{lines, rows};
use crate::reason::Reason;
use crate::report::folded;
use crate::status::{Phase, Status, Trouble};

/// In letters; what is longer is told by `natsx-sync status`.
const LONGEST_LINE: usize = 1000;

/// Renders all of it; `alive` = the process that wrote it still runs.
pub fn table(status: &Status, now: Timestamp, alive: bool, width: u16) -> String {
    frame(status, now, alive, width, None)
}

/// The same in a window that has so many lines, if that matters.
pub fn frame(
    status: &Status,
    now: Timestamp,
    alive: bool,
    width: u16,
    height: Option<u16>,
) -> String {
    let mut text = String::new();
    if !alive {
        writeln!(
            text,
            "no daemon runs; this is what the last pass saw {} ago",
            age(status.written_at, now)
        )
        .ok();
    }
    for warning in warnings(status) {
        writeln!(text, "{}", folded(&warning, "! ", "  ", width)).ok();
    }
    if status.pass == 0 {
        text.push_str(match (alive, &status.trouble) {
            (true, None) => "the first pass is running; nothing is known of any exchange yet\n",
            (true, Some(_)) => "no pass was made yet; nothing is known of any exchange\n",
            (false, _) => "it ended before its first pass; nothing is known of any exchange\n",
        });
        return text;
    }
    let foot = format!("{}, {}", ready(status), passes(status));
    let taken = lines(&text, width) + lines(&foot, width);
    let left = height.map(|height| usize::from(height).saturating_sub(taken));
    if status.exchanges.is_empty() {
        text.push_str("no exchanges\n");
    } else {
        writeln!(text, "{}", rows(status, now, width, left)).ok();
    }
    writeln!(text, "{foot}").ok();
    text
}

/// What somebody has to look at beyond single exchanges.
fn warnings(status: &Status) -> Vec<String> {
    let told = |what: &str, trouble: &Trouble| {
        let Trouble { text, reason } = trouble;
        format!("{what}{text} ({reason})")
    };
    let trouble = status.trouble.iter();
    let mut warnings: Vec<_> = trouble.map(|trouble| told("no pass: ", trouble)).collect();
    warnings.extend(status.attention.iter().map(|trouble| told("", trouble)));
    let settings = status.settings.iter();
    warnings.extend(settings.map(|trouble| told("settings not read again: ", trouble)));
    warnings.extend(status.unreadable.iter().map(|unread| {
        let what = unread.what();
        told(&format!("{what} could not be read: "), &unread.why)
    }));
    let kept = status.kubeconfigs.iter();
    warnings.extend(kept.map(|kept| told(&format!("{}: ", kept.what()), &kept.why)));
    for sink in &status.events {
        if let Some(trouble) = &sink.trouble {
            let what = if trouble.reason == Reason::CommitStatusNotTaken {
                "the forge is not told of commits: ".to_owned()
            } else {
                format!("events to {} wait: ", sink.sink)
            };
            warnings.push(told(&what, trouble));
        }
        if sink.dropped > 0 {
            let (dropped, sink) = (sink.dropped, &sink.sink);
            warnings.push(format!("{dropped} events to {sink} were dropped"));
        }
    }
    warnings
}

/// The number that requests are answered with, and whether that pass could be made.
fn passes(status: &Status) -> String {
    let Status { pass, tried, .. } = status;
    // A status of a version that did not count them says none tried.
    let last = tried.max(pass);
    if status.trouble.is_some() {
        format!("pass {last} (could not be made)")
    } else {
        format!("pass {last}")
    }
}

/// How many of how many, and of which commit.
fn ready(status: &Status) -> String {
    let commit = status.commit.as_ref();
    let commit = commit.map_or("no commit", |commit| commit.short());
    let all = &status.exchanges;
    let ready = all.iter().filter(|entry| entry.phase == Phase::Ready);
    format!("{} of {} ready at {commit}", ready.count(), all.len())
}

/// How it stands in one line, for whoever shows no more.
pub fn line(status: &Status) -> String {
    let standing = match (status.pass, &status.trouble) {
        (0, None) => "the first pass is running".to_owned(),
        (0, Some(_)) => "no pass was made yet".to_owned(),
        (_, None | Some(_)) => ready(status),
    };
    let words = std::iter::once(standing).chain(warnings(status));
    let lines = words.map(|words| words.split_whitespace().collect::<Vec<_>>().join(" "));
    let line = lines.collect::<Vec<_>>().join(" ! ");
    line.chars().take(LONGEST_LINE).collect()
}

/// `3m`, `2h`, `5d`: the largest unit is enough for people.
pub(super) fn age(since: Timestamp, now: Timestamp) -> String {
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
    use crate::report::UNBOUNDED;
    use crate::status::Unread;

    #[test]
    fn a_line_says_how_it_stands_and_what_is_wrong() {
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let mut status = Status::new(1, now);
        assert_eq!(line(&status), "the first pass is running");
        status.pass = 1;
        status.settings = Some(Trouble {
            reason: Reason::SettingsInvalid,
            text: "not usable:\n  line 1\n".to_owned(),
        });
        let stands = "0 of 0 ready at no commit ! settings not read again: not usable: line 1 (SettingsInvalid)";
        assert_eq!(line(&status), stands);
        status.settings.as_mut().unwrap().text = "long ".repeat(1000);
        assert_eq!(line(&status).len(), LONGEST_LINE);
    }

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
        status.tried = 20;
        let shown = table(&status, now, true, 80);
        assert!(shown.ends_with("pass 20\n"), "long over: {shown}");
        status.trouble = Some(Trouble {
            reason: Reason::SourceUnreadable,
            text: "no answer".to_owned(),
        });
        let shown = table(&status, now, true, 80);
        assert!(shown.ends_with("pass 20 (could not be made)\n"), "{shown}");
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
        status.unreadable.truncate(1);
        status.unreadable[0].why.text = "no answer from its address ".repeat(9);
        let shown = table(&status, now, true, 80);
        assert!(shown.lines().all(|line| line.len() <= 80), "{shown}");
        assert!(shown.starts_with("! cluster eu-edge"), "{shown}");
        assert!(
            shown
                .lines()
                .skip(1)
                .take(3)
                .all(|line| line.starts_with("  ")),
            "{shown}"
        );
        let whole = table(&status, now, true, UNBOUNDED);
        assert!(
            whole
                .lines()
                .next()
                .unwrap()
                .ends_with("(ClusterUnreachable)"),
            "{whole}"
        );
    }
}
