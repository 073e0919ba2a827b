//! Runs tasks: a queue of helms per cluster, waits that hold no place, one task per exchange at a time.

mod ending;
mod flight;
mod halt;
mod readiness;
mod slots;
mod supervise;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::effect::Why;
use super::effects::Effects;
use super::outcome::{Outcome, OutcomeResult, Verdict};
use super::subject::Subject;
use crate::exchange::desired::{Desired, DesiredExchange};
use crate::health::Health;
use crate::id::{Digest, ExchangeId};
use crate::plan::action::{Action, Plan, PlannedExchange};
use crate::reason::Reason;
use crate::state::journal::{Journal, Line, Phase};

use halt::Halt;
use readiness::Readiness;
use slots::Slots;

/// The step of what has not begun.
const QUEUED: &str = "queued";

/// How much may happen at once, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Helms at once, over all clusters.
    pub helms: usize,
    /// Exchanges of one cluster that may restart at once; 0 = no limit.
    pub max_restarting: usize,
    /// Exchanges that failed for one reason and hold what was not tried yet; 0 = no limit.
    pub halt_after: usize,
    /// How long a wait may take.
    pub health: Duration,
}

/// What is told while it happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// A task begins.
    Started(ExchangeId, Action),
    /// An effect begins.
    Step(ExchangeId, &'static str),
    /// A helm ended, after so many seconds.
    Helm(&'static str, f64),
    /// It waits.
    Waiting(ExchangeId, Why),
    /// It is over.
    Ended(Outcome),
}

/// A task that is not over.
#[derive(Debug, Clone)]
pub struct InFlight {
    /// What is done.
    pub action: Action,
    /// The digest it leads to.
    pub digest: Option<Digest>,
    /// Since when.
    pub since: Timestamp,
    /// The effect under way.
    pub step: &'static str,
    /// What it waits for.
    pub waiting: Option<Why>,
    /// When that is given up, where it is.
    pub until: Option<Timestamp>,
}

impl InFlight {
    /// Whether it waits for its turn, or for health.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some() || self.step == QUEUED
    }
}

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

/// The lanes of all clusters. Dropped, everything in flight stops where it is, as after a crash.
#[derive(Debug)]
pub struct Lanes<E: Effects> {
    shared: Arc<Shared<E>>,
}

#[derive(Debug)]
struct Shared<E> {
    effects: Arc<E>,
    journal: Arc<Journal>,
    limits: Mutex<Limits>,
    slots: Slots,
    halt: Mutex<Halt>,
    flights: Mutex<BTreeMap<ExchangeId, Flight>>,
    readiness: Mutex<Readiness>,
    /// In flight when the look began that the next plan follows from.
    midway: Mutex<BTreeSet<ExchangeId>>,
    changed: watch::Sender<()>,
    progress: mpsc::UnboundedSender<Progress>,
    cancel: CancellationToken,
}

#[derive(Debug)]
struct Flight {
    shown: InFlight,
    /// Ends a wait, and nothing else, because a newer plan wants something else.
    superseded: CancellationToken,
    abort: Option<tokio::task::AbortHandle>,
}

impl<E: Effects> Lanes<E> {
    /// Lanes, and the channel on which they tell what happens. `cancel` ends what runs in an orderly way.
    pub fn new(
        effects: Arc<E>,
        journal: Arc<Journal>,
        limits: Limits,
        cancel: CancellationToken,
    ) -> (Self, mpsc::UnboundedReceiver<Progress>) {
        let (progress, told) = mpsc::unbounded_channel();
        let shared = Shared {
            effects,
            journal,
            limits: Mutex::new(limits),
            slots: Slots::new(limits.helms, limits.max_restarting),
            halt: Mutex::new(Halt::new(limits.halt_after)),
            flights: Mutex::default(),
            readiness: Mutex::default(),
            midway: Mutex::default(),
            changed: watch::Sender::new(()),
            progress,
            cancel,
        };
        let lanes = Self {
            shared: Arc::new(shared),
        };
        (lanes, told)
    }

