//! What was begun and not ended by a process that is gone, where its last status does not say so: it had no time to.

use std::collections::BTreeMap;

use super::{Phase, Status, StatusEntry, UNKNOWN};
use crate::reason::Reason;
use crate::state::journal::Deed;

impl Status {
    /// Takes over from the journal what nobody ended, oldest deed first: what the plan of that process found missing may be
    /// there since.
    pub fn take_unfinished(&mut self, deeds: &[Deed]) {
        let effects = deeds.iter().filter(|deed| deed.is_effect());
        let last: BTreeMap<_, _> = effects
            .filter_map(|deed| Some((deed.id.exchange()?, deed)))
            .collect();
        let at = self.written_at;
        for entry in &mut self.exchanges {
            let deed = entry.id.as_ref().and_then(|id| last.get(id));
            // Where nothing was to be done, a later look found that it is.
            let is_open = entry.action.is_change() || entry.under_way.is_some();
            if let Some(deed) = deed.filter(|deed| is_open && deed.is_unfinished()) {
                entry.last_health = entry.health_of(at);
                interrupt(entry, deed);
            }
        }
    }
}

fn interrupt(entry: &mut StatusEntry, deed: &Deed) {
    entry.phase = Phase::Unknown;
    entry.reason = Reason::Interrupted;
    entry.text = text(deed);
    entry.midway = true;
    entry.under_way = None;
    entry.until = None;
    entry.since = deed.time;
    UNKNOWN.clone_into(&mut entry.health);
    entry.degraded = false;
}

fn text(deed: &Deed) -> String {
    let action = deed.action.as_deref().unwrap_or("something");
    let by = deed.actor.as_ref();
    let by = by.map_or_else(String::new, |by| format!(" by `{by}`"));
    let steps: Vec<_> = deed.steps.iter().map(|it| it.replace('_', " ")).collect();
    let released = if deed.after == deed.before {
        "what it left is not known"
    } else {
        "helm was done with the release"
    };
    format!(
        "{action} was begun at {:.0}{by} and nobody saw its end ({}): {released}",
        deed.began,
        steps.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::plan::action::Action;
    use crate::state::journal::{Journal, Line, Phase as Step, deeds};

    fn deeds_of(lines: &[(&str, Step, serde_json::Value)]) -> Vec<Deed> {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "apply as nats").unwrap();
        for (step, phase, detail) in lines {
            let line = Line {
                pass: 1,
                commit: None,
                id: Some("us/ns/a".parse().unwrap()),
                step: (*step).to_owned(),
                phase: *phase,
                detail: detail.clone(),
            };
            journal.append(line).unwrap();
        }
        deeds(&Journal::look(folder.path()).unwrap().0)
    }

    fn status() -> Status {
        let entry = json!({
            "id": "us/ns/a", "name": "a", "file": "exchanges/a.yaml", "action": "install", "planned": "FileAdded",
            "phase": "progressing", "reason": "FileAdded", "text": "no release of it exists", "health": "healthy",
            "since": Timestamp::UNIX_EPOCH, "client_urls": [],
        });
        let mut status = Status::new(1, Timestamp::UNIX_EPOCH);
        status.exchanges = vec![serde_json::from_value(entry).unwrap()];
        status
    }

    #[test]
    fn what_a_killed_process_began_is_unknown_and_what_it_ended_is_as_it_said() {
        let digest = json!({"digest": "one"});
        let begun = ("helm_install", Step::Intent, digest.clone());
        let done = ("helm_install", Step::Done, digest);
        let ended = ("finished", Step::Done, json!({"action": "install"}));
        let mut half = status();
        half.take_unfinished(&deeds_of(&[begun.clone(), done.clone()]));
        let [entry] = half.exchanges.as_slice() else {
            panic!("one")
        };
        assert_eq!(
            (entry.phase, entry.reason),
            (Phase::Unknown, Reason::Interrupted)
        );
        assert!(entry.midway && entry.health == UNKNOWN);
        assert!(
            entry.text.contains("helm was done with the release"),
            "{}",
            entry.text
        );
        assert!(
            entry
                .health_text()
                .contains("healthy when it was known last")
        );
        let mut lost = status();
        lost.take_unfinished(&deeds_of(std::slice::from_ref(&begun)));
        assert!(lost.exchanges[0].text.contains("not known"));
        let mut seen = status();
        seen.exchanges[0].action = Action::None;
        let before = seen.clone();
        seen.take_unfinished(&deeds_of(&[begun.clone(), done.clone()]));
        assert_eq!(seen, before, "who came after looked, and found it done");
        let mut whole = status();
        whole.take_unfinished(&deeds_of(&[begun, done, ended]));
        assert_eq!(whole, status());
    }
}
