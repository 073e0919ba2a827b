//! A plan to be applied later, exactly. It holds no values: what they were is said by git's commit and blob ids. Pure.

mod stale;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use stale::{Change, Head, Now, Part, Stale, stale};

use crate::exchange::desired::{ChartRef, Desired};
use crate::id::{CommitId, Digest, ExchangeId, Instance};
use crate::plan::action::{Action, Plan, StepKind};
use crate::plan::fingerprint::{Inputs, digest_of};
use crate::report::Truth;
use crate::sealed::{self, Kind, SealError};

/// A saved plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// Who made it; another version may compose other values from the same files.
    pub tool_version: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is not applied any more.
    pub expires: Timestamp,
    /// Whose releases it is about.
    pub instance: Instance,
    /// What it rests on; only a live one can be applied.
    pub truth: Truth,
    /// What was planned.
    pub source: SavedSource,
    /// Removals that were let through the guard.
    pub allow_delete: BTreeSet<ExchangeId>,
    /// The plan's digest, as it was printed.
    pub digest: String,
    /// All of its entries.
    pub exchanges: Vec<SavedEntry>,
}

/// Where the plan came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSource {
    /// Fit for display; where the plan is applied the same repository may be elsewhere.
    pub repository: String,
    /// The commit; none for a plain folder.
    pub commit: Option<CommitId>,
    /// Files differed from the commit.
    pub dirty: bool,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedEntry {
    /// Identity; none for a broken file nobody can attribute.
    pub id: Option<ExchangeId>,
    /// What is done.
    pub action: Action,
    /// SHA-256 over all of this but the archive.
    pub fingerprint: String,
    /// What it rests on.
    pub inputs: Inputs,
    /// The archive of its chart, where it was at hand.
    pub archive: Option<Digest>,
}

/// What is saved beside the plan itself.
#[derive(Debug)]
pub struct Circumstances {
    /// When.
    pub created: Timestamp,
    /// Until when it may be applied.
    pub expires: Timestamp,
    /// Whose releases.
    pub instance: Instance,
    /// What the plan rests on.
    pub truth: Truth,
    /// Removals that were let through.
    pub allow_delete: BTreeSet<ExchangeId>,
    /// Chart archives at hand.
    pub archives: BTreeMap<ChartRef, Digest>,
}

/// Why a saved plan is not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] SealError),
    /// Made without looking at clusters.
    #[error(
        "{file} was made from {} and says what git asks for, not what is there; only a plan that saw the clusters can be applied: plan without --offline or --snapshot", truth.word()
    )]
    NotLive {
        /// The file.
        file: String,
        /// What it rests on.
        truth: Truth,
    },
    /// Made from files without a commit.
    #[error(
        "{file} was made from a folder without commits, so nothing tells what it was made of: commit the files, then plan anew"
    )]
    NoCommit {
        /// The file.
        file: String,
    },
    /// Of another natsx-sync.
    #[error("{file} is of instance {found}, the settings say {instance}")]
    OtherInstance {
        /// The file.
        file: String,
        /// Whose it is.
        found: Instance,
        /// Who we are.
        instance: Instance,
    },
    /// Made by another version.
    #[error(
        "{file} was made by natsx-sync {found}, this is {}: plan anew (StalePlan)", env!("CARGO_PKG_VERSION")
    )]
    OtherVersion {
        /// The file.
        file: String,
        /// Its version.
        found: String,
    },
    /// Too old.
    #[error("{file} expired at {expires}: plan anew (StalePlan)")]
    Expired {
        /// The file.
        file: String,
        /// When.
        expires: Timestamp,
    },
    /// Another plan than the one that was asked for.
    #[error("the digest of {what} is {found}, not {expected}: nothing was applied (StalePlan)")]
    OtherDigest {
        /// The file, or `the plan`.
        what: String,
        /// Its digest.
        found: String,
        /// What `--expect` said.
        expected: String,
    },
}

impl SavedError {
    /// Whether the plan was right once: exit 4 rather than 1.
    pub fn is_stale(&self) -> bool {
        match self {
            Self::OtherVersion { .. } | Self::Expired { .. } | Self::OtherDigest { .. } => true,
            Self::File(_)
            | Self::NotLive { .. }
            | Self::NoCommit { .. }
            | Self::OtherInstance { .. } => false,
        }
    }
}

impl SavedPlan {
    /// What is saved of `plan`, made of `desired`.
    pub fn new(plan: &Plan, desired: &Desired, circumstances: Circumstances) -> Self {
        let exchanges = plan.exchanges.iter().map(|entry| {
            let inputs = Inputs::of(entry, desired);
            let chart = inputs.chart.as_ref().filter(|_| is_released(&inputs.steps));
            SavedEntry {
                id: entry.id.clone(),
                action: entry.action,
                fingerprint: entry.fingerprint.clone(),
                archive: chart.and_then(|chart| circumstances.archives.get(chart).cloned()),
                inputs,
            }
        });
        Self {
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            created: circumstances.created,
            expires: circumstances.expires,
            instance: circumstances.instance,
            truth: circumstances.truth,
            source: SavedSource {
                repository: desired.repository.clone(),
                commit: plan.commit.clone(),
                dirty: desired.dirty,
            },
            allow_delete: circumstances.allow_delete,
            digest: plan.digest(),
            exchanges: exchanges.collect(),
        }
    }

    /// The text of its file.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        sealed::seal(Kind::SavedPlan, self)
    }

    /// Reads a file; its digest is that of its entries.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, SealError> {
        let saved: Self = sealed::open(Kind::SavedPlan, file, bytes)?;
        let fingerprints = saved
            .exchanges
            .iter()
            .map(|entry| entry.fingerprint.as_str());
        if digest_of(saved.source.commit.as_ref(), fingerprints) != saved.digest {
            return Err(SealError::Edited {
                file: file.to_owned(),
            });
        }
        Ok(saved)
    }

    /// The commit to apply, if the plan may be applied at all.
    pub fn check(
        &self,
        file: &str,
        instance: &Instance,
        now: Timestamp,
    ) -> Result<CommitId, SavedError> {
        let file = file.to_owned();
        if self.truth != Truth::Live {
            let truth = self.truth;
            return Err(SavedError::NotLive { file, truth });
        }
        let Some(commit) = self.source.commit.clone() else {
            return Err(SavedError::NoCommit { file });
        };
        if self.instance != *instance {
            return Err(SavedError::OtherInstance {
                file,
                found: self.instance.clone(),
                instance: instance.clone(),
            });
        }
        if self.tool_version != env!("CARGO_PKG_VERSION") {
            return Err(SavedError::OtherVersion {
                file,
                found: self.tool_version.chars().take(40).collect(),
            });
        }
        if self.expires <= now {
            return Err(SavedError::Expired {
                file,
                expires: self.expires,
            });
        }
        Ok(commit)
    }

    /// The entries that change something: the others have nothing to be stale about.
    pub fn changes(&self) -> impl Iterator<Item = (&ExchangeId, &SavedEntry)> {
        self.exchanges
            .iter()
            .filter(|entry| entry.action.is_change())
            .filter_map(|entry| Some((entry.id.as_ref()?, entry)))
    }
}

/// Whether helm gets the chart.
fn is_released(steps: &[StepKind]) -> bool {
    steps.contains(&StepKind::HelmInstall) || steps.contains(&StepKind::HelmUpgrade)
}
