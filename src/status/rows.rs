//! The exchanges of a status as rows for people: as wide and as high as the window.

use jiff::Timestamp;

use super::table::age;
use super::{Phase, Status, StatusEntry, Unread};
use crate::plan::action::Action;
use crate::report::{FITTING, UNBOUNDED, below, widest};

/// The least a reason is read in beside the rest; where there is less, it has lines of its own.
const READABLE: usize = 40;

const HEADER: [&str; 6] = ["EXCHANGE", "PHASE", "REV", "CHART", "HEALTH", "SINCE"];

/// As many as fit into `height` lines, the worst first where not all do.
pub(super) fn rows(status: &Status, now: Timestamp, width: u16, height: Option<usize>) -> String {
    let mut entries: Vec<&StatusEntry> = status.exchanges.iter().collect();
    let all = render(status, &entries, now, width);
    let Some(height) = height.filter(|height| lines(&all, width) > *height) else {
        return all;
    };
    entries.sort_by_key(|entry| urgency(entry.phase));
    let fits = |count: usize| {
        let some = entries.get(..count).unwrap_or_default();
        // The last line says how many more there are.
        lines(&render(status, some, now, width), width) < height
    };
    // What fits is found by halves: there may be thousands.
    let (mut least, mut most) = (0, entries.len());
    while least < most {
        let middle = (least + most).div_ceil(2);
        if fits(middle) {
            least = middle;
        } else {
            most = middle - 1;
        }
    }
    let shown = entries.get(..least).unwrap_or_default();
    let more = entries.len() - least;
    format!("{}\nand {more} more", render(status, shown, now, width))
}

/// So many a window of this width shows of it: what is longer goes on in the next.
pub(super) fn lines(text: &str, width: u16) -> usize {
    let width = usize::from(width.max(1));
    let lines = text.lines().map(|line| line.chars().count());
    lines.map(|length| length.div_ceil(width).max(1)).sum()
}

/// Somebody has to look at the first of them first.
fn urgency(phase: Phase) -> u8 {
    match phase {
        Phase::Failed => 0,
        Phase::Blocked => 1,
        Phase::Unknown => 2,
        Phase::Removing => 3,
        Phase::Progressing => 4,
        Phase::Waiting => 5,
        Phase::Suspended => 6,
        Phase::Ready => 7,
    }
}

fn render(status: &Status, entries: &[&StatusEntry], now: Timestamp, width: u16) -> String {
    let rows = || entries.iter().map(|entry| row(entry, now));
    let whys = || entries.iter().map(|entry| why(status, entry));
    let short = crate::report::table(HEADER, "", rows(), FITTING);
    let room = usize::from(width).saturating_sub(widest(&short));
    if width == UNBOUNDED || room > READABLE {
        let rows = rows().zip(whys()).map(|(row, why)| beside(row, why));
        let header = beside(HEADER, "WHY");
        return crate::report::table(header, "WHY", rows, width);
    }
    below(&short, whys(), width)
}

fn beside<T>(row: [T; 6], why: T) -> [T; 7] {
    let [id, phase, revision, chart, health, since] = row;
    [id, phase, revision, chart, health, since, why]
}

fn row(entry: &StatusEntry, now: Timestamp) -> [String; 6] {
    let id = entry.id.as_ref();
    let revision = entry.revision.map(|revision| revision.to_string());
    let none = || "-".to_owned();
    [
        id.map_or_else(|| entry.file.clone(), ToString::to_string),
        entry.phase.word().to_owned(),
        revision.unwrap_or_else(none),
        entry.chart_version.clone().unwrap_or_else(none),
        entry.health.clone(),
        age(entry.since, now),
    ]
}

