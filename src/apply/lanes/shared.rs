//! What the lanes of all clusters share, and what each flight tells there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::halt::Halt;
use super::readiness::Readiness;
use super::recall::Recall;
use super::slots::Slots;
use super::{InFlight, Limits, Progress};
use crate::apply::effect::Why;
use crate::apply::outcome::{Outcome, OutcomeResult};
use crate::id::ExchangeId;
use crate::reason::Reason;
use crate::state::journal::Journal;

#[derive(Debug)]
pub(super) struct Shared<E> {
    pub(super) effects: Arc<E>,
    pub(super) journal: Arc<Journal>,
    pub(super) limits: Mutex<Limits>,
    pub(super) slots: Slots,
    pub(super) halt: Mutex<Halt>,
    pub(super) flights: Mutex<BTreeMap<ExchangeId, Flight>>,
    pub(super) readiness: Mutex<Readiness>,
    /// In flight when the look began that the next plan follows from.
    pub(super) midway: Mutex<BTreeSet<ExchangeId>>,
    pub(super) changed: watch::Sender<()>,
    pub(super) progress: mpsc::UnboundedSender<Progress>,
    pub(super) cancel: CancellationToken,
}

/// What is not over.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) shown: InFlight,
    /// For a newer plan.
    pub(super) recall: Recall,
    pub(super) abort: Option<tokio::task::AbortHandle>,
}

impl<E> Shared<E> {
    pub(super) fn tell(&self, progress: Progress) {
        // Nobody has to listen.
        self.progress.send(progress).ok();
    }

    pub(super) fn show(&self, id: &ExchangeId, step: Option<&'static str>, waiting: Option<Why>) {
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
    pub(super) fn show_end(&self, id: &ExchangeId, until: Option<Timestamp>) {
        if let Some(flight) = lock(&self.flights).get_mut(id) {
            flight.shown.until = until;
        }
    }

    /// Of one that was called off nothing new is known: the plan that did it has said how it stands.
    pub(super) fn end(&self, outcome: Outcome, is_called_off: bool) {
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
        if !is_called_off {
            lock(&self.readiness).take_outcome(&outcome);
        }
        lock(&self.flights).remove(&outcome.id);
        self.tell(Progress::Ended(outcome));
        self.changed.send_replace(());
    }

    /// Why this one is not begun, where enough others failed.
    pub(super) fn halted(&self, id: &ExchangeId) -> Option<Why> {
        let (reason, count) = lock(&self.halt).cause(id)?;
        let text = format!("held back after {count} exchanges failed: {reason}");
        Some(Why::new(Reason::HaltedByFailures, text))
    }

    /// Why a dependency keeps this one from beginning; `Ok(false)` while it is not over.
    pub(super) fn dependency_ready(&self, id: &ExchangeId) -> Result<bool, Why> {
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
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
