//! Stops a pass in which one thing goes wrong again and again.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{CommitId, ExchangeId};
use crate::reason::Reason;

/// Which exchanges failed since the newest commit. One that fails again and again is one failure: it says nothing of the
/// others.
#[derive(Debug)]
pub(super) struct Halt {
    limit: usize,
    commit: Option<CommitId>,
    failures: BTreeMap<Reason, BTreeSet<ExchangeId>>,
}

impl Halt {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            commit: None,
            failures: BTreeMap::new(),
        }
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// A newer commit may have mended it.
    pub(super) fn begin(&mut self, commit: Option<&CommitId>) {
        if self.commit.as_ref() != commit {
            self.commit = commit.cloned();
            self.failures.clear();
        }
    }

    pub(super) fn forgive(&mut self) {
        self.failures.clear();
    }

    pub(super) fn count(&mut self, reason: Reason, id: &ExchangeId) {
        self.failures.entry(reason).or_default().insert(id.clone());
    }

    /// It worked in the end.
    pub(super) fn clear(&mut self, id: &ExchangeId) {
        for failed in self.failures.values_mut() {
            failed.remove(id);
        }
    }

    /// The reason that holds the rest, and of how many exchanges.
    pub(super) fn cause(&self) -> Option<(Reason, usize)> {
        let counts = self.failures.iter();
        counts
            .map(|(reason, failed)| (*reason, failed.len()))
            .find(|(_, count)| self.limit > 0 && *count >= self.limit)
    }
}
