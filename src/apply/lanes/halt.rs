//! Stops a pass in which one thing goes wrong again and again.

use std::collections::BTreeMap;

use crate::id::CommitId;
use crate::reason::Reason;

/// Failures since the newest commit.
#[derive(Debug)]
pub(super) struct Halt {
    limit: usize,
    commit: Option<CommitId>,
    failures: BTreeMap<Reason, usize>,
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

    pub(super) fn count(&mut self, reason: Reason) {
        *self.failures.entry(reason).or_default() += 1;
    }

    /// The reason that holds the rest, and how often it was met.
    pub(super) fn cause(&self) -> Option<(Reason, usize)> {
        let over = |(_, count): &(&Reason, &usize)| self.limit > 0 && **count >= self.limit;
        let met = self.failures.iter().find(over);
        met.map(|(reason, count)| (*reason, *count))
    }
}
