//! Holds back removals that look like a mistake.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{Action, Guard, PlannedExchange};
use super::policy::Withheld;
use super::removal::may_go;
use super::scene::{Held, Scene};
use crate::diagnostic::Diagnostic;
use crate::id::{ClusterId, ExchangeId};
use crate::reason::Reason;

/// Below this a share says nothing: one of three is already a third.
const FEWEST: usize = 5;

/// Blocks removals the guard does not let through; says how to approve them all.
pub(super) fn hold_mass_removals(
    scene: &Scene<'_>,
    entries: &mut BTreeMap<ExchangeId, PlannedExchange>,
) -> Option<Diagnostic> {
    let mut held = BTreeMap::new();
    for action in [Action::Uninstall, Action::Deregister] {
        let removed: BTreeSet<ExchangeId> = entries
            .iter()
            .filter(|(_, entry)| entry.action == action)
            .map(|(id, _)| id.clone())
            .collect();
        if removed.is_empty() {
            continue;
        }
        let owned = owned(scene, action);
        // What is held for the moment goes in a later pass: one by one they would go unasked.
        let mut leaving = removed.clone();
        if action == Action::Uninstall {
            leaving.extend(leaving_of(scene, &owned));
        }
        held.extend(excess(&removed, &leaving, &owned, &Limits::of(scene)));
    }
    hold(&held, entries)
}

/// What the guard measures against.
pub(super) struct Limits<'a> {
    /// The commit declares no exchange at all.
    pub(super) empty: bool,
    /// In percent.
    pub(super) share: u32,
    /// Let through.
    pub(super) allowed: &'a BTreeSet<ExchangeId>,
    /// Under way.
    pub(super) removing: &'a BTreeSet<ExchangeId>,
    /// Held back before.
    pub(super) withheld: &'a Withheld,
}

impl<'a> Limits<'a> {
    fn of(scene: &Scene<'a>) -> Self {
        Self {
            empty: scene.desired.exchanges.is_empty(),
            share: scene.policy.max_delete_percent,
            allowed: &scene.policy.allow_delete,
            removing: &scene.policy.removing,
            withheld: &scene.policy.withheld,
        }
    }
}

/// The removals that are too many, with why. All that is `leaving` counts, now or later.
pub(super) fn excess(
    removed: &BTreeSet<ExchangeId>,
    leaving: &BTreeSet<ExchangeId>,
    owned: &BTreeSet<ExchangeId>,
    limits: &Limits<'_>,
) -> BTreeMap<ExchangeId, String> {
    let mut held = BTreeMap::new();
    for id in removed.difference(limits.allowed) {
        if limits.empty {
            held.insert(
                id.clone(),
                "the repository declares no exchange at all".to_owned(),
            );
        } else if let Some(text) = too_many(&id.cluster, leaving, owned, limits) {
            held.insert(id.clone(), text);
        } else if let Some(text) = held_before(id, limits.withheld) {
            held.insert(id.clone(), text);
        }
    }
    held
}

fn held_before(id: &ExchangeId, withheld: &Withheld) -> Option<String> {
    match withheld {
        Withheld::Ids(ids) => ids
            .contains(id)
            .then(|| "it was held back with others, and no approval lets it go".to_owned()),
        Withheld::Unknown => Some(format!(
            "withheld.json is damaged, so nobody knows whether it was held back before; if it is meant, `natsx-sync approve {id}` lets it go"
        )),
    }
}

fn too_many(
    cluster: &ClusterId,
    leaving: &BTreeSet<ExchangeId>,
    owned: &BTreeSet<ExchangeId>,
    limits: &Limits<'_>,
) -> Option<String> {
    let here = |id: &&ExchangeId| id.cluster == *cluster;
    let gone = leaving.union(limits.removing).filter(here).count();
    let all = owned.union(limits.removing).filter(here).count();
    let share = u32::try_from(gone.saturating_mul(100)).unwrap_or(u32::MAX);
    let most = u32::try_from(all)
        .unwrap_or(u32::MAX)
        .saturating_mul(limits.share);
    // Nothing unasked is a wish of its own, however few there are.
    let measured = limits.share == 0 || (gone > 1 && all >= FEWEST);
    (measured && share > most).then(|| {
        format!(
            "{gone} of {all} in cluster {cluster} would be removed, the limit is {} %",
            limits.share
        )
    })
}

/// Holds what is too many.
pub(super) fn hold(
    held: &BTreeMap<ExchangeId, String>,
    entries: &mut BTreeMap<ExchangeId, PlannedExchange>,
) -> Option<Diagnostic> {
    for (id, text) in held {
        let Some(entry) = entries.get_mut(id) else {
            continue;
        };
        let text = format!("{}; {text}", entry.text);
        let guard = Guard {
            name: Reason::MassRemoval,
            needs: format!("natsx-sync approve {id}"),
        };
        Held {
            guard: Some(guard),
            ..Held::blocked(Reason::MassRemoval, text)
        }
        .hold(entry);
    }
    let ids: Vec<String> = held.keys().map(ToString::to_string).collect();
    (!ids.is_empty()).then(|| {
        let text = match ids.len() {
            1 => "1 removal is held until someone approves it".to_owned(),
            count => format!("{count} removals are held until someone approves them"),
        };
        Diagnostic::note(Reason::MassRemoval, text)
            .hint(format!("natsx-sync approve {}", ids.join(" ")))
    })
}

/// Those that nothing declares and nothing but the moment keeps.
fn leaving_of(scene: &Scene<'_>, owned: &BTreeSet<ExchangeId>) -> BTreeSet<ExchangeId> {
    let desired = scene.desired;
    let leaving = owned.iter().filter(|id| {
        !desired.exchanges.contains_key(*id)
            && !desired.is_broken(id)
            && scene.view(id).is_ok()
            && may_go(scene, id)
    });
    leaving.cloned().collect()
}

fn owned(scene: &Scene<'_>, action: Action) -> BTreeSet<ExchangeId> {
    if action == Action::Deregister {
        return scene.marked.keys().cloned().collect();
    }
    let owned = scene.observed.owned(&scene.policy.instance);
    owned.map(|(id, _)| id).collect()
}
