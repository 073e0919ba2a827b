//! Runs tasks: a queue of helms per cluster, waits that hold no place, one task per exchange at a time.

mod ending;
mod flight;
mod halt;
mod readiness;
mod recall;
mod shared;
mod slots;
mod submit;
mod supervise;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::effect::Why;
use super::effects::Effects;
use super::outcome::Outcome;
use crate::health::Health;
use crate::id::{Digest, ExchangeId};
use crate::plan::action::Action;
use crate::reason::Reason;
use crate::state::journal::Journal;

use halt::Halt;
use shared::{Shared, lock};
use slots::Slots;

pub use submit::{Retry, Submitted};

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
    /// Why. What a look in the middle of it finds is its own doing as often as not.
    pub planned: Reason,
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

/// The lanes of all clusters. Dropped, everything in flight stops where it is, as after a crash.
#[derive(Debug)]
pub struct Lanes<E: Effects> {
    shared: Arc<Shared<E>>,
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

#[cfg(test)]
mod tests;
