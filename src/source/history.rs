//! The history of one head: what it says about commits, removals and broken files.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};

use git2::{ErrorCode, Oid, Repository};

use super::options::{Layout, Limits};
use super::proof::Removals;
use crate::id::CommitId;
use crate::observe::observed::Ancestry;

/// The history of one head. What it has walked it remembers, so many questions cost one walk; within one history
/// `declares` must always give the same answer for the same file.
pub struct History {
    pub(super) repository: Repository,
    pub(super) head: Oid,
    pub(super) layout: Layout,
    pub(super) limits: Limits,
    pub(super) removals: RefCell<Removals>,
    pub(super) blobs: RefCell<HashMap<Oid, Option<crate::id::ExchangeId>>>,
    ancestors: RefCell<Ancestors>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History")
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

/// Commits met so far, and those whose parents were not looked at yet.
#[derive(Debug, Default)]
struct Ancestors {
    met: HashSet<Oid>,
    next: VecDeque<Oid>,
    incomplete: bool,
}

/// Whether a commit is in the history of the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Membership {
    Inside,
    Outside,
    /// Not found, and the history could not be walked to its roots.
    Unknown,
    /// Not found among as many commits as are looked at.
    TooFar,
}

impl History {
    pub(super) fn new(repository: Repository, head: Oid, layout: Layout, limits: Limits) -> Self {
        Self {
            repository,
            head,
            layout,
            limits,
            removals: RefCell::new(Removals::new(head)),
            blobs: RefCell::default(),
            ancestors: RefCell::new(Ancestors {
                met: HashSet::from([head]),
                next: VecDeque::from([head]),
                incomplete: false,
            }),
        }
    }

    /// How a stamped commit relates to the head.
    pub fn ancestry(&self, commit: &CommitId) -> Ancestry {
        match oid(commit).map(|id| self.membership(id)) {
            Some(Membership::Inside) => Ancestry::HeadOrAncestor,
            Some(Membership::Outside | Membership::Unknown | Membership::TooFar) | None => {
                Ancestry::Elsewhere
            }
        }
    }

    pub(super) fn membership(&self, commit: Oid) -> Membership {
        let mut known = self.ancestors.borrow_mut();
        while !known.met.contains(&commit) {
            if known.met.len() >= self.limits.history && !known.next.is_empty() {
                return Membership::TooFar;
            }
            let Some(next) = known.next.pop_front() else {
                return if known.incomplete {
                    Membership::Unknown
                } else {
                    Membership::Outside
                };
            };
            match self.repository.find_commit(next) {
                Ok(found) => {
                    for parent in found.parent_ids() {
                        if known.met.insert(parent) {
                            known.next.push_back(parent);
                        }
                    }
                    known.incomplete |= found.parent_count() == 0 && self.repository.is_shallow();
                }
                Err(error) => {
                    // A parent that is named and not there still is an ancestor; what lies behind it is unknown.
                    known.incomplete = true;
                    if error.code() != ErrorCode::NotFound {
                        tracing::warn!(commit = %next, %error, "cannot read a commit of the history");
                    }
                }
            }
        }
        Membership::Inside
    }

    /// The content of a file, if it can be read within the limits.
    pub(super) fn content(&self, blob: Oid) -> Option<git2::Blob<'_>> {
        let (size, _) = self.repository.odb().ok()?.read_header(blob).ok()?;
        if u64::try_from(size).ok()? > self.limits.file_bytes {
            return None;
        }
        self.repository.find_blob(blob).ok()
    }
}

/// Git's own form of a commit id.
pub(super) fn oid(commit: &CommitId) -> Option<Oid> {
    Oid::from_str(commit.as_str()).ok()
}
