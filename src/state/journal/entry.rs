//! A line of the journal.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{CommitId, Digest, ExchangeId};

/// Where an effect stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// About to be performed.
    Intent,
    /// Performed.
    Done,
    /// Refused, or its end is not known.
    Failed,
}

/// What is written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The pass that asked for it.
    pub pass: u64,
    /// The commit acted for.
    pub commit: Option<CommitId>,
    /// The exchange.
    pub id: Option<ExchangeId>,
    /// The word of the effect.
    pub step: String,
    /// Where it stands.
    pub phase: Phase,
    /// What belongs to it; never a secret.
    pub detail: Value,
}

/// A line as it stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts through all files.
    pub seq: u64,
    /// SHA-256 of the line before.
    pub prev: Digest,
    /// When it was written.
    pub time: Timestamp,
    /// Which command wrote it, and as whom: `run as natsx-sync`. None in lines of versions that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// It is the first of its process: what others began and did not end, nobody goes on with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begins: bool,
    /// The pass that asked for it.
    pub pass: u64,
    /// The commit acted for.
    pub commit: Option<CommitId>,
    /// The exchange.
    pub id: Option<ExchangeId>,
    /// The word of the effect.
    pub step: String,
    /// Where it stands.
    pub phase: Phase,
    /// What belongs to it.
    pub detail: Value,
}

impl Entry {
    /// Whether it is about a helm that changes a release.
    pub(super) fn is_helm(&self) -> bool {
        self.step.starts_with("helm_")
    }

    /// What a line of this step says; nothing when it is of another, or not understood.
    pub(super) fn told<T: DeserializeOwned>(&self, step: &str) -> Option<T> {
        if self.step != step {
            return None;
        }
        serde_json::from_value(self.detail.clone()).ok()
    }
}

/// What the very first line names as the one before.
pub(super) fn beginning() -> Digest {
    Digest::of(b"")
}
