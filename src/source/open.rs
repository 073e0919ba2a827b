//! A source: opened once, read again and again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::{ErrorCode, Oid, Repository};

use super::checkout::{Checkout, HeadMove, UnreadableFile};
use super::error::SourceError;
use super::gather::Gathered;
use super::history::{History, oid};
use super::library::{failed, open_around, open_exactly};
use super::missing::{self, InTree, OnDisk};
use super::options::{Layout, Location, Revision, SourceOptions};
use super::{folder, tree, work_tree};
use crate::id::CommitId;

/// A git repository or a plain folder with exchange files. It holds no open repository, so it can be shared
/// between threads, and what a fetch brought is always seen.
#[derive(Debug)]
pub struct Source {
    pub(super) options: SourceOptions,
    pub(super) layout: Layout,
    pub(super) place: Place,
    pub(super) shown: String,
}

/// What is at the location.
#[derive(Debug)]
pub(super) enum Place {
    /// A folder without history.
    Folder(PathBuf),
    /// A repository of this host.
    Repository {
        /// Its git folder.
        git: PathBuf,
        /// The root of the source in its work tree; none for a bare repository.
        work: Option<PathBuf>,
    },
}

/// The source when none is named: `cwd` if it has the watched folder, else the root of the git work tree around it.
pub fn discover(cwd: &Path, folder: &str) -> Result<PathBuf, SourceError> {
    if cwd.join(folder).is_dir() {
        return Ok(cwd.to_owned());
    }
    let shown = cwd.display().to_string();
    let repository =
        open_around(cwd).map_err(failed(&shown, "open the git repository around it"))?;
    let root = repository.and_then(|repository| repository.workdir().map(Path::to_owned));
    Ok(root.unwrap_or_else(|| cwd.to_owned()))
}

impl Source {
    /// Opens it; nothing is fetched yet.
    pub fn open(options: SourceOptions) -> Result<Self, SourceError> {
        let Location::Path(path) = &options.location else {
            return Err(SourceError::Setting {
                setting: "source.url",
                text: "only paths can be read".to_owned(),
            });
        };
        let shown = path.display().to_string();
        let root = path.canonicalize().map_err(|source| SourceError::Read {
            path: path.clone(),
            source,
        })?;
        let (place, prefix) = look(&root, &shown)?;
        let layout = Layout::new(prefix, &options.folder)?;
        Ok(Self {
            options,
            layout,
            place,
            shown,
        })
    }

    /// Whether it has commits; removals from a plain folder are proved by the journal.
    pub fn is_git(&self) -> bool {
        !matches!(self.place, Place::Folder(_))
    }

    /// Where it is, without a password.
    pub fn display(&self) -> String {
        self.shown.clone()
    }

    /// Brings the mirror up to date; what is read in place needs none.
    #[expect(clippy::unused_async, reason = "the fetch of URLs waits")]
    pub async fn fetch(&self) -> Result<(), SourceError> {
        Ok(())
    }

