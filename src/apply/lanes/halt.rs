//! Holds what was not tried yet where one thing goes wrong again and again.

use std::collections::{BTreeMap, BTreeSet};

use crate::exchange::desired::Desired;
use crate::id::{CommitId, Digest, ExchangeId};
use crate::plan::action::{Action, Plan};
use crate::reason::Reason;

/// Which exchanges failed since something else was wanted, and at what. One that fails again and again is one failure: it says
/// nothing of the others.
#[derive(Debug)]
pub(super) struct Halt {
    limit: usize,
    wanted: Option<Wanted>,
    failures: BTreeMap<ExchangeId, Reason>,
}

/// Tells what is wanted from anything else.
#[derive(Debug, PartialEq)]
enum Wanted {
    Commit(CommitId),
    /// A plain folder has no commits.
    Files(Digest),
}

impl Wanted {
    fn of(plan: &Plan, desired: &Desired) -> Self {
        if let Some(commit) = &plan.commit {
            return Self::Commit(commit.clone());
        }
        let all = desired.exchanges.iter();
        let parts = all.flat_map(|(id, one)| {
            let (digest, told) = (one.digest.to_string(), one.told().to_string());
            [id.to_string(), digest, told]
        });
        let parts: Vec<String> = parts.collect();
        Self::Files(Digest::of(parts.join("\n").as_bytes()))
    }
}

impl Halt {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            wanted: None,
            failures: BTreeMap::new(),
        }
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// What is wanted now may have mended it. What is not to be done any more never works, so it holds nobody; of a cluster
    /// that could not be read nobody knows that. `is_idle`: nothing is in flight.
    pub(super) fn begin(&mut self, plan: &Plan, desired: &Desired, is_idle: bool) {
        let mut entries = plan.exchanges.iter();
        let begins = entries.any(|entry| entry.action.is_change());
        if is_idle && !begins && self.failures.is_empty() {
            // Nothing is counted, or will be before the next plan: ten thousand exchanges are not gone through for nobody.
            self.wanted = None;
            return;
        }
        let wanted = Some(Wanted::of(plan, desired));
        if self.wanted != wanted {
            self.wanted = wanted;
            self.failures.clear();
        }
        if self.failures.is_empty() {
            return;
        }
        let entries = plan.exchanges.iter();
        let open = entries
            .filter(|entry| entry.action.is_change() || entry.action == Action::Unreadable)
            .filter_map(|entry| entry.id.as_ref());
        let open: BTreeSet<_> = open.collect();
        self.failures.retain(|id, _| open.contains(id));
    }

    pub(super) fn forgive(&mut self) {
        self.failures.clear();
    }

    /// It failed. Where that says nothing of the change, what is known of it stays.
    pub(super) fn count(&mut self, reason: Reason, id: &ExchangeId) {
        if !is_of_surroundings(reason) {
            self.failures.insert(id.clone(), reason);
        }
    }

    /// It worked in the end.
    pub(super) fn clear(&mut self, id: &ExchangeId) {
        self.failures.remove(id);
    }

    /// The reason that holds this one, and of how many exchanges. One that failed is not held by others that did: the halt ends
    /// by itself only if those that are counted are tried again when that is due, whatever each of them failed at.
    pub(super) fn cause(&self, id: &ExchangeId) -> Option<(Reason, usize)> {
        if self.limit == 0 || self.failures.contains_key(id) {
            return None;
        }
        let mut counts = BTreeMap::new();
        for reason in self.failures.values() {
            *counts.entry(*reason).or_insert(0) += 1;
        }
        counts.into_iter().find(|(_, count)| *count >= self.limit)
    }
}

/// Whether it lies around the change and not in it: an outage or a lock passes by itself or is mended outside the repository,
/// and is the same for whatever a commit changes. To hold others for it would make the trouble of one cluster that of all.
pub(super) fn is_of_surroundings(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ClusterUnreachable
            | Reason::ClusterUnauthorized
            | Reason::ClusterForbidden
            | Reason::KubeconfigInvalid
            | Reason::RegistryUnreadable
            | Reason::ChartUnavailable
            | Reason::StateUnusable
            | Reason::LeaseHeld
            | Reason::ReleaseLocked
            | Reason::ReleaseAppeared
            | Reason::Terminating
            | Reason::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::action::PlannedExchange;
    use crate::plan::tests::world::{desired, exchange, id, now, observed};

    /// A plain folder, in which `x` is to be installed or is as wanted.
    fn folder(begins: bool) -> (Plan, Desired) {
        let all = [exchange("x", serde_json::json!({}))];
        let (mut wanted, mut world) = (desired(all.iter().cloned()), observed(&all));
        (wanted.commit, wanted.has_history) = (None, false);
        if begins {
            world = observed(&[]);
        }
        let plan = crate::plan::plan(
            &wanted,
            &world,
            &crate::plan::policy::Policy::default(),
            now(),
        );
        let is_change = |entry: &PlannedExchange| entry.action.is_change();
        assert_eq!(plan.exchanges.iter().any(is_change), begins, "{plan:#?}");
        (plan, wanted)
    }

    #[test]
    fn what_is_wanted_is_gone_through_only_where_something_can_be_counted() {
        let ((rest, wanted), (work, _)) = (folder(false), folder(true));
        let mut halt = Halt::new(1);
        halt.begin(&rest, &wanted, true);
        assert_eq!(halt.wanted, None);
        halt.begin(&rest, &wanted, false);
        assert!(halt.wanted.is_some(), "what is in flight may fail");
        halt.begin(&rest, &wanted, true);
        assert_eq!(halt.wanted, None);
        halt.begin(&work, &wanted, true);
        halt.count(Reason::HelmFailed, &id("x"));
        halt.begin(&work, &wanted, true);
        assert!(halt.cause(&id("y")).is_some(), "the same is wanted");
        halt.begin(&work, &Desired::default(), true);
        assert_eq!(halt.cause(&id("y")), None, "something else is");
    }
}
