//! The last step of a plan: nothing secret leaves it, whatever shows it afterwards.

use std::borrow::Cow;

use serde_json::Value;

use super::action::{Action, Plan, PlannedExchange, ValueChange};
use crate::exchange::desired::Desired;
use crate::id::ExchangeId;
use crate::mask::{Masker, Secrets, masked};
use crate::reason::Reason;

/// Hides every secret of `plan`. Those among the changes are numbered first, in the order they are shown; the others
/// of the exchanges that are shown are looked for too, because texts quote them.
pub(super) fn conceal<'a>(
    plan: &mut Plan,
    desired: &'a Desired,
    stored: &dyn Fn(&ExchangeId) -> Option<Cow<'a, Value>>,
) {
    let mut secrets = Secrets::default();
    for change in plan.exchanges.iter().flat_map(changes_of) {
        for value in [&change.old, &change.new].into_iter().flatten() {
            secrets.note_variables(&change.path, value);
        }
    }
    for change in plan.exchanges.iter().flat_map(changes_of) {
        for value in [&change.old, &change.new].into_iter().flatten() {
            secrets.learn(&change.path, value);
        }
    }
    for id in plan.exchanges.iter().filter_map(shown) {
        if let Some(values) = stored(id) {
            secrets.learn(&[], &values);
        }
        if let Some(exchange) = desired.exchanges.get(id) {
            secrets.learn(&[], &exchange.values.open());
            for (key, value) in &exchange.metadata.open() {
                secrets.learn(std::slice::from_ref(key), value);
            }
        }
    }
    let masker = secrets.masker();
    for entry in &mut plan.exchanges {
        hide(&masker, entry);
    }
    for unreadable in plan.unreadable.values_mut() {
        unreadable.text = masker.text(&unreadable.text);
    }
    for finding in &mut plan.diagnostics {
        masker.finding(finding);
    }
}

fn changes_of(entry: &PlannedExchange) -> impl Iterator<Item = &ValueChange> {
    let record = entry.registry.iter().flat_map(|change| &change.changes);
    entry.values.iter().chain(record)
}

/// The id, where something of the entry is shown beside it.
fn shown(entry: &PlannedExchange) -> Option<&ExchangeId> {
    let quiet = entry.action == Action::None
        && entry.reason == Reason::UpToDate
        && entry.diagnostics.is_empty();
    entry.id.as_ref().filter(|_| !quiet)
}

fn hide(masker: &Masker, entry: &mut PlannedExchange) {
    entry.name = masker.text(&entry.name);
    entry.text = masker.text(&entry.text);
    // A file is looked for by its name, so a word of it that happens to be a weak password elsewhere stays.
    entry.file = masked(&entry.file);
    for version in [&mut entry.chart.old, &mut entry.chart.new] {
        *version = version.as_deref().map(|version| masker.text(version));
    }
    for text in entry.subjects.iter_mut().chain(&mut entry.links) {
        *text = masker.text(text);
    }
    for key in entry.drift.iter_mut().flat_map(|one| &mut one.path) {
        *key = masked(key);
    }
    if let Some(guard) = &mut entry.guard {
        guard.needs = masker.text(&guard.needs);
    }
    let record = entry
        .registry
        .iter_mut()
        .flat_map(|change| &mut change.changes);
    for change in entry.values.iter_mut().chain(record) {
        for value in [&mut change.old, &mut change.new].into_iter().flatten() {
            let (shown, hid) = masker.value(&change.path, value);
            *value = shown;
            change.sensitive |= hid;
        }
        for key in &mut change.path {
            *key = masked(key);
        }
    }
    for finding in &mut entry.diagnostics {
        masker.finding(finding);
    }
}
