//! Earlier commits at which certain files were different.

use std::time::Instant;

use git2::Oid;

use super::history::History;
use super::tree::{Entry, find};
use crate::id::CommitId;

impl History {
    /// The first-parent ancestors just before one of `paths` (from the root of the source) changed, newest first; at
    /// most `most` of them, and none behind the limits of a walk or the end of a shallow history.
    pub fn before_changes(&self, paths: &[&str], most: usize) -> Vec<CommitId> {
        let began = Instant::now();
        let mut found = Vec::new();
        let mut at = self.head;
        let Ok(mut here) = self.standing(at, paths) else {
            return found;
        };
        for _ in 0..self.limits.commits {
            if found.len() >= most || began.elapsed() > self.limits.walk {
                break;
            }
            let parent = self.repository.find_commit(at);
            let Ok(parent) = parent.and_then(|commit| commit.parent_id(0)) else {
                break;
            };
            let Ok(there) = self.standing(parent, paths) else {
                break;
            };
            if there != here {
                found.extend(parent.to_string().parse().ok());
            }
            (at, here) = (parent, there);
        }
        found
    }

    fn standing(&self, commit: Oid, paths: &[&str]) -> Result<Vec<Option<Entry>>, git2::Error> {
        let find = |path: &&str| find(&self.repository, commit, &self.layout.in_repository(path));
        paths.iter().map(find).collect()
    }
}
