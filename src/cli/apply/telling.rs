//! The status while a person applies: whoever is cut off in the middle leaves behind what was seen and done until then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::apply::{Outcome, OutcomeResult, Progress};
use crate::daemon::Ledger;
use crate::id::ExchangeId;
use crate::pass::Survey;
use crate::state::{State, StateError};

/// Thousands may end at once, and each status tells of all.
const APART: Duration = Duration::from_secs(1);

/// Writes it.
pub(super) struct Telling<'s> {
    state: &'s State,
    known: Mutex<Known>,
}

struct Known {
    ledger: Ledger,
    written: Instant,
}

impl<'s> Telling<'s> {
    /// Of what was seen, before anything is done.
    pub(super) fn of(state: &'s State, survey: &Arc<Survey>) -> Self {
        // One that is damaged is written anew.
        let before = state.read_status().unwrap_or_default();
        let mut ledger = Ledger::after(before, Timestamp::now());
        ledger.take_pass(Arc::clone(survey), BTreeMap::new());
        let written = Instant::now();
        Self {
            state,
            known: Mutex::new(Known { ledger, written }),
        }
    }

    /// Tells it.
    pub(super) fn begin(&self) -> Result<(), StateError> {
        write(self.state, &mut self.known().ledger)
    }

    /// Tells what ended, now or with the next that does.
    pub(super) fn take(&self, progress: &Progress) {
        let Progress::Ended(outcome) = progress else {
            return;
        };
        let mut known = self.known();
        take(&mut known.ledger, outcome);
        if known.written.elapsed() < APART {
            return;
        }
        if let Err(error) = write(self.state, &mut known.ledger) {
            tracing::warn!(%error, "the status could not be written; it is tried again");
        }
        known.written = Instant::now();
    }

    /// Tells what came of all, and what was left in the middle.
    pub(super) fn end(&self, outcomes: &BTreeMap<ExchangeId, Outcome>) -> Result<(), StateError> {
        let ledger = &mut self.known().ledger;
        for outcome in outcomes.values() {
            take(ledger, outcome);
        }
        ledger.end();
        write(self.state, ledger)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take(ledger: &mut Ledger, outcome: &Outcome) {
    if outcome.result != OutcomeResult::Unchanged {
        ledger.take_outcome(outcome.clone());
    }
}

fn write(state: &State, ledger: &mut Ledger) -> Result<(), StateError> {
    state.write_status(&ledger.status(&BTreeMap::new(), Timestamp::now(), |_| {}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::apply::{StepTaken, Verdict};
    use crate::plan::action::Action;
    use crate::plan::policy::Policy;
    use crate::plan::tests::world::{desired, exchange, id, now, observed};
    use crate::reason::Reason;
    use crate::status::{Phase, StatusEntry};

    /// A release that is there, whose record is missing.
    fn survey() -> Arc<Survey> {
        let one = exchange("a", json!({}));
        let desired = desired([one.clone()]);
        let mut observed = observed([&one]);
        observed.registry = Ok(Arc::default());
        let policy = Policy::default();
        let plan = crate::plan::plan(&desired, &observed, &policy, now());
        Arc::new(Survey {
            desired: desired.into(),
            observed,
            policy,
            plan,
        })
    }

    fn cancelled(done: bool) -> BTreeMap<ExchangeId, Outcome> {
        let step = StepTaken {
            step: "helm_install".to_owned(),
            seconds: 1.0,
            done,
        };
        let outcome = Outcome::new(id("a"), Action::Install, Verdict::Cancelled, vec![step]);
        [(id("a"), outcome)].into()
    }

    fn entry(state: &State) -> StatusEntry {
        let status = state.read_status().unwrap().unwrap();
        status.exchanges[0].clone()
    }

    #[test]
    fn whoever_is_killed_leaves_what_was_seen_and_whoever_is_stopped_what_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let survey = survey();
        let telling = Telling::of(&state, &survey);
        telling.begin().unwrap();
        let begun = entry(&state);
        assert_eq!(
            (begun.action, begun.phase),
            (Action::Register, Phase::Progressing)
        );
        telling.end(&cancelled(true)).unwrap();
        let left = entry(&state);
        assert_eq!(
            (left.phase, left.reason),
            (Phase::Unknown, Reason::Interrupted)
        );
        assert!(left.text.contains("helm install was done"), "{}", left.text);
        assert!(left.midway, "what the plan found missing may be there");
    }

    #[test]
    fn the_health_that_was_known_last_is_not_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let survey = survey();
        Telling::of(&state, &survey).begin().unwrap();
        let mut known = state.read_status().unwrap().unwrap();
        known.written_at = now();
        known.exchanges[0].health = "healthy".to_owned();
        state.write_status(&known).unwrap();
        // However many follow that ask nobody.
        for _ in 0..2 {
            Telling::of(&state, &survey).begin().unwrap();
            let told = entry(&state);
            assert_eq!(told.health, "unknown");
            let last = told.last_health.unwrap();
            assert_eq!((last.health.as_str(), last.at), ("healthy", now()));
        }
    }
}
