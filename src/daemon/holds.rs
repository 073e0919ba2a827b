//! Logs what is held back, once: when it begins to be, when the reason changes, and when it is not any more.

use std::collections::BTreeMap;

use super::ledger::{errors, finding};
use super::watch::Daemon;
use crate::pass::Survey;
use crate::plan::action::{Action, PlannedExchange};
use crate::reason::Reason;

/// So many of one reason are named; a whole fleet that is held is one more line.
const NAMED: usize = 10;

/// What is held, by id or file, and why.
pub(super) type Holds = BTreeMap<String, (Reason, String)>;

impl Daemon<'_> {
    pub(super) fn tell_holds(&mut self, survey: &Survey) {
        let now = holds(survey);
        let mut told: BTreeMap<Reason, usize> = BTreeMap::new();
        for (name, (reason, text)) in &now {
            if self.holds.get(name) == Some(&(*reason, text.clone())) {
                continue;
            }
            let count = told.entry(*reason).or_default();
            *count = count.saturating_add(1);
            if *count <= NAMED {
                tracing::warn!(exchange = name, %reason, text, "held");
            }
        }
        for (reason, count) in told {
            if let Some(more) = count.checked_sub(NAMED).filter(|more| *more > 0) {
                tracing::warn!(%reason, more, "held as well; `natsx-sync status` lists them");
            }
        }
        for name in self.holds.keys().filter(|name| !now.contains_key(*name)) {
            tracing::info!(exchange = name, "no longer held");
        }
        self.holds = now;
    }
}

fn holds(survey: &Survey) -> Holds {
    let plan = &survey.plan;
    let entries = plan.exchanges.iter().filter(|entry| {
        // Of a cluster that cannot be read it is said once, not of each exchange there.
        matches!(entry.action, Action::Blocked | Action::Conflict)
    });
    let held = entries.map(|entry| (name(entry), (entry.reason, text(entry))));
    let unreadable = plan.unreadable.iter().map(|(place, why)| {
        // How long it was waited for differs each time.
        (place.clone(), (why.reason, why.reason.story().to_owned()))
    });
    held.chain(unreadable).collect()
}

fn name(entry: &PlannedExchange) -> String {
    entry
        .id
        .as_ref()
        .map_or_else(|| entry.file.clone(), ToString::to_string)
}

fn text(entry: &PlannedExchange) -> String {
    let broken = errors(entry);
    let text = match broken.first() {
        Some(first) if entry.reason == Reason::FileInvalid => finding(first),
        Some(_) | None => entry.text.clone(),
    };
    match &entry.guard {
        Some(guard) => format!("{text}; to let it through: {}", guard.needs),
        None => text,
    }
}