    /// Reads the wanted files.
    pub fn read(&self, revision: &Revision) -> Result<Checkout, SourceError> {
        match (&self.place, revision) {
            (Place::Folder(_), Revision::Named(_)) => Err(SourceError::NoHistory {
                path: self.shown.clone(),
            }),
            (Place::Folder(root), Revision::Files | Revision::Head) => self.read_folder(root),
            (
                Place::Repository {
                    git,
                    work: Some(root),
                },
                Revision::Files,
            ) => self.read_work_tree(&self.open_local(git)?, root),
            (Place::Repository { git, .. }, Revision::Files | Revision::Head) => {
                let repository = self.open_local(git)?;
                let head = self.head(&repository)?;
                self.read_commit(&repository, head, None)
            }
            (Place::Repository { git, .. }, Revision::Named(name)) => {
                let repository = self.open_local(git)?;
                let commit = self.resolve(&repository, name)?;
                self.read_commit(&repository, commit, None)
            }
        }
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

    /// The history up to `head`.
    pub fn history(&self, head: &CommitId) -> Result<History, SourceError> {
        let Place::Repository { git, .. } = &self.place else {
            return Err(SourceError::NoHistory {
                path: self.shown.clone(),
            });
        };
        let repository = self.open_local(git)?;
        let id = oid(head).filter(|id| repository.find_commit(*id).is_ok());
        let Some(id) = id else {
            return Err(self.no_revision(head.as_str()));
        };
        Ok(History::new(
            repository,
            id,
            self.layout.clone(),
            self.options.limits,
        ))
    }

    fn open_local(&self, git: &Path) -> Result<Repository, SourceError> {
        open_exactly(git).map_err(failed(&self.shown, "open the git repository"))
    }

    /// The head of the branch of a local repository.
    pub(super) fn head(&self, repository: &Repository) -> Result<Oid, SourceError> {
        let found = match &self.options.branch {
            Some(branch) => {
                let names = [
                    format!("refs/heads/{branch}"),
                    format!("refs/remotes/origin/{branch}"),
                ];
                let found = names
                    .iter()
                    .find_map(|name| repository.find_reference(name).ok());
                found.ok_or_else(|| SourceError::NoBranch {
                    repository: self.shown.clone(),
                    branch: branch.clone(),
                })?
            }
            None => match repository.head() {
                Ok(head) => head,
                Err(error) if error.code() == ErrorCode::UnbornBranch => {
                    return Err(SourceError::Empty {
                        repository: self.shown.clone(),
                    });
                }
                Err(error) => return Err(failed(&self.shown, "find its head")(error)),
            },
        };
        let commit = found
            .peel_to_commit()
            .map_err(failed(&self.shown, "read the commit of its head"))?;
        Ok(commit.id())
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

    fn read_folder(&self, root: &Path) -> Result<Checkout, SourceError> {
        let files = folder::read(root, &self.layout, &self.shown, self.options.limits)?;
        if !files.folder {
            return Err(missing::error(&OnDisk(root), &self.layout, &self.shown));
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
        let limits = self.options.limits;
        let (files, dirty) =
            work_tree::read(repository, head, root, &self.layout, &self.shown, limits)?;
        if !files.folder && !self.was_there(repository, head)? {
            return Err(missing::error(&OnDisk(root), &self.layout, &self.shown));
        }
        Ok(Checkout {
            commit: Some(self.commit_id(head)?),
            dirty,
            has_history: true,
            shallow: repository.is_shallow(),
            ..self.checkout(files)
        })
    }

    pub(super) fn read_commit(
        &self,
        repository: &Repository,
        commit: Oid,
        moved: Option<HeadMove>,
    ) -> Result<Checkout, SourceError> {
        let limits = self.options.limits;
        let files = tree::read(repository, commit, &self.layout, &self.shown, limits)?;
        if !files.folder && !self.was_there(repository, commit)? {
            let listing = InTree {
                repository,
                commit,
                layout: &self.layout,
            };
            return Err(missing::error(&listing, &self.layout, &self.shown));
        }
        Ok(Checkout {
            commit: Some(self.commit_id(commit)?),
            has_history: true,
            shallow: repository.is_shallow(),
            moved,
            ..self.checkout(files)
        })
    }

    fn was_there(&self, repository: &Repository, commit: Oid) -> Result<bool, SourceError> {
        missing::was_there(repository, &self.layout, commit)
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
            folder: self.layout.folder.clone(),
            moved: None,
        }
    }

    pub(super) fn commit_id(&self, id: Oid) -> Result<CommitId, SourceError> {
        let text = id.to_string();
        text.parse().map_err(|_| self.no_revision(&text))
    }
}

/// Finds out what is at a path of this host, and how far below the repository's root.
fn look(root: &Path, shown: &str) -> Result<(Place, String), SourceError> {
    let folder = || Ok((Place::Folder(root.to_owned()), String::new()));
    let failed = failed(shown, "open the git repository around it");
    let Some(repository) = open_around(root).map_err(&failed)? else {
        return folder();
    };
    let git = repository.path().to_owned();
    let Some(tree) = repository.workdir() else {
        let bare = git.canonicalize().is_ok_and(|path| path == root);
        if bare {
            return Ok((Place::Repository { git, work: None }, String::new()));
        }
        return folder();
    };
    let tree = tree.canonicalize().map_err(|source| SourceError::Read {
        path: tree.to_owned(),
        source,
    })?;
    let Ok(below) = root.strip_prefix(&tree) else {
        return folder();
    };
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    let prefix = parts.join("/");
    if !prefix.is_empty() && is_outside(&repository, below, &prefix).map_err(&failed)? {
        return folder();
    }
    let work = Some(root.to_owned());
    Ok((Place::Repository { git, work }, prefix))
}

/// A folder that git ignores and never committed is no part of the repository around it.
fn is_outside(repository: &Repository, below: &Path, prefix: &str) -> Result<bool, git2::Error> {
    if !repository.is_path_ignored(below)? {
        return Ok(false);
    }
    match repository.head().and_then(|head| head.peel_to_commit()) {
        Ok(head) => Ok(tree::find(repository, head.id(), prefix)?.is_none()),
        Err(_) => Ok(true),
    }
}
