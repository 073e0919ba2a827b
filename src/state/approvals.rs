//! What people let through, by id: removals the guard holds back, and clusters that were replaced.

use std::collections::BTreeSet;
use std::fs;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{CommitId, ExchangeId};
use crate::state::{State, StateError, io, write_json};

/// One `natsx-sync approve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The ids whose removal was approved.
    pub ids: BTreeSet<ExchangeId>,
    /// The commit they were approved at: the approval holds while that is head or ancestor.
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

    /// Those that have not expired; expired ones are removed.
    pub fn approvals(&self, now: Timestamp) -> Result<Vec<Approval>, StateError> {
        let folder = self.private("approvals")?;
        let mut approvals = Vec::new();
        for entry in fs::read_dir(&folder).map_err(io("read", &folder))? {
            let path = entry.map_err(io("read", &folder))?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let bytes = fs::read(&path).map_err(io("read", &path))?;
            // A damaged approval approves nothing.
            match serde_json::from_slice::<Approval>(&bytes) {
                Ok(approval) if approval.expires > now => approvals.push(approval),
                Ok(_) | Err(_) => fs::remove_file(&path).map_err(io("remove", &path))?,
            }
        }
        Ok(approvals)
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
        assert!(state.approvals(given).unwrap().is_empty(), "it was removed");
    }
}
