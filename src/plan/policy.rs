//! What the operator and people allow.

use std::collections::{BTreeMap, BTreeSet};

use crate::exchange::desired::Suspend;
use crate::id::{ExchangeId, Instance};

/// Everything a plan may not decide for itself.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Whose releases are ours.
    pub instance: Instance,
    /// Remove what is no longer declared.
    pub prune: bool,
    /// Largest share of a cluster's exchanges removed unasked, in percent.
    pub max_delete_percent: u32,
    /// Ids whose removal was approved, by flag or by a valid approval.
    pub allow_delete: BTreeSet<ExchangeId>,
    /// Suspensions made by command (those of files are in the terms).
    pub suspended: BTreeMap<ExchangeId, Suspend>,
    /// Ids with an intent in this host's journal (their stuck releases may be unlocked at once).
    pub journalled: BTreeSet<ExchangeId>,
    /// How long a Helm operation may run; older `pending-*` Secrets with our stamp are stuck.
    pub helm_timeout: std::time::Duration,
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
            suspended: BTreeMap::new(),
            journalled: BTreeSet::new(),
            helm_timeout: std::time::Duration::from_secs(300),
            removing: BTreeSet::new(),
        }
    }
}
