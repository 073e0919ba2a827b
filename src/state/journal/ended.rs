//! How an action ended that neither did what was wanted nor failed at it: given up for a newer plan, overtaken by somebody
//! else, or held back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Entry, Line, Phase};
use crate::apply::OutcomeResult;
use crate::id::{CommitId, Digest, ExchangeId};
use crate::plan::action::Action;
use crate::reason::Reason;

/// The step of such a line.
pub(super) const ENDED: &str = "ended";

/// Such an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// What was to be done.
    pub action: Action,
    /// How it ended.
    pub result: OutcomeResult,
    /// Why it was held back or overtaken, else why it was to be done.
    pub reason: Reason,
    /// The same for people, masked.
    pub text: String,
    /// When it began: there may be no line before this one.
    pub began: Timestamp,
    /// Of the values and the chart that were wanted.
    pub digest: Option<Digest>,
    /// And of what the record was to tell.
    pub told: Option<Digest>,
}

impl Ended {
    /// The line of it.
    pub fn line(&self, pass: u64, commit: Option<CommitId>, id: ExchangeId) -> Line {
        Line {
            pass,
            commit,
            id: Some(id),
            step: ENDED.to_owned(),
            phase: Phase::Failed,
            detail: json!(self),
        }
    }

    /// What a line says; nothing when it is about something else.
    pub fn of(entry: &Entry) -> Option<Self> {
        entry.told(ENDED)
    }
}

/// What held an action back before its first effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    digest: Option<Digest>,
    told: Option<Digest>,
    reason: Reason,
}

impl HeldBack {
    /// What did by this end; nothing where it ended otherwise.
    pub fn by(ended: &Ended) -> Option<Self> {
        (ended.result == OutcomeResult::Blocked).then(|| Self {
            digest: ended.digest.clone(),
            told: ended.told.clone(),
            reason: ended.reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Deed, Journal, deeds};
    use super::*;

    fn id() -> ExchangeId {
        "east/ns/a".parse().unwrap()
    }

    fn ended(result: OutcomeResult, reason: Reason) -> Ended {
        Ended {
            action: Action::Upgrade,
            result,
            reason,
            text: "a newer plan wants something else".to_owned(),
            began: Timestamp::UNIX_EPOCH,
            digest: Some(Digest::of(b"two")),
            told: None,
        }
    }

    fn told(journal: &Journal) -> Vec<Deed> {
        deeds(&Journal::look(&journal.folder()).unwrap().0)
    }

    /// It waited for its servers for longer than its last effect took, and what came after it is another deed.
    #[test]
    fn what_was_given_up_says_so_and_how_long_it_took() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "run as natsx-sync").unwrap();
        let write = |pass, phase| {
            let line = Line {
                pass,
                commit: None,
                id: Some(id()),
                step: "helm_upgrade".to_owned(),
                phase,
                detail: json!({"digest": "two"}),
            };
            journal.append(line).unwrap();
        };
        write(1, Phase::Intent);
        write(1, Phase::Done);
        std::thread::sleep(std::time::Duration::from_millis(20));
        let given_up = ended(OutcomeResult::Cancelled, Reason::ValuesChanged);
        journal.append(given_up.line(1, None, id())).unwrap();
        assert!(journal.memory(&id()).open.is_none());
        write(2, Phase::Intent);
        let told = told(&journal);
        let first = &told[0];
        assert_eq!(first.result, OutcomeResult::Cancelled.word());
        assert_eq!(first.action.as_deref(), Some("upgrade"));
        assert_eq!(first.reason.as_deref(), Some("ValuesChanged"));
        assert_eq!(first.text.as_deref(), Some(given_up.text.as_str()));
        assert_eq!(first.after.as_deref(), Some("two"));
        assert!(first.seconds >= 0.02, "{first:?}");
        assert_eq!(first.steps, ["helm_upgrade"]);
        assert_eq!((told.len(), told[1].result), (2, "open"));
    }

    /// Nothing was begun: only the line itself says since when.
    #[test]
    fn what_ended_before_its_first_effect_is_told_with_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "run as natsx-sync").unwrap();
        let mut refused = ended(OutcomeResult::Blocked, Reason::ChartUnavailable);
        refused.began = Timestamp::now() - jiff::SignedDuration::from_secs(7);
        journal.append(refused.line(1, None, id())).unwrap();
        let told = told(&journal);
        assert_eq!((told.len(), told[0].result), (1, "blocked"));
        assert!((7.0..9.0).contains(&told[0].seconds), "{told:?}");
    }
}