    /// Hands a plan over and waits for nothing; what it begins is traced within the current span, and told when it ends. An
    /// exchange in flight is left alone unless it waits, for its turn or for health, on the way to what is no longer wanted.
    pub fn submit(&self, plan: &Plan, desired: &Desired, pass: u64, retry: Retry<'_>) -> Submitted {
        // What ended meanwhile is counted before it is no longer in flight.
        let is_idle = lock(&self.shared.flights).is_empty();
        lock(&self.shared.halt).begin(plan, desired, is_idle);
        lock(&self.shared.readiness).take_plan(plan);
        let outdated = self.supersede(desired);
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

    /// The look begins that the next plan follows from. Of what is in flight now it sees a part, so nothing new is begun there
    /// for it, even where that is over by then: the look after its end sees all of it. Answers what is in flight.
    pub fn begin_look(&self) -> BTreeMap<ExchangeId, InFlight> {
        let in_flight = self.in_flight();
        *lock(&self.shared.midway) = in_flight.keys().cloned().collect();
        in_flight
    }

    /// What is not over, with what it waits for.
    pub fn in_flight(&self) -> BTreeMap<ExchangeId, InFlight> {
        let flights = lock(&self.shared.flights);
        let each = flights.iter();
        each.map(|(id, flight)| (id.clone(), flight.shown.clone()))
            .collect()
    }

    /// Whether this one is not over.
    pub fn is_flying(&self, id: &ExchangeId) -> bool {
        lock(&self.shared.flights).contains_key(id)
    }

    /// Waits until nothing is in flight.
    pub async fn idle(&self) {
        let mut changed = self.shared.changed.subscribe();
        while !lock(&self.shared.flights).is_empty() {
            // The sender lives as long as we do.
            changed.changed().await.ok();
        }
    }

    /// Takes other limits over. Fewer places are taken away as those who have them are done.
    pub fn set_limits(&self, limits: Limits) {
        let shared = &self.shared;
        shared.slots.resize(limits.helms, limits.max_restarting);
        lock(&shared.halt).set_limit(limits.halt_after);
        *lock(&shared.limits) = limits;
    }

    /// Lets failures of the past no longer hold the rest: somebody said `reconcile`.
    pub fn forgive(&self) {
        lock(&self.shared.halt).forgive();
    }

    /// Its servers were asked: those that depend on it may go on, or have to wait.
    pub fn take_health(&self, id: &ExchangeId, health: &Health) {
        let mut readiness = lock(&self.shared.readiness);
        match health {
            Health::Ready | Health::Limited => readiness.ready(id),
            Health::Waiting { reason, text } | Health::Failed { reason, text } => {
                readiness.unready(id, Why::new(*reason, text.clone()));
            }
            Health::Unknown { .. } => {}
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
        match entry.action {
            Action::None => return Some(Verdict::Unchanged),
            Action::Blocked | Action::Conflict | Action::Unreadable => {
                let why = Why::new(entry.reason, entry.text.clone());
                return Some(Verdict::Blocked(why));
            }
            Action::Install
            | Action::Upgrade
            | Action::Uninstall
            | Action::Adopt
            | Action::Repair
            | Action::Register
            | Action::Deregister => {}
        }
        let refused = self.shared.journal.memory(id).refused?;
        let early = supervise::is_early(&refused, Timestamp::now());
        let holds = refused.is_of(wanted) && early && !retry.covers(id);
        holds.then_some(Verdict::Failed(refused.why))
    }

    /// Ends the waits of flights that lead to something else than is wanted: changed, taken back or removed since. What a broken
    /// file wants nobody knows.
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
                flight.superseded.cancel();
                id.clone()
            })
            .collect()
    }

    fn launch(&self, begun: Vec<Subject>) {
        let mut flights = lock(&self.shared.flights);
        let mut tokens = Vec::new();
        for subject in &begun {
            let superseded = CancellationToken::new();
            tokens.push(superseded.clone());
            lock(&self.shared.readiness).ready(&subject.id);
            let flight = Flight {
                shown: InFlight {
                    action: subject.entry.action,
                    digest: subject.desired.as_ref().map(|one| one.digest.clone()),
                    since: Timestamp::now(),
                    step: QUEUED,
                    waiting: None,
                    until: None,
                },
                superseded,
                abort: None,
            };
            flights.insert(subject.id.clone(), flight);
        }
        // Only now, so that each finds those it depends on.
        for (subject, superseded) in begun.into_iter().zip(tokens) {
            let id = subject.id.clone();
            let span = tracing::info_span!("exchange", exchange = %id, cluster = %id.cluster, action = subject.entry.action.word(), result = Empty, reason = Empty);
            let run = supervise::supervise(Arc::clone(&self.shared), subject, superseded);
            let abort = tokio::spawn(run.instrument(span)).abort_handle();
            if let Some(flight) = flights.get_mut(&id) {
                flight.abort = Some(abort);
            }
        }
    }
}

