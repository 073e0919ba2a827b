//! Reads the wanted files of a source.

use std::path::Path;
use std::time::Duration;

use git2::{ErrorCode, Oid, Repository};

use super::checkout::{Checkout, HeadMove, UnreadableFile};
use super::error::SourceError;
use super::gather::Gathered;
use super::library::failed;
use super::missing::{self, InTree, OnDisk};
use super::open::{Place, Source};
use super::options::Revision;
use super::tree::Known;
use super::{folder, tree, work_tree};
use crate::id::CommitId;

/// A commit whose files are to be read. The same one has the same files.
pub struct Found {
    repository: Repository,
    /// Which.
    pub commit: CommitId,
    /// The history behind it cannot be walked to its roots.
    pub shallow: bool,
    /// How the head came there, where it did not go forward.
    pub moved: Option<HeadMove>,
}

impl Source {
    /// Reads the wanted files.
    pub fn read(&self, revision: &Revision) -> Result<Checkout, SourceError> {
        if let Some(found) = self.find(revision)? {
            return self.read_commit(&found);
        }
        match &self.here().place {
            Place::Folder(root) => self.read_folder(root),
            Place::Repository {
                git,
                work: Some(root),
            } => self.read_work_tree(&self.open_local(git)?, root),
            Place::Repository { work: None, .. } | Place::Remote(_) => {
                Err(self.no_revision("the files"))
            }
        }
    }

    /// The commit a revision means; none where files are read as they stand.
    pub fn find(&self, revision: &Revision) -> Result<Option<Found>, SourceError> {
        let (repository, commit, moved) = match (&self.here().place, revision) {
            (Place::Folder(_), Revision::Named(_)) => {
                return Err(SourceError::NoHistory {
                    path: self.shown.clone(),
                });
            }
            (Place::Folder(_), Revision::Files | Revision::Head)
            | (Place::Repository { work: Some(_), .. }, Revision::Files) => return Ok(None),
            (Place::Repository { .. } | Place::Remote(_), Revision::Files | Revision::Head) => {
                self.followed()?
            }
            (Place::Repository { .. } | Place::Remote(_), Revision::Named(name)) => {
                let (repository, commit) = self.named(name)?;
                (repository, commit, None)
            }
        };
        Ok(Some(Found {
            commit: self.commit_id(commit)?,
            shallow: repository.is_shallow(),
            repository,
            moved,
        }))
    }

    /// Reads a plain folder twice; what one listing has and the other has not is unreadable, so that it is not removed
    /// in this pass. Anything else is read once.
    pub async fn read_settled(
        &self,
        revision: &Revision,
        pause: Duration,
    ) -> Result<Checkout, SourceError> {
        let first = self.read(revision)?;
        if self.is_git() {
            return Ok(first);
        }
        tokio::time::sleep(pause).await;
        let mut second = self.read(revision)?;
        let lists = |checkout: &Checkout, path: &str| {
            checkout.files.iter().any(|file| file.path == path)
                || checkout.unreadable.iter().any(|file| file.path == path)
        };
        let gone = first
            .files
            .iter()
            .filter(|file| !lists(&second, &file.path));
        let gone: Vec<UnreadableFile> = gone
            .map(|file| UnreadableFile {
                path: file.path.clone(),
                text: "it vanished between two listings".to_owned(),
            })
            .collect();
        second.unreadable.extend(gone);
        Ok(second)
    }

    fn read_folder(&self, root: &Path) -> Result<Checkout, SourceError> {
        let here = self.here();
        let files = folder::read(root, &here.layout, &self.shown, self.options.limits)?;
        if !files.folder {
            return Err(missing::error(&OnDisk(root), &here.layout, &self.shown));
        }
        Ok(self.checkout(files))
    }

    fn read_work_tree(
        &self,
        repository: &Repository,
        root: &Path,
    ) -> Result<Checkout, SourceError> {
        let head = match repository.head().and_then(|head| head.peel_to_commit()) {
            Ok(commit) => commit.id(),
            Err(error) if error.code() == ErrorCode::UnbornBranch => {
                let files = self.read_folder(root)?;
                return Ok(Checkout {
                    dirty: true,
                    ..files
                });
            }
            Err(error) => return Err(failed(&self.shown, "find its head")(error)),
        };
        let elsewhere = self.options.branch.as_deref().is_some_and(|branch| {
            repository
                .refname_to_id(&format!("refs/heads/{branch}"))
                .ok()
                != Some(head)
        });
        let (here, limits) = (self.here(), self.options.limits);
        let (files, differ) =
            work_tree::read(repository, head, root, &here.layout, &self.shown, limits)?;
        if !files.folder && !self.was_there(repository, head)? {
            return Err(missing::error(&OnDisk(root), &here.layout, &self.shown));
        }
        Ok(Checkout {
            commit: Some(self.commit_id(head)?),
            dirty: differ || elsewhere,
            has_history: true,
            shallow: repository.is_shallow(),
            ..self.checkout(files)
        })
    }

    /// Reads the wanted files of a commit.
    pub fn read_commit(&self, found: &Found) -> Result<Checkout, SourceError> {
        let repository = &found.repository;
        let commit = self.resolve(repository, found.commit.as_str())?;
        let (here, limits) = (self.here(), self.options.limits);
        let known = Known::default();
        let layout = &here.layout;
        let files = tree::read(repository, commit, layout, &self.shown, limits, &known)?;
        if !files.folder && !self.was_there(repository, commit)? {
            let listing = InTree {
                repository,
                commit,
                layout,
            };
            return Err(missing::error(&listing, layout, &self.shown));
        }
        Ok(Checkout {
            moved: found.moved.clone(),
            ..self.of_commit(repository, found.commit.clone(), files)
        })
    }

    pub(super) fn of_commit(
        &self,
        repository: &Repository,
        commit: CommitId,
        files: Gathered,
    ) -> Checkout {
        Checkout {
            commit: Some(commit),
            has_history: true,
            shallow: repository.is_shallow(),
            ..self.checkout(files)
        }
    }

    fn was_there(&self, repository: &Repository, commit: Oid) -> Result<bool, SourceError> {
        missing::was_there(
            repository,
            &self.here().layout,
            commit,
            self.options.limits.history,
        )
        .map_err(failed(&self.shown, "read its history"))
    }

    fn checkout(&self, gathered: Gathered) -> Checkout {
        Checkout {
            repository: self.shown.clone(),
            commit: None,
            dirty: false,
            has_history: false,
            shallow: false,
            files: gathered.files,
            unreadable: gathered.unreadable,
            folder: self.here().layout.folder.clone(),
            moved: None,
        }
    }
}
