//! What a look leaves in the state folder.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tokio::task::block_in_place;

use super::Survey;
use crate::id::ExchangeId;
use crate::pass::{Before, Equipment, PassError, identity};
use crate::plan::action::PlannedExchange;
use crate::plan::policy::Withheld;
use crate::reason::Reason;
use crate::report::is_complete;
use crate::source::Revision;
use crate::state::{State, StateError};

/// What was held back before. Where nobody knows, installs and repairs go on; it is said when it begins, not once a minute.
pub(super) fn withheld(state: &State, before: Option<&Before>) -> Result<Withheld, StateError> {
    match state.withheld() {
        Ok(ids) => Ok(Withheld::Ids(ids)),
        Err(error @ StateError::Damaged { .. }) => {
            let last = before.map(|before| &before.survey.policy.withheld);
            if last != Some(&Withheld::Unknown) {
                tracing::warn!(%error, "which removals were held back is not known");
            }
            Ok(Withheld::Unknown)
        }
        Err(error) => Err(error),
    }
}

impl Survey {
    /// Remembers clusters that were seen for the first time, and what a plain folder declares: before anything is done
    /// there. Approvals that are over are removed, removals that are held stay so until they are over, and what a folder
    /// declared of which nothing is left is forgotten. For whoever holds the state folder and does what this says; `flying` is
    /// what was on its way when the look began.
    pub fn remember(
        &self,
        state: &State,
        flying: &BTreeSet<ExchangeId>,
        now: Timestamp,
    ) -> Result<(), PassError> {
        state.sweep_approvals(now, |id| self.desired.exchanges.contains_key(id))?;
        let withheld = self.withheld();
        self.know_withheld(state, &withheld)?;
        let is_whole = is_complete(&self.plan) && self.desired.broken.is_empty();
        self.remember_seen(state, now, |id| {
            is_whole && !flying.contains(id) && self.is_gone(id, &withheld)
        })
    }

    /// The same, of whatever revision it is. What another commit than the head declares may still be gone at the head: no
    /// removal that is held and no approval is let go for it. The head is looked up anew: `reconcile --commit` moves it
    /// during a look, and so does whoever commits to a repository that is read in place.
    pub fn remember_of_head(
        &self,
        equipment: &Equipment,
        flying: &BTreeSet<ExchangeId>,
        now: Timestamp,
    ) -> Result<(), PassError> {
        let source = &equipment.repository.source;
        let head = block_in_place(|| source.find(&Revision::Head))?;
        let head = head.map(|found| found.commit);
        if !self.desired.dirty && self.desired.commit == head {
            self.remember(&equipment.state, flying, now)
        } else {
            self.remember_more(&equipment.state, now)
        }
    }

    /// The same, where nobody agreed yet or another revision is looked at than the one followed: more removals are held, and
    /// none is let go, as nothing may come of it.
    pub fn remember_more(&self, state: &State, now: Timestamp) -> Result<(), PassError> {
        let mut withheld = self.policy.withheld.clone();
        if let Withheld::Ids(ids) = &mut withheld {
            ids.extend(self.held());
        }
        self.know_withheld(state, &withheld)?;
        self.remember_seen(state, now, |_| false)
    }

    fn remember_seen(
        &self,
        state: &State,
        now: Timestamp,
        is_gone: impl Fn(&ExchangeId) -> bool,
    ) -> Result<(), PassError> {
        if self.desired.commit.is_none() {
            state.know_declared(&self.desired, is_gone)?;
        }
        Ok(identity::remember(&self.observed.clusters, state, now)?)
    }

    fn know_withheld(&self, state: &State, withheld: &Withheld) -> Result<(), StateError> {
        match withheld {
            // The policy has what is remembered.
            Withheld::Ids(ids) if *withheld != self.policy.withheld => state.know_withheld(ids),
            Withheld::Ids(_) | Withheld::Unknown => Ok(()),
        }
    }

    /// Removals that are held back: by this plan, or before and not seen to be over. An approval may end before the removal
    /// is done, so one that is approved stays among them.
    fn withheld(&self) -> Withheld {
        let whole = is_complete(&self.plan);
        let declared = &self.desired.exchanges;
        let ids = || self.plan.exchanges.iter().filter_map(|it| it.id.as_ref());
        let before = match &self.policy.withheld {
            // As almost always: ten thousand ids are not sorted once a minute for nobody.
            Withheld::Ids(before) if before.is_empty() => return Withheld::Ids(self.held()),
            Withheld::Ids(before) => before,
            // What cannot be seen now may be among what was held.
            Withheld::Unknown if !whole => return Withheld::Unknown,
            Withheld::Unknown => {
                let undeclared = ids().filter(|id| !declared.contains_key(*id));
                return Withheld::Ids(undeclared.cloned().collect());
            }
        };
        let planned: BTreeSet<_> = ids().collect();
        let is_open = |id: &&ExchangeId| {
            let is_gone = whole && self.sees(id) && !planned.contains(*id);
            !declared.contains_key(*id) && !is_gone
        };
        let mut held = self.held();
        held.extend(before.iter().filter(is_open).cloned());
        Withheld::Ids(held)
    }

