//! What people ask of a running daemon: a file each, taken once. No socket, so nothing to listen on and nothing to authenticate:
//! who may write the state folder may ask.

use std::fs;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{CommitId, ExchangeId};
use crate::state::{State, StateError, io, read_json, write_json};

/// Something asked of the daemon; each also makes it look at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Look, and nothing else: something beside the repository was changed.
    Look,
    /// Try this exchange again although it was refused; failures of the past no longer hold the rest.
    Retry(ExchangeId),
    /// The same for every exchange.
    RetryAll,
    /// Follow the branch to this commit although it is no descendant of the last.
    Accept(CommitId),
}

impl State {
    /// Leaves a request.
    pub fn request(&self, request: &Request, now: Timestamp) -> Result<(), StateError> {
        let folder = self.private("requests")?;
        let path = folder.join(format!("{}.json", now.as_nanosecond()));
        write_json(&path, request, 0o600)
    }

    /// Takes all that were left. One that cannot be read is logged and dropped.
    pub fn take_requests(&self) -> Result<Vec<Request>, StateError> {
        let folder = self.private("requests")?;
        let mut requests = Vec::new();
        for entry in fs::read_dir(&folder).map_err(io("read", &folder))? {
            let path = entry.map_err(io("read", &folder))?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match read_json(&path) {
                Ok(request) => requests.extend(request),
                Err(error @ StateError::Damaged { .. }) => {
                    tracing::warn!(%error, "this request is not understood and is dropped: ask again");
                }
                Err(error) => return Err(error),
            }
            fs::remove_file(&path).map_err(io("remove", &path))?;
        }
        Ok(requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_taken_once_and_one_that_is_damaged_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let all = [
            Request::Look,
            Request::Retry("c/n/r".parse().unwrap()),
            Request::RetryAll,
            Request::Accept("0".repeat(40).parse().unwrap()),
        ];
        for (second, request) in all.iter().enumerate() {
            let now = Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
            state.request(request, now).unwrap();
        }
        fs::write(folder.path().join("requests/0000.json"), "{\"id\": null}").unwrap();
        let taken = state.take_requests().unwrap();
        assert_eq!(taken.len(), all.len());
        assert!(all.iter().all(|request| taken.contains(request)));
        assert!(state.take_requests().unwrap().is_empty());
    }
}
