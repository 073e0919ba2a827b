//! What the operator and people allow.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::exchange::desired::Suspend;
use crate::id::{ClusterId, Digest, ExchangeId, Instance};
use crate::observe::observed::{ReleaseStatus, ReleaseView};

/// Drift that was repaired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBack {
    /// The name of the drift.
    pub drift: String,
    /// Of the values and the chart it was repaired for.
    pub digest: Digest,
    /// How often the same was, not long after one another.
    pub count: u32,
    /// When it was last.
    pub at: Timestamp,
}

/// A Helm operation that this host began and that is not known to have succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// What its release is called while it runs.
    pub status: ReleaseStatus,
    /// The revision it makes.
    pub revision: u32,
    /// When it was over, if anybody saw that.
    pub ended: Option<Timestamp>,
}

impl Begun {
    /// Whether it is what holds this release. Another host of ours may have begun the same one after ours had failed.
    pub fn holds(&self, release: &ReleaseView, margin: SignedDuration) -> bool {
        let created = release.secret.created;
        let is_later = self
            .ended
            .zip(created)
            .is_some_and(|(ended, created)| created.duration_since(ended) > margin);
        self.status == release.status && self.revision == release.revision && !is_later
    }
}

/// Whose removal was held back and is not over: fewer are left when some of them are gone, and fewer look less like a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withheld {
    /// These.
    Ids(BTreeSet<ExchangeId>),
    /// Nobody knows, so any may have been.
    Unknown,
}

impl Default for Withheld {
    fn default() -> Self {
        Self::Ids(BTreeSet::new())
    }
}

/// Everything a plan may not decide for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whose releases are ours.
    pub instance: Instance,
    /// Remove what is no longer declared.
    pub prune: bool,
    /// Largest share of a cluster's exchanges removed unasked, in percent.
    pub max_delete_percent: u32,
    /// Ids whose removal was approved, by flag or by a valid approval.
    pub allow_delete: BTreeSet<ExchangeId>,
    /// What stays held where no approval lets it go.
    pub withheld: Withheld,
    /// Suspensions made by command (those of files are in the terms).
    pub suspended: BTreeMap<ExchangeId, Suspend>,
    /// Ids with an intent in this host's journal.
    pub journalled: BTreeSet<ExchangeId>,
    /// The last Helm operations of this host: a release that one of them holds may be unlocked at once.
    pub begun: BTreeMap<ExchangeId, Begun>,
    /// What time it is in clusters where a release is held: how old a lock is, is by the clock of its cluster.
    pub clocks: BTreeMap<ClusterId, Timestamp>,
    /// Ids whose removal this host began and whose volumes were to go and may be left.
    pub volumes_left: BTreeSet<ExchangeId>,
    /// Ids this host installed and whose releases are not there any more, though it did not remove them.
    pub vanished: BTreeSet<ExchangeId>,
    /// How long a Helm operation may run; older `pending-*` Secrets with our stamp are stuck.
    pub helm_timeout: std::time::Duration,
    /// What was put back before, the last of each exchange: the same again is not put back for ever.
    pub put_back: BTreeMap<ExchangeId, PutBack>,
    /// Removals under way, counted by the guard.
    pub removing: BTreeSet<ExchangeId>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            instance: Instance::default(),
            prune: true,
            max_delete_percent: 30,
            allow_delete: BTreeSet::new(),
            withheld: Withheld::default(),
            suspended: BTreeMap::new(),
            journalled: BTreeSet::new(),
            begun: BTreeMap::new(),
            clocks: BTreeMap::new(),
            volumes_left: BTreeSet::new(),
            vanished: BTreeSet::new(),
            helm_timeout: std::time::Duration::from_secs(300),
            put_back: BTreeMap::new(),
            removing: BTreeSet::new(),
        }
    }
}
