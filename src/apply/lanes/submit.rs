//! A plan is handed over: what of it begins, what is held, and whose way it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::recall::Recall;
use super::shared::{Flight, lock};
use super::{InFlight, Lanes, QUEUED, supervise};
use crate::apply::effect::Why;
use crate::apply::effects::Effects;
use crate::apply::outcome::{Outcome, Verdict};
use crate::apply::subject::Subject;
use crate::exchange::desired::{Desired, DesiredExchange};
use crate::id::ExchangeId;
use crate::plan::action::{Action, Plan, PlannedExchange};
use crate::reason::Reason;
use crate::state::journal::{Line, Phase};

/// Which refusals of the past are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry<'a> {
    /// All: a person asked.
    Everything,
    /// These: a person named them.
    Only(&'a BTreeSet<ExchangeId>),
}

impl Retry<'_> {
    /// Whether this one's are.
    pub fn covers(self, id: &ExchangeId) -> bool {
        match self {
            Retry::Everything => true,
            Retry::Only(ids) => ids.contains(id),
        }
    }
}

/// What became of a plan that was handed over.
#[derive(Debug)]
pub struct Submitted {
    /// What is not begun, and why.
    pub held: BTreeMap<ExchangeId, Outcome>,
    /// What another flight of the same exchange keeps from being begun; the look after its end says whether it still is to be.
    pub put_off: BTreeSet<ExchangeId>,
    /// Whose flight leads to something else than is wanted now, whether something else is to be begun or not.
    pub outdated: BTreeSet<ExchangeId>,
}

impl<E: Effects> Lanes<E> {
    /// Hands a plan over and waits for nothing; what it begins is traced within the current span, and told when it ends. An
    /// exchange in flight is left alone unless it is on the way to what is no longer wanted, or has changed nothing yet and nothing
    /// is to be done: then its next effect is not begun, and a wait, for its turn or for health, is over.
    pub fn submit(&self, plan: &Plan, desired: &Desired, pass: u64, retry: Retry<'_>) -> Submitted {
        // What ended meanwhile is counted before it is no longer in flight.
        let is_idle = lock(&self.shared.flights).is_empty();
        lock(&self.shared.halt).begin(plan, desired, is_idle);
        lock(&self.shared.readiness).take_plan(plan);
        let outdated = self.supersede(desired);
        self.call_off(plan);
        let midway = lock(&self.shared.midway).clone();
        let mut held = BTreeMap::new();
        let (mut begun, mut settled) = (Vec::new(), Vec::new());
        let mut put_off = BTreeSet::new();
        for entry in &plan.exchanges {
            let Some(id) = &entry.id else { continue };
            let wanted = desired.exchanges.get(id);
            let verdict = match self.not_begun(id, entry, wanted.map(AsRef::as_ref), retry) {
                None if self.is_flying(id) || midway.contains(id) => {
                    put_off.insert(id.clone());
                    continue;
                }
                // Begun, it would end in the same way, and be told, in each pass.
                None => self.shared.halted(id).map(Verdict::Blocked),
                verdict => verdict,
            };
            if let Some(verdict) = verdict {
                match &verdict {
                    Verdict::Unchanged => settled.extend(self.settled(id, plan, pass)),
                    // What the plan itself holds was taken with it.
                    Verdict::Failed(why) | Verdict::Blocked(why) if entry.action.is_change() => {
                        lock(&self.shared.readiness).unready(id, why.clone());
                    }
                    Verdict::Failed(_)
                    | Verdict::Blocked(_)
                    | Verdict::Done
                    | Verdict::Fenced(_)
                    | Verdict::Cancelled => {}
                }
                let outcome = Outcome::new(id.clone(), entry.action, verdict, Vec::new());
                held.insert(id.clone(), outcome);
                continue;
            }
            begun.push(Subject {
                id: id.clone(),
                entry: Arc::new(entry.clone()),
                desired: wanted.cloned(),
                commit: plan.commit.clone(),
                pass,
            });
        }
        if !settled.is_empty()
            && let Err(error) = self.shared.journal.append_all(settled)
        {
            tracing::warn!(%error, "the journal could not be written");
        }
        self.launch(begun);
        Submitted {
            held,
            put_off,
            outdated,
        }
    }

    /// What was interrupted turned out to be done: its cluster was observed, and nothing is left to do.
    fn settled(&self, id: &ExchangeId, plan: &Plan, pass: u64) -> Option<Line> {
        let flying = lock(&self.shared.flights).contains_key(id);
        if flying || self.shared.journal.memory(id).open.is_none() {
            return None;
        }
        Some(Line {
            pass,
            commit: plan.commit.clone(),
            id: Some(id.clone()),
            step: "observed".to_owned(),
            phase: Phase::Done,
            detail: serde_json::Value::Null,
        })
    }

