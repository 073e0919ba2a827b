//! Where an exchange stands, decided from its plan, what is in flight, what came of it, and its health.

use std::collections::BTreeMap;

use super::Ledger;
use crate::apply::{InFlight, Outcome, OutcomeResult};
use crate::health::Health;
use crate::id::ExchangeId;
use crate::plan::action::{Action, PlannedExchange};
use crate::reason::Reason;
use crate::status::{Phase, phase_of};

impl Ledger {
    pub(super) fn standing(
        &self,
        entry: &PlannedExchange,
        in_flight: &BTreeMap<ExchangeId, InFlight>,
    ) -> Standing {
        let planned = Standing {
            phase: phase_of(entry.action, entry.reason),
            reason: entry.reason,
            text: entry.text.clone(),
        };
        let Some(id) = &entry.id else { return planned };
        if let Some(flight) = in_flight.get(id) {
            return flying(flight, &planned);
        }
        if let Some(outcome) = self.outcomes.get(id) {
            if let Some(helms) = self.left(outcome) {
                return interrupted(format!("natsx-sync was told to stop: {helms}"));
            }
            if let Some(standing) = ended(outcome) {
                return standing;
            }
            if entry.action.is_change() && outcome.result == OutcomeResult::Done {
                return Standing {
                    phase: Phase::Ready,
                    reason: Reason::Ready,
                    text: String::new(),
                };
            }
        }
        if planned.phase != Phase::Ready {
            return planned;
        }
        match self.health.get(id).map(|condition| &condition.health) {
            None if entry.action == Action::None => Standing {
                phase: Phase::Unknown,
                reason: Reason::HealthUnknown,
                text: "health has not been asked yet".to_owned(),
            },
            Some(Health::Waiting { reason, text }) => Standing {
                phase: Phase::Waiting,
                reason: *reason,
                text: text.clone(),
            },
            Some(Health::Failed { reason, text }) => Standing {
                phase: Phase::Failed,
                reason: *reason,
                text: text.clone(),
            },
            Some(Health::Unknown { text }) => Standing {
                phase: Phase::Unknown,
                reason: Reason::HealthUnknown,
                text: text.clone(),
            },
            Some(Health::Ready | Health::Limited) | None => planned,
        }
    }
}

/// Phase, reason and the reason in words.
pub(super) struct Standing {
    pub(super) phase: Phase,
    pub(super) reason: Reason,
    pub(super) text: String,
}

fn flying(flight: &InFlight, planned: &Standing) -> Standing {
    let removing = matches!(flight.action, Action::Uninstall | Action::Deregister);
    let (reason, text) = match &flight.waiting {
        Some(why) => (why.reason, why.sentence()),
        None => (flight.planned, flight.step.replace('_', " ")),
    };
    if planned.phase == Phase::Suspended && !removing {
        let text = format!("{}; what is under way is finished: {text}", planned.text);
        return Standing {
            phase: planned.phase,
            reason: planned.reason,
            text,
        };
    }
    let phase = match (&flight.waiting, removing) {
        (_, true) => Phase::Removing,
        (Some(_), false) => Phase::Waiting,
        (None, false) => Phase::Progressing,
    };
    Standing {
        phase,
        reason,
        text,
    }
}

fn interrupted(text: String) -> Standing {
    Standing {
        phase: Phase::Unknown,
        reason: Reason::Interrupted,
        text,
    }
}

/// The standing of what was tried and is not as wanted.
fn ended(outcome: &Outcome) -> Option<Standing> {
    let why = outcome.why.as_ref()?;
    let phase = match outcome.result {
        OutcomeResult::Failed => Phase::Failed,
        OutcomeResult::Blocked => Phase::Blocked,
        OutcomeResult::Fenced | OutcomeResult::Cancelled => Phase::Waiting,
        OutcomeResult::Done | OutcomeResult::Unchanged => return None,
    };
    // What the plan itself holds back keeps the plan's own phase (a suspension is no block).
    let phase = if outcome.action.is_change() {
        phase
    } else {
        phase_of(outcome.action, why.reason)
    };
    Some(Standing {
        phase,
        reason: why.reason,
        text: why.sentence(),
    })
}
