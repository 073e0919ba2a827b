//! Proof from git that a release was declared and is no longer.

use std::collections::HashMap;

use git2::Oid;

use super::history::{History, Membership, oid};
use super::steps::{Step, files, step_back};
use super::tree::{Entry, find};
use crate::exchange::desired::Terms;
use crate::id::{CommitId, ExchangeId};
use crate::observe::observed::{Proof, Unreadable};
use crate::reason::Reason;

/// Reads one exchange file: what it declares, if it is without error.
pub type Declares<'d> = dyn Fn(&str, &[u8]) -> Option<(ExchangeId, Terms)> + 'd;

/// What each exchange last said, as far as the first parents were walked.
#[derive(Debug)]
pub(super) struct Removals {
    last: HashMap<ExchangeId, Declaration>,
    at: Oid,
    walked: usize,
    end: Option<End>,
}

#[derive(Debug, Clone)]
struct Declaration {
    terms: Terms,
    file: String,
    removed_in: Option<CommitId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Root,
    Lost,
    TooFar,
}

impl Removals {
    pub(super) fn new(head: Oid) -> Self {
        Self {
            last: HashMap::new(),
            at: head,
            walked: 0,
            end: None,
        }
    }
}

impl History {
    /// Proves that an exchange the head does not declare was declared by the commit stamped on it, and finds its last
    /// terms on the first-parent line.
    pub fn prove(
        &self,
        id: &ExchangeId,
        stamped: Option<&CommitId>,
        declares: &Declares<'_>,
    ) -> Proof {
        let Some((commit, stamped)) = stamped.and_then(|commit| Some((commit, oid(commit)?)))
        else {
            return elsewhere("no commit is stamped on it".to_owned());
        };
        match self.membership(stamped) {
            Membership::Inside => {}
            Membership::Outside => {
                return elsewhere(format!(
                    "commit {}, stamped on it, is not in the history of {}",
                    commit.short(),
                    short(self.head)
                ));
            }
            Membership::Unknown => {
                return incomplete(format!(
                    "commit {}, stamped on it, is not in the part of the history that is here",
                    commit.short()
                ));
            }
            Membership::TooFar => {
                return incomplete(self.too_far(&format!(
                    "commit {}, stamped on it, is not among",
                    commit.short()
                )));
            }
        }
        let last = match self.last_of(id, declares) {
            Ok(Ok(last)) => last,
            Ok(Err(End::Lost)) => {
                return incomplete(
                    "no commit of the history that is here declares it: fetch the whole history"
                        .to_owned(),
                );
            }
            Ok(Err(End::TooFar)) => {
                return incomplete(self.too_far("it is declared by none of"));
            }
            Ok(Err(End::Root)) => {
                return elsewhere(
                    "no commit on the branch's first-parent line declares it: add the file again, then remove it in a later commit"
                        .to_owned(),
                );
            }
            Err(error) => {
                return incomplete(format!("the history cannot be read: {}", error.message()));
            }
        };
        match self.declared_at(stamped, id, &last.file, declares) {
            Ok(true) => Proof::Declared {
                terms: last.terms,
                file: last.file,
                removed_in: last.removed_in,
            },
            Ok(false) => elsewhere(format!(
                "commit {}, stamped on it, does not declare it",
                commit.short()
            )),
            Err(error) => incomplete(format!(
                "the files of commit {}, stamped on it, cannot be read: {}",
                commit.short(),
                error.message()
            )),
        }
    }

    /// The newest declaration on the first-parent line. Every exchange met on the way is remembered, so that one walk
    /// serves all that are asked for.
    fn last_of(
        &self,
        id: &ExchangeId,
        declares: &Declares<'_>,
    ) -> Result<Result<Declaration, End>, git2::Error> {
        let mut known = self.removals.borrow_mut();
        loop {
            if let Some(found) = known.last.get(id) {
                return Ok(Ok(found.clone()));
            }
            if let Some(end) = known.end {
                return Ok(Err(end));
            }
            if known.walked >= self.limits.history {
                known.end = Some(End::TooFar);
                continue;
            }
            known.walked += 1;
            match step_back(&self.repository, &self.layout, known.at)? {
                Step::Root => known.end = Some(End::Root),
                Step::Lost => known.end = Some(End::Lost),
                Step::Parent { commit, changes } => {
                    let removed_in = known.at.to_string().parse().ok();
                    for change in changes {
                        let said = change
                            .parent
                            .and_then(|blob| self.content(blob))
                            .and_then(|blob| declares(&change.path, blob.content()));
                        if let Some((id, terms)) = said {
                            known.last.entry(id).or_insert_with(|| Declaration {
                                terms,
                                file: change.path,
                                removed_in: Option::clone(&removed_in),
                            });
                        }
                    }
                    known.at = commit;
                }
            }
        }
    }

    fn too_far(&self, what: &str) -> String {
        format!(
            "{what} the {} commits that are looked at: add the file again, then remove it in a later commit",
            self.limits.history
        )
    }

    /// Whether the tree of `commit` declares the exchange; `likely` is looked at first.
    fn declared_at(
        &self,
        commit: Oid,
        id: &ExchangeId,
        likely: &str,
        declares: &Declares<'_>,
    ) -> Result<bool, git2::Error> {
        let path = self.layout.in_repository(likely);
        if let Some(Entry::Blob(blob)) = find(&self.repository, commit, &path)?
            && self.is_declared(likely, blob, id, declares)
        {
            return Ok(true);
        }
        let files = files(&self.repository, &self.layout, commit)?;
        Ok(files
            .iter()
            .any(|(path, blob)| self.is_declared(path, *blob, id, declares)))
    }

    fn is_declared(&self, path: &str, blob: Oid, id: &ExchangeId, declares: &Declares<'_>) -> bool {
        let known = self.blobs.borrow().get(&blob).cloned();
        let found = known.unwrap_or_else(|| {
            let content = self.content(blob);
            let found = content.and_then(|content| declares(path, content.content()));
            let found = found.map(|(id, _)| id);
            self.blobs.borrow_mut().insert(blob, found.clone());
            found
        });
        found.as_ref() == Some(id)
    }
}

fn elsewhere(text: String) -> Proof {
    Proof::NotProved(Unreadable {
        reason: Reason::NotFromThisHistory,
        text,
    })
}

fn incomplete(text: String) -> Proof {
    Proof::NotProved(Unreadable {
        reason: Reason::HistoryIncomplete,
        text,
    })
}

fn short(id: Oid) -> String {
    id.to_string().chars().take(9).collect()
}