    /// Whether nothing is left of what is declared no more: neither release nor record, nobody holds it, and nothing was begun
    /// of it that did not end. Of a look that saw everything.
    fn is_gone(&self, id: &ExchangeId, withheld: &Withheld) -> bool {
        let Withheld::Ids(withheld) = withheld else {
            return false;
        };
        let policy = &self.policy;
        let is_held = withheld.contains(id) || policy.suspended.contains_key(id);
        let is_begun = policy.journalled.contains(id) || policy.removing.contains(id);
        let mut planned = self.plan.exchanges.iter();
        let is_planned = planned.any(|entry| entry.id.as_ref() == Some(id));
        self.sees(id) && !is_held && !is_begun && !is_planned
    }

    /// By this plan.
    fn held(&self) -> BTreeSet<ExchangeId> {
        let is_held = |entry: &&PlannedExchange| {
            let guard = entry.guard.as_ref();
            guard.is_some_and(|guard| guard.name == Reason::MassRemoval)
        };
        let held = self.plan.exchanges.iter().filter(is_held);
        held.filter_map(|entry| entry.id.clone()).collect()
    }

    /// Whether a release of this id would have been seen: its cluster may have left the inventory, or be another one now.
    fn sees(&self, id: &ExchangeId) -> bool {
        let view = self.observed.clusters.get(&id.cluster);
        view.and_then(|view| view.as_ref().ok())
            .is_some_and(|view| {
                let scope = view.scope.as_ref();
                view.replaced.is_none() && scope.is_none_or(|scope| scope.contains(&id.namespace))
            })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;
    use crate::exchange::desired::{Desired, DesiredExchange};
    use crate::observe::observed::{Observed, ReleaseKey, Unreadable};
    use crate::plan::policy::Policy;
    use crate::plan::tests::world::{desired, exchange, id, now, observed, registry, view};
    use crate::plan::{plan, verify};
    use crate::state::approvals::Approval;

    /// Ten exchanges that are released; the first five are declared no more.
    struct Host {
        folder: tempfile::TempDir,
        state: State,
        all: Vec<DesiredExchange>,
        wanted: Desired,
        world: Observed,
    }

    impl Host {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let state = State::open(folder.path()).unwrap();
            let each = (0..10).map(|number| exchange(&format!("x{number}"), json!({})));
            let all: Vec<_> = each.collect();
            Self {
                folder,
                state,
                wanted: desired(all[5..].iter().cloned()),
                world: observed(&all),
                all,
            }
        }

        fn declare(&mut self, numbers: impl IntoIterator<Item = usize>) {
            let declared = numbers.into_iter().map(|number| self.all[number].clone());
            self.wanted = desired(declared);
        }

        fn remove(&mut self, number: usize) {
            let gone = &self.all[number];
            let releases = &mut view(&mut self.world).releases;
            releases.remove(&ReleaseKey::of(&gone.id));
            let records = &mut registry(&mut self.world).records;
            records.remove(gone.system_id.as_str());
        }

        fn approve(&self, numbers: impl IntoIterator<Item = usize>) {
            let ids = numbers.into_iter().map(|number| id(&format!("x{number}")));
            let approval = Approval {
                ids: ids.collect(),
                commit: None,
                given: now(),
                expires: later(),
            };
            self.state.approve(&approval).unwrap();
        }

        fn look(&self, at: Timestamp) -> Survey {
            let approvals = self.state.approvals(at).unwrap();
            let policy = Policy {
                withheld: withheld(&self.state, None).unwrap(),
                allow_delete: approvals.into_iter().flat_map(|one| one.ids).collect(),
                ..Policy::default()
            };
            let plan = plan(&self.wanted, &self.world, &policy, at);
            verify(&plan, &self.wanted, &self.world, &policy).unwrap();
            Survey {
                desired: self.wanted.clone().into(),
                observed: self.world.clone(),
                policy,
                plan,
            }
        }

        /// A pass that does what it says, but for the removals themselves.
        fn pass(&self, at: Timestamp) -> Survey {
            let survey = self.look(at);
            survey.remember(&self.state, &BTreeSet::new(), at).unwrap();
            survey
        }

        fn known(&self) -> Vec<String> {
            let ids = self.state.withheld().unwrap().into_iter();
            ids.map(|id| id.release.to_string()).collect()
        }

        fn damage(&self) {
            fs::write(self.folder.path().join("withheld.json"), "[").unwrap();
        }
    }

    fn later() -> Timestamp {
        "2026-01-01T13:00:00Z".parse().unwrap()
    }

    fn reason(survey: &Survey, name: &str) -> Option<Reason> {
        let mut entries = survey.plan.exchanges.iter();
        let entry = entries.find(|entry| entry.id == Some(id(name)));
        entry.map(|entry| entry.reason)
    }

