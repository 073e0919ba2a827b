//! What applying an entry did.

use serde::{Deserialize, Serialize};

use super::effect::{Effect, Why};
use crate::id::ExchangeId;
use crate::plan::action::Action;
use crate::reason::Reason;

/// How a task ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The world is as wanted now.
    Done,
    /// It was already.
    Unchanged,
    /// Tried, and it did not work.
    Failed(Why),
    /// What it relied on changed under it; it is planned anew.
    Fenced(Why),
    /// Told to stop.
    Cancelled,
    /// Held back before anything was changed.
    Blocked(Why),
}

/// The word for how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeResult {
    /// The world is as wanted now.
    Done,
    /// It was already.
    Unchanged,
    /// Tried, and it did not work.
    Failed,
    /// Planned anew.
    Fenced,
    /// Told to stop.
    Cancelled,
    /// Held back before anything was changed.
    Blocked,
}

impl OutcomeResult {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Done,
        Self::Unchanged,
        Self::Failed,
        Self::Fenced,
        Self::Cancelled,
        Self::Blocked,
    ];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::Fenced => "fenced",
            Self::Cancelled => "cancelled",
            Self::Blocked => "blocked",
        }
    }
}

/// One effect that was performed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTaken {
    /// The word of the effect.
    pub step: String,
    /// Seconds it took, repeats of a wait included.
    pub seconds: f64,
    /// Whether it came to its end.
    pub done: bool,
}

impl StepTaken {
    /// Whether helm changed the release, or was about to.
    pub fn is_helm(&self) -> bool {
        self.step.starts_with("helm_")
    }
}

/// What applying one entry did: an element of `apply --format json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The exchange.
    pub id: ExchangeId,
    /// What was to be done.
    pub action: Action,
    /// Why it was to be done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub planned: Option<Reason>,
    /// How it ended.
    pub result: OutcomeResult,
    /// Why, if it is not `done` or `unchanged`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// In order.
    pub steps: Vec<StepTaken>,
}

impl Outcome {
    /// Whether its servers were waited for and well: writing a record or labels asks nobody.
    pub fn was_ready(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.done && step.step == Effect::AwaitReady.word())
    }

    /// Whether others changed what the plan relied on, so that another plan may find something else to do.
    pub fn is_overtaken(&self) -> bool {
        let reason = self.why.as_ref().map(|why| why.reason);
        match self.result {
            OutcomeResult::Fenced => true,
            // helm saw it, so the fence before it did not: it is tried again, but not at once and for ever.
            OutcomeResult::Failed => reason == Some(Reason::ReleaseAppeared),
            OutcomeResult::Done
            | OutcomeResult::Unchanged
            | OutcomeResult::Cancelled
            | OutcomeResult::Blocked => false,
        }
    }

    /// Whether it was begun and held back then, so that it begins again in each pass.
    pub fn is_held_back(&self) -> bool {
        self.result == OutcomeResult::Blocked && self.planned.is_some()
    }

    /// Whether it was held back by the same as the time before, which is no news.
    pub fn is_held_as(&self, before: &Self) -> bool {
        self.is_held_back() && before.is_held_back() && self.why == before.why
    }

    /// What became of its helms, in words; none where none was started.
    pub fn helms(&self) -> Option<String> {
        let helms = self.steps.iter().filter(|step| step.is_helm());
        let helms = helms.map(|step| {
            let end = if step.done {
                "was done"
            } else {
                "was ended midway"
            };
            format!("{} {end}", step.step.replace('_', " "))
        });
        let helms: Vec<_> = helms.collect();
        (!helms.is_empty()).then(|| helms.join(", "))
    }

    /// The outcome of a task that ended so.
    pub fn new(id: ExchangeId, action: Action, verdict: Verdict, steps: Vec<StepTaken>) -> Self {
        let (result, why) = match verdict {
            Verdict::Done => (OutcomeResult::Done, None),
            Verdict::Unchanged => (OutcomeResult::Unchanged, None),
            Verdict::Failed(why) => (OutcomeResult::Failed, Some(why)),
            Verdict::Fenced(why) => (OutcomeResult::Fenced, Some(why)),
            Verdict::Cancelled => (OutcomeResult::Cancelled, None),
            Verdict::Blocked(why) => (OutcomeResult::Blocked, Some(why)),
        };
        Self {
            id,
            action,
            planned: None,
            result,
            why,
            steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(verdict: Verdict, is_begun: bool) -> Outcome {
        let id = "c/n/r".parse().unwrap();
        let mut outcome = Outcome::new(id, Action::Install, verdict, Vec::new());
        outcome.planned = is_begun.then_some(Reason::FileAdded);
        outcome
    }

    /// A chart repository that is away over the weekend is told once, and whatever else becomes of it at once.
    #[test]
    fn the_same_hold_is_no_news() {
        let why = |text: &str| Why::new(Reason::ChartUnavailable, text);
        let held = ended(Verdict::Blocked(why("x")), true);
        assert!(held.is_held_as(&held.clone()));
        for other in [
            ended(Verdict::Blocked(why("y")), true),
            ended(Verdict::Failed(why("x")), true),
            ended(Verdict::Done, true),
            // The plan held it: nobody has said that it was begun and ended.
            ended(Verdict::Blocked(why("x")), false),
        ] {
            assert!(!held.is_held_as(&other), "{other:?}");
            assert!(!other.is_held_as(&held), "{other:?}");
        }
    }
}
