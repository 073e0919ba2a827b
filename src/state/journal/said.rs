//! What a person said by command, beside the repository: it is history as well, though nothing was done to a cluster.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Entry, Line, Phase};
use crate::id::{ClusterId, CommitId, ExchangeId};

/// The step of such a line.
const SAID: &str = "said";

/// Longest reason, in letters; `status` has all of it.
const LONGEST: usize = 1000;

/// What it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Subject {
    /// An exchange.
    Exchange(ExchangeId),
    /// A whole cluster.
    Cluster(ClusterId),
}

impl Subject {
    /// The exchange, if it is one.
    pub fn exchange(&self) -> Option<&ExchangeId> {
        match self {
            Self::Exchange(id) => Some(id),
            Self::Cluster(_) => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(id) => id.fmt(f),
            Self::Cluster(id) => id.fmt(f),
        }
    }
}

/// What was said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// It is held.
    Suspend,
    /// It is held no longer.
    Resume,
    /// Its removal is meant, or the cluster is meant to be another.
    Approve,
}

impl Verb {
    /// The word, which is the command's.
    pub fn word(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Approve => "approve",
        }
    }
}

/// One such command, and whose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What was said.
    pub verb: Verb,
    /// Of what.
    pub about: Subject,
    /// The command, and as whom.
    pub by: String,
    /// Why, or what follows from it; may be empty.
    pub text: String,
    /// Until when it holds; none = without end.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

impl Said {
    /// The line of it.
    pub fn line(mut self, pass: u64, commit: Option<CommitId>) -> Line {
        self.text = self.text.chars().take(LONGEST).collect();
        Line {
            pass,
            commit,
            // Nothing was done about the exchange, and what is being done goes on: its memory is not about this.
            id: None,
            step: SAID.to_owned(),
            phase: Phase::Done,
            detail: json!(self),
        }
    }

    /// What a line says; nothing when it is about something else.
    pub fn of(entry: &Entry) -> Option<Self> {
        entry.told(SAID)
    }

    /// Why, and until when.
    pub fn words(&self) -> Option<String> {
        let until = self.until.map(|until| format!("until {until:.0}"));
        let words: Vec<_> = [Some(self.text.clone()), until]
            .into_iter()
            .flatten()
            .filter(|words| !words.is_empty())
            .collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Journal, deeds};
    use super::*;

    fn id() -> ExchangeId {
        "east/ns/a".parse().unwrap()
    }

    /// Somebody brakes while an install runs: that goes on being what was begun.
    #[test]
    fn what_is_said_by_command_is_told_and_touches_nothing_that_was_begun() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "run as natsx-sync").unwrap();
        let intent = Line {
            pass: 1,
            commit: None,
            id: Some(id()),
            step: "helm_install".to_owned(),
            phase: Phase::Intent,
            detail: json!({}),
        };
        journal.append(intent).unwrap();
        let (before, noticed) = (journal.memory(&id()), journal.noticed());
        let said = Said {
            verb: Verb::Suspend,
            about: Subject::Exchange(id()),
            by: "suspend as alice".to_owned(),
            text: "storage is moved".to_owned(),
            until: Some(Timestamp::UNIX_EPOCH),
        };
        journal.append(said.line(3, None)).unwrap();
        assert_eq!(journal.memory(&id()), before);
        assert_eq!(journal.noticed(), noticed);
        let (entries, _) = Journal::look(folder.path()).unwrap();
        let told = deeds(&entries);
        let told = told.iter().find(|deed| deed.result == "done").unwrap();
        assert_eq!(told.id, Subject::Exchange(id()));
        assert_eq!(told.action.as_deref(), Some("suspend"));
        assert_eq!(told.actor.as_deref(), Some("suspend as alice"));
        assert_eq!(
            told.text.as_deref(),
            Some("storage is moved, until 1970-01-01T00:00:00Z")
        );
    }
}
