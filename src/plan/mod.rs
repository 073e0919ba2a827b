//! The difference between what git says and what is seen, as actions. Pure and synchronous: no files, processes,
//! sockets or clocks; the time is an argument.
//!
//! Anything unknown becomes `blocked` or `unreadable`, never `uninstall`.

mod access;
pub mod action;
mod conceal;
mod declared;
mod drift;
mod effects;
mod entry;
mod figures;
pub mod fingerprint;
mod guard;
mod jetstream;
mod links;
mod mode;
mod offline;
pub mod policy;
pub mod reach;
mod registry;
mod removal;
mod scene;
mod state;
mod stateful;
mod trial;
mod twin;
mod values;
mod verify;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use drift::to_compare;
pub use jetstream::to_ask;
pub use offline::plan_offline;
pub use registry::{record_digest, wanted_record};
pub use values::difference;
pub use verify::{Refused, Violation, verify};

use crate::diagnostic::Diagnostic;
use crate::exchange::desired::{BrokenFile, Desired};
use crate::id::ExchangeId;
use crate::observe::observed::Observed;
use crate::reason::Reason;
use action::{Action, Plan, PlannedExchange};
use fingerprint::Inputs;
use policy::Policy;
use scene::Scene;

/// Compares what is wanted with what is seen. The same arguments always give the same plan.
pub fn plan(desired: &Desired, observed: &Observed, policy: &Policy, now: Timestamp) -> Plan {
    let scene = Scene {
        desired,
        observed,
        policy,
        marked: registry::marked(observed, &policy.instance),
        now,
    };
    let mut entries: BTreeMap<ExchangeId, PlannedExchange> = BTreeMap::new();
    for (id, exchange) in &desired.exchanges {
        entries.insert(id.clone(), declared::plan_declared(&scene, exchange));
    }
    for id in removal::undeclared(&scene) {
        let entry = removal::plan_removal(&scene, &id);
        entries.insert(id, entry);
    }
    let unattributed = block_broken(desired, &mut entries);
    let mut diagnostics = general_diagnostics(desired);
    diagnostics.extend(guard::hold_mass_removals(&scene, &mut entries));

    let mut exchanges: Vec<PlannedExchange> = entries.into_values().collect();
    exchanges.extend(unattributed);
    for entry in &mut exchanges {
        entry.fingerprint = fingerprint::fingerprint(entry, &Inputs::of(entry, desired));
    }
    let mut plan = Plan {
        commit: desired.commit.clone(),
        exchanges,
        unreadable: unreadable(observed),
        diagnostics,
        until: scene.next_end(),
    };
    conceal::conceal(&mut plan, desired, &|id| {
        scene.stored_values(id).map(Cow::Borrowed)
    });
    plan
}

/// Blocks what broken files name, and answers the files that name nothing.
fn block_broken(
    desired: &Desired,
    entries: &mut BTreeMap<ExchangeId, PlannedExchange>,
) -> Vec<PlannedExchange> {
    let mut unattributed = Vec::new();
    for broken in &desired.broken {
        if broken.blocks.is_empty() {
            unattributed.push(broken_entry(broken, None));
        }
        for id in &broken.blocks {
            let mut entry = broken_entry(broken, Some(id.clone()));
            if let Some(before) = entries.get(id) {
                entry.precondition = before.precondition.clone();
            }
            entries.insert(id.clone(), entry);
        }
    }
    unattributed
}

fn broken_entry(broken: &BrokenFile, id: Option<ExchangeId>) -> PlannedExchange {
    let mut entry = PlannedExchange::undeclared(
        id,
        Action::Blocked,
        Reason::FileInvalid,
        "the file has errors; until they are mended, nothing that rests on it is touched",
    );
    entry.file.clone_from(&broken.file);
    entry.line = broken.line;
    if entry.name.is_empty() {
        entry.name.clone_from(&broken.file);
    }
    entry.diagnostics.clone_from(&broken.diagnostics);
    entry
}

/// What belongs to no single exchange: neither to a planned one nor to a broken file, which show their own.
fn general_diagnostics(desired: &Desired) -> Vec<Diagnostic> {
    let broken: BTreeSet<&str> = desired
        .broken
        .iter()
        .map(|file| file.file.as_str())
        .collect();
    // By place, because there may be a finding for each of many exchanges.
    let place = |found: &Diagnostic| (found.file.clone(), found.line, found.column);
    let mut shown: BTreeMap<_, Vec<&Diagnostic>> = BTreeMap::new();
    for exchange in desired.exchanges.values() {
        for found in &exchange.diagnostics {
            shown.entry(place(found)).or_default().push(found);
        }
    }
    let mut general = desired.incomplete.clone();
    for diagnostic in &desired.diagnostics {
        let of_file = diagnostic
            .file
            .as_deref()
            .is_some_and(|file| broken.contains(file));
        let of_exchange = shown
            .get(&place(diagnostic))
            .is_some_and(|shown| shown.contains(&diagnostic));
        if !of_file && !of_exchange && !general.contains(diagnostic) {
            general.push(diagnostic.clone());
        }
    }
    general
}

fn unreadable(observed: &Observed) -> BTreeMap<String, crate::observe::observed::Unreadable> {
    let clusters = observed.clusters.iter().filter_map(|(cluster, view)| {
        let reason = view.as_ref().err()?;
        Some((cluster.to_string(), reason.clone()))
    });
    let registry = observed.registry.as_ref().err();
    clusters
        .chain(registry.map(|reason| ("registry".to_owned(), reason.clone())))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
