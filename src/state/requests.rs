//! What people ask of a running daemon: a file each, taken once. No socket, so nothing to listen on and nothing to authenticate:
//! who may write the state folder may ask.

use std::fs;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{CommitId, ExchangeId};
use crate::state::{State, StateError, io, write_json};

/// `natsx-sync reconcile`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The exchange whose refusals are forgotten; all of them when absent.
    pub id: Option<ExchangeId>,
    /// A commit to accept although it is no descendant of the last.
    pub commit: Option<CommitId>,
}

impl State {
    /// Leaves a request.
    pub fn request(&self, request: &Request, now: Timestamp) -> Result<(), StateError> {
        let folder = self.private("requests")?;
        let path = folder.join(format!("{}.json", now.as_nanosecond()));
        write_json(&path, request, 0o600)
    }

    /// Takes all that were left.
    pub fn take_requests(&self) -> Result<Vec<Request>, StateError> {
        let folder = self.private("requests")?;
        let mut requests = Vec::new();
        for entry in fs::read_dir(&folder).map_err(io("read", &folder))? {
            let path = entry.map_err(io("read", &folder))?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            if let Ok(bytes) = fs::read(&path)
                && let Ok(request) = serde_json::from_slice(&bytes)
            {
                requests.push(request);
            }
            fs::remove_file(&path).map_err(io("remove", &path))?;
        }
        Ok(requests)
    }
}
