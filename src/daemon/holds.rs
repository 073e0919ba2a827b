//! Logs what is held back, once: when it begins to be, when the reason changes, and when it is not any more.

use std::collections::BTreeMap;

use super::ledger::{errors, finding};
use super::watch::Daemon;
use crate::mask::masked;
use crate::observe::observed::Unreadable;
use crate::pass::Survey;
use crate::plan::action::{Action, PlannedExchange};
use crate::reason::Reason;

/// So many of one reason are named; a whole fleet that is held is one more line.
const NAMED: usize = 10;

/// What is held, and why.
pub(super) type Holds = BTreeMap<Held, Why>;

/// What can be held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Held {
    /// An exchange by its id, or a file.
    Exchange(String),
    /// All of a cluster, for it cannot be read.
    Cluster(String),
    /// All that is to be registered.
    Registry,
}

/// Why it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Why {
    reason: Reason,
    text: String,
}

impl Held {
    /// Whether it is held for the same as before. How long a cluster was waited for differs each time.
    fn is_told(&self, before: &Why, now: &Why) -> bool {
        let whole = !matches!(self, Self::Exchange(_));
        before.reason == now.reason && (whole || before.text == now.text)
    }

    fn begins(&self, why: &Why) {
        let Why { reason, text } = why;
        // Of an exchange the text says it; of what did not answer it is the cause alone.
        let means = reason.story();
        match self {
            Self::Exchange(name) => tracing::warn!(exchange = name, %reason, text, "held"),
            Self::Cluster(name) => tracing::warn!(cluster = name, %reason, text, means, "held"),
            Self::Registry => tracing::warn!(%reason, text, means, "the registry is not read"),
        }
    }

    fn ends(&self) {
        match self {
            Self::Exchange(name) => tracing::info!(exchange = name, "no longer held"),
            Self::Cluster(name) => tracing::info!(cluster = name, "no longer held"),
            Self::Registry => tracing::info!("the registry is read again"),
        }
    }
}

impl Daemon<'_> {
    pub(super) fn tell_holds(&mut self, survey: &Survey) {
        let now = holds(survey);
        let mut told: BTreeMap<Reason, usize> = BTreeMap::new();
        for (held, why) in &now {
            let before = self.holds.get(held);
            if before.is_some_and(|before| held.is_told(before, why)) {
                continue;
            }
            let count = told.entry(why.reason).or_default();
            *count = count.saturating_add(1);
            if *count <= NAMED {
                held.begins(why);
            }
        }
        for (reason, count) in told {
            if let Some(more) = count.checked_sub(NAMED).filter(|more| *more > 0) {
                tracing::warn!(%reason, more, "held as well; `natsx-sync status` lists them");
            }
        }
        for held in self.holds.keys().filter(|held| !now.contains_key(*held)) {
            held.ends();
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
    let held = entries.map(|entry| {
        let (reason, text) = (entry.reason, text(entry));
        (Held::Exchange(name(entry)), Why { reason, text })
    });
    let why = |unreadable: &Unreadable| Why {
        reason: unreadable.reason,
        text: masked(&unreadable.text),
    };
    let observed = &survey.observed;
    let clusters = observed.clusters.iter().filter_map(|(id, view)| {
        let unreadable = view.as_ref().err()?;
        Some((Held::Cluster(id.to_string()), why(unreadable)))
    });
    let registry = observed.registry.as_ref().err();
    let registry = registry.map(|unreadable| (Held::Registry, why(unreadable)));
    held.chain(clusters).chain(registry).collect()
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