fn why(status: &Status, entry: &StatusEntry) -> String {
    // A ready exchange needs no story; the word alone is read at a glance.
    let why = if entry.phase == Phase::Ready {
        None
    } else if let Some(trouble) = told(status, entry) {
        let own = entry.text.strip_suffix(trouble).unwrap_or_default();
        Some(format!("{}: {own}see above", entry.reason))
    } else {
        Some(format!("{}: {}", entry.reason, entry.text))
    };
    // Somebody relies on it, though it is not what keeps it from being looked at.
    let hold = entry.hold().map(|hold| format!("held: {hold}"));
    let words: Vec<_> = [hold, why].into_iter().flatten().collect();
    words
        .join("; ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// What is said of its whole cluster, above all exchanges, where that is why.
fn told<'s>(status: &'s Status, entry: &StatusEntry) -> Option<&'s str> {
    let cluster = entry.id.as_ref().map(|id| &id.cluster);
    let mut all = status.unreadable.iter();
    let is_why =
        |unread: &&Unread| unread.cluster.as_ref() == cluster && unread.why.reason == entry.reason;
    let unread = all.find(is_why)?;
    (entry.action == Action::Unreadable).then_some(unread.why.text.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(count: usize) -> Status {
        let entries: Vec<_> = (0..count)
            .map(|number| {
                let (phase, reason, text) = match number {
                    1 => ("failed", "HealthTimeout", "so many words that they do not fit beside all the rest"),
                    2 => ("unknown", "ClusterUnreachable", "no answer in time"),
                    _ => ("ready", "Ready", ""),
                };
                let action = if number == 2 { "unreadable" } else { "none" };
                json!({
                    "id": format!("east/communication/nats-{number}"), "name": "x", "file": "exchanges/x.yaml",
                    "action": action, "phase": phase, "reason": reason, "text": text, "revision": 1,
                    "chart_version": "2.14.2", "health": "healthy", "since": Timestamp::UNIX_EPOCH,
                    "client_urls": [],
                })
            })
            .collect();
        let mut status = Status::new(1, Timestamp::UNIX_EPOCH);
        status.exchanges = serde_json::from_value(json!(entries)).unwrap();
        let unread = json!([{"cluster": "east", "reason": "ClusterUnreachable", "text": "no answer in time"}]);
        status.unreadable = serde_json::from_value(unread).unwrap();
        status
    }

    fn shown(count: usize, width: u16, height: Option<usize>) -> String {
        rows(&status(count), Timestamp::UNIX_EPOCH, width, height)
    }

    #[test]
    fn a_narrow_window_has_the_reason_below_its_exchange() {
        for width in [60, 80] {
            let narrow = shown(3, width, None);
            assert!(!narrow.contains("WHY"), "{narrow}");
            let why = narrow
                .lines()
                .find(|line| line.contains("HealthTimeout"))
                .unwrap();
            assert!(
                why.starts_with("    HealthTimeout: so many words"),
                "{narrow}"
            );
            let whys = narrow.lines().filter(|line| line.starts_with("    "));
            let widest = whys.map(str::len).max();
            assert!(widest.unwrap() <= usize::from(width), "{narrow}");
        }
        let wide = shown(3, 140, None);
        assert!(wide.contains("WHY"), "{wide}");
        assert_eq!(shown(3, UNBOUNDED, None).lines().count(), 4);
    }

    #[test]
    fn what_was_said_of_a_cluster_is_not_said_of_each_exchange() {
        let wide = shown(3, UNBOUNDED, None);
        assert!(wide.contains("ClusterUnreachable: see above"), "{wide}");
        assert!(!wide.contains("no answer"), "{wide}");
    }

    /// That it is to go is said of this one alone.
    #[test]
    fn a_removal_that_waits_for_its_cluster_is_told_beside_what_was_said_of_that() {
        let mut status = status(3);
        status.exchanges[2].text =
            "a.yaml was removed in 123; its removal waits for cluster east: no answer in time"
                .into();
        let wide = rows(&status, Timestamp::UNIX_EPOCH, UNBOUNDED, None);
        let why = "ClusterUnreachable: a.yaml was removed in 123; its removal waits for cluster east: see above";
        assert!(wide.contains(why), "{wide}");
    }

    #[test]
    fn a_low_window_has_the_worst_first_and_says_how_many_more_there_are() {
        let low = shown(30, FITTING, Some(5));
        let told: Vec<_> = low.lines().collect();
        assert_eq!(told.len(), 5, "{low}");
        assert!(told[1].contains("nats-1 "), "{low}");
        assert!(told[2].contains("nats-2 "), "{low}");
        assert_eq!(told[4], "and 27 more");
        assert_eq!(shown(3, FITTING, Some(4)), shown(3, FITTING, None));
        assert!(shown(3, FITTING, Some(0)).ends_with("and 3 more"));
        assert_eq!(lines("abcd\n\nab", 3), 4, "a line may take two");
    }
}