    fn not_begun(
        &self,
        id: &ExchangeId,
        entry: &PlannedExchange,
        wanted: Option<&DesiredExchange>,
        retry: Retry<'_>,
    ) -> Option<Verdict> {
        if entry.action == Action::None {
            return Some(Verdict::Unchanged);
        }
        if let Some(why) = Why::of_hold(entry) {
            return Some(Verdict::Blocked(why));
        }
        let refused = self.shared.journal.memory(id).refused?;
        let early = supervise::is_early(&refused, Timestamp::now());
        let holds = refused.is_of(wanted) && early && !retry.covers(id);
        holds.then_some(Verdict::Failed(refused.why))
    }

    /// Ends the flights that lead to something else than is wanted: changed, taken back or removed since. What a broken file wants
    /// nobody knows.
    fn supersede(&self, desired: &Desired) -> BTreeSet<ExchangeId> {
        let flights = lock(&self.shared.flights);
        let is_outdated = |id: &ExchangeId, flight: &Flight| match desired.exchanges.get(id) {
            Some(wanted) => flight.shown.digest.as_ref() != Some(&wanted.digest),
            None => flight.shown.digest.is_some() && desired.broken.is_empty(),
        };
        let outdated = flights
            .iter()
            .filter(|(id, flight)| is_outdated(id, flight));
        outdated
            .map(|(id, flight)| {
                flight.recall.supersede();
                id.clone()
            })
            .collect()
    }

    /// Ends what has changed nothing yet where nothing is to be done any more, or not now: somebody holds it, or what it wants was
    /// come by in another way.
    fn call_off(&self, plan: &Plan) {
        let flights = lock(&self.shared.flights);
        if flights.is_empty() {
            return;
        }
        let entries = plan.exchanges.iter();
        let entries = entries.filter_map(|entry| Some((entry.id.as_ref()?, entry)));
        let entries: BTreeMap<_, _> = entries.collect();
        for (id, flight) in &*flights {
            let unread = ["registry", id.cluster.as_str()];
            let is_seen = !unread
                .into_iter()
                .any(|one| plan.unreadable.contains_key(one));
            if is_called_off(entries.get(id).copied(), is_seen) {
                flight.recall.call_off();
            }
        }
    }

    fn launch(&self, begun: Vec<Subject>) {
        let mut flights = lock(&self.shared.flights);
        let mut recalls = Vec::new();
        for subject in &begun {
            let recall = Recall::default();
            recalls.push(recall.clone());
            lock(&self.shared.readiness).ready(&subject.id);
            let flight = Flight {
                shown: InFlight {
                    action: subject.entry.action,
                    planned: subject.entry.reason,
                    digest: subject.desired.as_ref().map(|one| one.digest.clone()),
                    since: Timestamp::now(),
                    step: QUEUED,
                    waiting: None,
                    until: None,
                },
                recall,
                abort: None,
            };
            flights.insert(subject.id.clone(), flight);
        }
        // Only now, so that each finds those it depends on.
        for (subject, recall) in begun.into_iter().zip(recalls) {
            let id = subject.id.clone();
            let span = tracing::info_span!("exchange", exchange = %id, cluster = %id.cluster, action = subject.entry.action.word(), result = Empty, reason = Empty);
            let run = supervise::supervise(Arc::clone(&self.shared), subject, recall);
            let abort = tokio::spawn(run.instrument(span)).abort_handle();
            if let Some(flight) = flights.get_mut(&id) {
                flight.abort = Some(abort);
            }
        }
    }
}

/// Whether nothing is to be done, by this entry of the newest plan. Who could not be seen may be back before it is its turn, and
/// is looked at then: an outage ends nothing.
fn is_called_off(entry: Option<&PlannedExchange>, is_seen: bool) -> bool {
    let Some(entry) = entry else { return is_seen };
    match entry.action {
        Action::None => is_seen || entry.reason != Reason::UpToDate,
        // Drift that comes again and again is put back only when somebody asks for it, and what he asked for is under way.
        Action::Blocked => !matches!(
            entry.reason,
            Reason::RegistryUnreadable | Reason::DriftReturns
        ),
        Action::Conflict => true,
        Action::Unreadable
        | Action::Install
        | Action::Upgrade
        | Action::Uninstall
        | Action::Adopt
        | Action::Repair
        | Action::Register
        | Action::Deregister => false,
    }
}
