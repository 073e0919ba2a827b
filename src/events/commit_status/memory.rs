//! What the forge was told last, in the state folder, and what that leaves to be told.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::verdict::{State, Verdict};
use crate::config::events::ForgeTarget;
use crate::file;
use crate::id::CommitId;
use crate::state::{State as Folder, StateError, io};

/// So often one commit is told other words for the same state. GitHub takes 1,000 statuses of a commit.
const MOST: u32 = 500;

/// What was told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) commit: CommitId,
    pub(super) state: State,
    pub(super) text: String,
    /// How often something was told of this commit.
    pub(super) count: u32,
}

/// What is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It was told.
    Nothing,
    /// It became so.
    Now(Verdict),
    /// The same in other words.
    Words(Verdict),
}

/// What is left to be told of `verdict` after `last`. `renews`: whether a pending commit can be told other words.
///
/// A commit that was ready once is finished: what happens to its exchanges later is no news of the commit. One that failed
/// may still succeed, but does not go back to pending with every try.
pub(super) fn due(last: Option<&Said>, verdict: Verdict, renews: bool) -> Due {
    let Some(last) = last else {
        return Due::Now(verdict);
    };
    if last.commit != verdict.commit {
        return Due::Now(match last.state {
            State::Pending => Verdict::superseded(last.commit.clone(), &verdict.commit),
            State::Success | State::Failure | State::Superseded => verdict,
        });
    }
    match (last.state, verdict.state) {
        (State::Success, _) | (State::Failure, State::Pending) => Due::Nothing,
        (State::Pending, State::Pending) | (State::Failure, State::Failure) => {
            let is_news = last.text != verdict.text && last.count < MOST;
            let may = match verdict.state {
                State::Pending => renews,
                // What is tried again leaves the list of failures and comes back.
                State::Failure | State::Success | State::Superseded => !verdict.moving,
            };
            if is_news && may {
                Due::Words(verdict)
            } else {
                Due::Nothing
            }
        }
        _ => Due::Now(verdict),
    }
}

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// What was told elsewhere, or under another name, was not told here.
    place: String,
    last: Option<Said>,
}

/// Remembers what was told last. Its calls wait for the disk.
#[derive(Debug)]
pub(super) struct Memory {
    path: PathBuf,
    kept: Kept,
}

impl Memory {
    /// What was told there before.
    pub(super) fn open(state: &Folder, target: &ForgeTarget) -> Result<Self, StateError> {
        let path = state.private("outbox")?.join("commit_status.json");
        let place = format!("{} {} {}", target.api, target.repository, target.name);
        let anew = Kept {
            place: place.clone(),
            last: None,
        };
        let kept = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| StateError::Damaged {
                path: path.clone(),
                text: format!("{error}; move it away, and the forge is told once more"),
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => anew,
            Err(error) => return Err(io("read", &path)(error)),
        };
        let kept = if kept.place == place {
            kept
        } else {
            Kept { place, last: None }
        };
        Ok(Self { path, kept })
    }

    pub(super) fn last(&self) -> Option<&Said> {
        self.kept.last.as_ref()
    }

    /// This was told, and need not be told again.
    pub(super) fn take(&mut self, verdict: Verdict) -> Result<(), StateError> {
        let before = self.kept.last.as_ref();
        let before = before.filter(|last| last.commit == verdict.commit);
        let count = before.map_or(0, |last| last.count).saturating_add(1);
        self.kept.last = Some(Said {
            commit: verdict.commit,
            state: verdict.state,
            text: verdict.text,
            count,
        });
        let bytes = serde_json::to_vec(&self.kept).map_err(|error| StateError::Damaged {
            path: self.path.clone(),
            text: error.to_string(),
        })?;
        file::replace(&self.path, &bytes, 0o600).map_err(io("write", &self.path))
    }
}
