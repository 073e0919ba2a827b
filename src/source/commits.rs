//! The commits of a source: its head, what a revision names, and the history behind them.

use std::collections::BTreeSet;
use std::path::Path;

use git2::{ErrorCode, Oid, Repository};

use super::checkout::HeadMove;
use super::error::SourceError;
use super::history::History;
use super::library::{failed, open_exactly};
use super::mirror::{Mirror, Moved};
use super::open::{Place, Source};
use crate::id::CommitId;

impl Source {
    /// The commit a revision names.
    pub fn commit(&self, revision: &str) -> Result<CommitId, SourceError> {
        self.commit_id(self.named(revision)?.1)
    }

    /// That a repository of this host does not have the branch of the settings. Its files are read all the same; who reads
    /// commits fails.
    pub fn branch_missing(&self) -> Option<SourceError> {
        let here = self.here();
        let Place::Repository { git, .. } = &here.place else {
            return None;
        };
        let branch = self.options.branch.as_deref()?;
        let repository = self.open_local(git).ok()?;
        let error = head(&repository, Some(branch), &self.shown).err()?;
        matches!(error, SourceError::NoBranch { .. }).then_some(error)
    }

    /// The history up to `head`.
    pub fn history(&self, head: &CommitId) -> Result<History, SourceError> {
        let (repository, id) = self.named(head.as_str())?;
        let (layout, limits) = (self.here().layout.clone(), self.options.limits);
        Ok(History::new(repository, id, layout, limits))
    }

    /// The repository to read the head from, and the head: the mirror's once there was a fetch.
    pub(super) fn followed(&self) -> Result<(Repository, Oid, Option<HeadMove>), SourceError> {
        let here = self.here();
        if let Some(mirror) = &here.mirror
            && (mirror.path().exists() || matches!(here.place, Place::Remote(_)))
        {
            let repository = mirror.open()?;
            if let Some(last) = Mirror::last(&repository) {
                let moved = match mirror.moved(&repository)? {
                    Some(Moved::Back(head)) => Some(HeadMove::WentBack(self.commit_id(head)?)),
                    Some(Moved::Aside) => Some(HeadMove::Rewritten),
                    None => None,
                };
                return Ok((repository, last, moved));
            }
        }
        let repository = self.local()?;
        let head = head(&repository, self.options.branch.as_deref(), &self.shown)?;
        Ok((repository, head, None))
    }

    /// The commit a revision names, and the repository that has it: the mirror first, whose history was compared. What a
    /// name stands for in a repository of this host is for that to say: its head may not have been fetched yet.
    pub(super) fn named(&self, revision: &str) -> Result<(Repository, Oid), SourceError> {
        let here = self.here();
        let mut revision = revision.to_owned();
        if !is_id(&revision)
            && let Place::Repository { git, .. } = &here.place
            && let Ok(local) = self.open_local(git)
            && let Ok(commit) = self.resolve(&local, &revision)
        {
            revision = commit.to_string();
        }
        let revision = revision.as_str();
        if let Some(mirror) = &here.mirror
            && let Ok(repository) = mirror.open()
        {
            let branch = self.options.branch.as_deref() == Some(revision);
            let name = if branch { "HEAD" } else { revision };
            if let Ok(commit) = self.resolve(&repository, name) {
                return Ok((repository, commit));
            }
        }
        if matches!(here.place, Place::Remote(_)) {
            return Err(self.no_revision(revision));
        }
        let repository = self.local()?;
        let commit = self.resolve(&repository, revision)?;
        Ok((repository, commit))
    }

    fn local(&self) -> Result<Repository, SourceError> {
        match &self.here().place {
            Place::Repository { git, .. } => self.open_local(git),
            Place::Folder(_) => Err(SourceError::NoHistory {
                path: self.shown.clone(),
            }),
            Place::Remote(_) => Err(SourceError::Fetch {
                repository: self.shown.clone(),
                text: "nothing was fetched yet".to_owned(),
            }),
        }
    }

    pub(super) fn open_local(&self, git: &Path) -> Result<Repository, SourceError> {
        open_exactly(git).map_err(failed(&self.shown, "open the git repository"))
    }

    pub(super) fn resolve(&self, repository: &Repository, name: &str) -> Result<Oid, SourceError> {
        let found = repository
            .revparse_single(name)
            .and_then(|object| object.peel_to_commit());
        match found {
            Ok(commit) => Ok(commit.id()),
            Err(_) => Err(self.no_revision(name)),
        }
    }

    pub(super) fn no_revision(&self, name: &str) -> SourceError {
        SourceError::NoRevision {
            repository: self.shown.clone(),
            revision: name.to_owned(),
        }
    }

    pub(super) fn commit_id(&self, id: Oid) -> Result<CommitId, SourceError> {
        let text = id.to_string();
        text.parse().map_err(|_| self.no_revision(&text))
    }
}

/// Whether it names one commit wherever it is.
pub(super) fn is_id(revision: &str) -> bool {
    Oid::from_str(revision).is_ok() && revision.len() >= 40
}

/// The head of the branch of a local repository.
pub(super) fn head(
    repository: &Repository,
    branch: Option<&str>,
    shown: &str,
) -> Result<Oid, SourceError> {
    let found = match branch {
        Some(branch) => {
            let names = [
                format!("refs/heads/{branch}"),
                format!("refs/remotes/origin/{branch}"),
            ];
            let found = names
                .iter()
                .find_map(|name| repository.find_reference(name).ok());
            found.ok_or_else(|| SourceError::NoBranch {
                repository: shown.to_owned(),
                branch: branch.to_owned(),
                others: branches(repository),
            })?
        }
        None => match repository.head() {
            Ok(head) => head,
            Err(error) if error.code() == ErrorCode::UnbornBranch => {
                return Err(SourceError::Empty {
                    repository: shown.to_owned(),
                });
            }
            Err(error) => return Err(failed(shown, "find its head")(error)),
        },
    };
    let commit = found
        .peel_to_commit()
        .map_err(failed(shown, "read the commit of its head"))?;
    Ok(commit.id())
}

/// So many branches are named.
const NAMED: usize = 5;

/// The branches there are, as a part of a sentence.
fn branches(repository: &Repository) -> String {
    let names = repository.branches(None).into_iter().flatten().flatten();
    let names = names.filter_map(|(branch, _)| Some(branch.name().ok()??.to_owned()));
    // What a remote follows is no branch of its own.
    listed(names.filter(|name| !name.ends_with("/HEAD")))
}

/// The first of them, as a part of a sentence; nothing where there is none.
pub(super) fn listed(names: impl Iterator<Item = String>) -> String {
    let names: BTreeSet<_> = names.collect();
    let more = names.len().saturating_sub(NAMED);
    let mut first: Vec<_> = names.into_iter().take(NAMED).collect();
    if first.is_empty() {
        return String::new();
    }
    if more > 0 {
        first.push(format!("{more} more"));
    }
    format!("; it has {}", first.join(", "))
}