impl<E: Effects> Drop for Lanes<E> {
    fn drop(&mut self) {
        for flight in lock(&self.shared.flights).values() {
            if let Some(abort) = &flight.abort {
                abort.abort();
            }
        }
    }
}

impl<E> Shared<E> {
    fn tell(&self, progress: Progress) {
        // Nobody has to listen.
        self.progress.send(progress).ok();
    }

    fn show(&self, id: &ExchangeId, step: Option<&'static str>, waiting: Option<Why>) {
        if let Some(flight) = lock(&self.flights).get_mut(id) {
            flight.shown.step = step.unwrap_or(flight.shown.step);
            if waiting.is_none() {
                flight.shown.until = None;
            }
            if flight.shown.waiting == waiting {
                return;
            }
            flight.shown.waiting.clone_from(&waiting);
        }
        if let Some(why) = waiting {
            self.tell(Progress::Waiting(id.clone(), why));
        }
    }

    /// What it waits for is given up then.
    fn show_end(&self, id: &ExchangeId, until: Option<Timestamp>) {
        if let Some(flight) = lock(&self.flights).get_mut(id) {
            flight.shown.until = until;
        }
    }

    fn end(&self, outcome: Outcome) {
        match (outcome.result, &outcome.why) {
            (OutcomeResult::Failed, Some(why)) => lock(&self.halt).count(why.reason, &outcome.id),
            (OutcomeResult::Done | OutcomeResult::Unchanged, _) => {
                lock(&self.halt).clear(&outcome.id);
            }
            (
                OutcomeResult::Failed
                | OutcomeResult::Fenced
                | OutcomeResult::Cancelled
                | OutcomeResult::Blocked,
                _,
            ) => {}
        }
        lock(&self.readiness).take_outcome(&outcome);
        lock(&self.flights).remove(&outcome.id);
        self.tell(Progress::Ended(outcome));
        self.changed.send_replace(());
    }

    /// Why this one is not begun, where enough others failed.
    fn halted(&self, id: &ExchangeId) -> Option<Why> {
        let (reason, count) = lock(&self.halt).cause(id)?;
        let text = format!("held back after {count} exchanges failed: {reason}");
        Some(Why::new(Reason::HaltedByFailures, text))
    }

    /// Why a dependency keeps this one from beginning; `Ok(false)` while it is not over.
    fn dependency_ready(&self, id: &ExchangeId) -> Result<bool, Why> {
        if lock(&self.flights).contains_key(id) {
            return Ok(false);
        }
        match lock(&self.readiness).why_not(id) {
            None => Ok(true),
            Some(why) => {
                let text = format!("{id} is not ready: {} ({})", why.text, why.reason);
                Err(Why::new(Reason::DependencyNotReady, text))
            }
        }
    }
}

/// A panic elsewhere leaves these maps whole: each change is one insert or remove.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
