//! Which exchanges keep those that depend on them waiting, and why. What nothing is known of keeps nobody.

use std::collections::{BTreeMap, BTreeSet};

use crate::apply::effect::Why;
use crate::apply::outcome::{Outcome, OutcomeResult};
use crate::id::ExchangeId;
use crate::plan::action::{Action, Plan};
use crate::reason::Reason;

#[derive(Debug, Default)]
pub(super) struct Readiness(BTreeMap<ExchangeId, Why>);

impl Readiness {
    /// What a plan says of each: one that is held is not ready, one that is as wanted is, unless its servers said
    /// otherwise. What was said of exchanges that are gone is forgotten.
    pub(super) fn take_plan(&mut self, plan: &Plan) {
        let ids: BTreeSet<_> = plan
            .exchanges
            .iter()
            .filter_map(|one| one.id.as_ref())
            .collect();
        self.0.retain(|id, _| ids.contains(id));
        for entry in &plan.exchanges {
            let Some(id) = &entry.id else { continue };
            // Somebody's hand on the brake says nothing of what runs.
            let is_braked =
                entry.reason == Reason::Suspended && entry.precondition.secret.is_some();
            match Why::of_hold(entry) {
                Some(why) if !is_braked => self.unready(id, why),
                None if entry.action == Action::None => {
                    if self.0.get(id).is_some_and(|why| !is_health(why.reason)) {
                        self.ready(id);
                    }
                }
                Some(_) | None => {}
            }
        }
    }

    /// What it came to.
    pub(super) fn take_outcome(&mut self, outcome: &Outcome) {
        match outcome.result {
            OutcomeResult::Done | OutcomeResult::Unchanged => self.ready(&outcome.id),
            OutcomeResult::Failed
            | OutcomeResult::Fenced
            | OutcomeResult::Cancelled
            | OutcomeResult::Blocked => {
                let unsaid = || Why::new(Reason::Interrupted, "it was interrupted");
                let why = outcome.why.clone().unwrap_or_else(unsaid);
                self.0.insert(outcome.id.clone(), why);
            }
        }
    }

    /// Its servers are well.
    pub(super) fn ready(&mut self, id: &ExchangeId) {
        self.0.remove(id);
    }

    /// Its servers are not.
    pub(super) fn unready(&mut self, id: &ExchangeId, why: Why) {
        self.0.insert(id.clone(), why);
    }

    /// Why those that depend on it have to wait.
    pub(super) fn why_not(&self, id: &ExchangeId) -> Option<&Why> {
        self.0.get(id)
    }
}

/// Whether it is for the servers to say that it is over; a plan does not see it.
fn is_health(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::HealthTimeout
            | Reason::ReloadRefused
            | Reason::RollingOut
            | Reason::ScaledDown
            | Reason::StatefulSetGone
            | Reason::ReloadPending
            | Reason::ClusterNotFormed
    )
}
