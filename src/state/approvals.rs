//! What people let through, by id: removals the guard holds back, and clusters that were replaced.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{CommitId, ExchangeId};
use crate::state::{State, StateError, io, read_json, write_json};

/// One `natsx-sync approve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The ids whose removal was approved.
    pub ids: BTreeSet<ExchangeId>,
    /// The commit they were approved at: the approval holds while that is head or ancestor, and of each id until it is
    /// declared again.
    pub commit: Option<CommitId>,
    /// When it was given.
    pub given: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

impl State {
    /// Remembers it.
    pub fn approve(&self, approval: &Approval) -> Result<(), StateError> {
        let folder = self.private("approvals")?;
        let path = folder.join(format!("{}.json", approval.given.as_nanosecond()));
        write_json(&path, approval, 0o600)
    }

    /// Those that have not expired. A damaged one approves nothing.
    pub fn approvals(&self, now: Timestamp) -> Result<Vec<Approval>, StateError> {
        let mut approvals = Vec::new();
        for path in self.approval_files()? {
            match read_json::<Approval>(&path) {
                Ok(Some(approval)) if approval.expires > now => approvals.push(approval),
                Ok(_) => {}
                Err(error @ StateError::Damaged { .. }) => {
                    tracing::warn!(%error, "this approval is not understood: approve again");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(approvals)
    }

    /// Removes what is over, also of what is declared again: its next removal is another one. For whoever holds the folder:
    /// those who only look change nothing.
    pub fn sweep_approvals(
        &self,
        now: Timestamp,
        is_declared: impl Fn(&ExchangeId) -> bool,
    ) -> Result<(), StateError> {
        for path in self.approval_files()? {
            let approval = match read_json::<Approval>(&path) {
                Ok(None) => continue,
                Ok(Some(approval)) => Some(approval),
                Err(StateError::Damaged { .. }) => None,
                Err(error) => return Err(error),
            };
            let Some(approval) = approval.filter(|approval| approval.expires > now) else {
                fs::remove_file(&path).map_err(io("remove", &path))?;
                continue;
            };
            let mut left = approval.clone();
            left.ids.retain(|id| !is_declared(id));
            if left.ids.is_empty() {
                fs::remove_file(&path).map_err(io("remove", &path))?;
            } else if left != approval {
                write_json(&path, &left, 0o600)?;
            }
        }
        Ok(())
    }

    fn approval_files(&self) -> Result<Vec<PathBuf>, StateError> {
        let folder = self.folder().join("approvals");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io("read", &folder))?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(io("read", &folder))?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                files.push(path);
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_approval_approves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let given = Timestamp::UNIX_EPOCH;
        let expires = Timestamp::from_second(3600).unwrap();
        let ids = BTreeSet::from(["c/n/r".parse().unwrap()]);
        state
            .approve(&Approval {
                ids,
                commit: None,
                given,
                expires,
            })
            .unwrap();
        assert_eq!(state.approvals(given).unwrap().len(), 1);
        assert!(state.approvals(expires).unwrap().is_empty());
        let left = state.approvals(given).unwrap();
        assert_eq!(left.len(), 1, "who looks removes nothing");
        state.sweep_approvals(expires, |_| false).unwrap();
        assert!(state.approvals(given).unwrap().is_empty());
    }

    #[test]
    fn what_is_declared_again_is_approved_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let id = |text: &str| -> ExchangeId { text.parse().unwrap() };
        let approval = Approval {
            ids: BTreeSet::from([id("c/n/a"), id("c/n/b")]),
            commit: None,
            given: Timestamp::UNIX_EPOCH,
            expires: Timestamp::from_second(3600).unwrap(),
        };
        state.approve(&approval).unwrap();
        let ids = |declared: &str| {
            state
                .sweep_approvals(approval.given, |one| *one == id(declared))
                .unwrap();
            let left = state.approvals(approval.given).unwrap();
            left.into_iter()
                .flat_map(|left| left.ids)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("c/n/other"), [id("c/n/a"), id("c/n/b")]);
        assert_eq!(ids("c/n/a"), [id("c/n/b")]);
        assert_eq!(ids("c/n/other"), [id("c/n/b")], "for good");
        assert!(ids("c/n/b").is_empty());
    }
}