    #[test]
    fn what_is_approved_is_held_until_it_is_done() {
        let mut host = Host::new();
        host.pass(now());
        host.approve(0..5);
        let approved = host.pass(now());
        assert_eq!(reason(&approved, "x4"), Some(Reason::FileRemoved));
        for number in 0..4 {
            host.remove(number);
        }
        let left = host.pass(now());
        assert_eq!(reason(&left, "x4"), Some(Reason::FileRemoved));
        assert_eq!(host.known(), ["x4"], "those that are gone are over");
        let expired = host.pass(later());
        assert_eq!(reason(&expired, "x4"), Some(Reason::MassRemoval));
        host.remove(4);
        host.pass(later());
        assert!(host.known().is_empty());
    }

    #[test]
    fn what_is_not_seen_is_not_over() {
        let mut host = Host::new();
        host.pass(now());
        for number in 0..5 {
            host.remove(number);
        }
        view(&mut host.world).replaced = Some("another".to_owned());
        host.pass(now());
        assert_eq!(host.known().len(), 5, "this is another cluster");
        view(&mut host.world).replaced = None;
        let cluster = id("x0").cluster;
        let there = host.world.clusters.remove(&cluster).unwrap();
        host.pass(now());
        assert_eq!(host.known().len(), 5, "it left the inventory");
        host.world.clusters.insert(cluster, there);
        host.pass(now());
        assert!(host.known().is_empty());
    }

    #[test]
    fn a_look_that_nobody_agreed_to_holds_more_and_lets_nothing_go() {
        let mut host = Host::new();
        host.pass(now());
        host.approve(0..2);
        host.declare(0..10);
        let look = host.look(now());
        look.remember_more(&host.state, now()).unwrap();
        assert_eq!(host.known().len(), 5);
        assert_eq!(host.state.approvals(now()).unwrap()[0].ids.len(), 2);
        host.declare(0..2);
        let look = host.look(now());
        look.remember_more(&host.state, now()).unwrap();
        assert_eq!(host.known().len(), 10, "what it holds itself is held");

        host.declare(0..10);
        host.pass(now());
        assert!(host.known().is_empty(), "all is declared again");
        assert!(host.state.approvals(now()).unwrap().is_empty());
    }

    #[test]
    fn a_folder_forgets_what_nothing_is_left_of() {
        let mut host = Host::new();
        let declared = |host: &Host| {
            let ids = host.state.declared().unwrap().into_keys();
            ids.map(|id| id.release.to_string()).collect::<Vec<_>>()
        };
        let declare = |host: &mut Host, numbers: std::ops::Range<usize>| {
            host.declare(numbers);
            host.wanted.commit = None;
        };
        declare(&mut host, 0..10);
        host.pass(now());
        declare(&mut host, 1..10);
        host.pass(now());
        assert_eq!(declared(&host).len(), 10, "its release is there");
        host.remove(0);
        let look = host.look(now());
        look.remember_more(&host.state, now()).unwrap();
        let flying = BTreeSet::from([id("x0")]);
        look.remember(&host.state, &flying, now()).unwrap();
        assert_eq!(declared(&host).len(), 10, "nobody agreed; it is on its way");
        view(&mut host.world).replaced = Some("another".to_owned());
        host.pass(now());
        assert_eq!(declared(&host).len(), 10, "not seen is not gone");
        view(&mut host.world).replaced = None;
        host.pass(now());
        assert_eq!(declared(&host).len(), 9);
        assert!(!declared(&host).contains(&"x0".to_owned()));

        declare(&mut host, 5..10);
        host.pass(now());
        assert_eq!(declared(&host).len(), 9, "they are held");
        declare(&mut host, 0..10);
        host.pass(now());
        assert_eq!(declared(&host).len(), 10, "it is declared again");
    }

    #[test]
    fn a_damaged_memory_lets_no_removal_go_and_is_made_anew() {
        let mut host = Host::new();
        host.declare(1..10);
        host.damage();
        let look = host.look(now());
        assert_eq!(reason(&look, "x0"), Some(Reason::MassRemoval));
        look.remember_more(&host.state, now()).unwrap();
        assert!(host.state.withheld().is_err(), "nobody agreed");
        host.pass(now());
        assert_eq!(host.known(), ["x0"]);
        host.approve([0]);
        let approved = host.pass(now());
        assert_eq!(reason(&approved, "x0"), Some(Reason::FileRemoved));
    }

    #[test]
    fn a_damaged_memory_is_not_made_anew_from_half_a_look() {
        let mut host = Host::new();
        host.declare(1..10);
        host.damage();
        let away = Unreadable {
            reason: Reason::ClusterUnreachable,
            text: "no route".to_owned(),
        };
        host.world.clusters.insert("eu".parse().unwrap(), Err(away));
        let half = host.pass(now());
        assert_eq!(reason(&half, "x0"), Some(Reason::MassRemoval));
        assert!(host.state.withheld().is_err());
        host.world.clusters.remove(&"eu".parse().unwrap());
        host.pass(now());
        assert_eq!(host.known(), ["x0"]);
    }
}
