//! The bare mirror below the state folder: which commit was fetched, which one is followed, and how the branch moved.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use git2::{ErrorCode, Oid, PackBuilder, Repository};

use super::error::SourceError;
use super::leftovers;
use super::library::{failed, init_bare, open_exactly};
use crate::diagnostic::chain;

/// Where the branch was at the last fetch.
pub(super) const FETCHED: &str = "refs/natsx/fetched";
/// The commit that is followed.
const LAST: &str = "refs/natsx/last";
/// The commit followed before the history was rewritten.
const BEFORE: &str = "refs/natsx/before";

/// Each fetch adds a pack and nothing is collected in the background, so beyond this reading gets slow.
const PACKS: usize = 200;
/// Beyond this nothing is read any more before there is room to put them together.
const MOST_PACKS: usize = PACKS * 2;

/// How the branch moved other than forward.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moved {
    /// To this ancestor of the commit that is followed.
    Back(Oid),
    /// To another line of history.
    Aside,
}

/// A bare repository of our own.
#[derive(Debug)]
pub(super) struct Mirror {
    path: PathBuf,
    shown: String,
    /// How many packs there were when they could not be put together; 0 when they could.
    tried: AtomicUsize,
}

impl Mirror {
    pub(super) fn new(state: &Path, shown: &str) -> Self {
        Self {
            path: state.join("mirror.git"),
            shown: shown.to_owned(),
            tried: AtomicUsize::new(0),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it, afresh each time: what a fetch brought is always seen.
    pub(super) fn open(&self) -> Result<Repository, SourceError> {
        if !self.path.exists() {
            let repository = self.shown.clone();
            return Err(SourceError::NotFetched { repository });
        }
        open_exactly(&self.path).map_err(failed(&self.shown, "open its mirror"))
    }

    /// Makes it usable for a fetch: there, and without what an interrupted one left behind.
    pub(super) fn prepare(&self) -> Result<(), SourceError> {
        self.recover()?;
        if !self.path.exists() {
            init_bare(&self.path).map_err(failed(&self.shown, "make its mirror"))?;
            return Ok(());
        }
        let packs = leftovers::sweep(&self.path);
        self.put_together(packs, || self.rebuild())
    }

    /// Makes one pack of too many. Where that fails, as without room for a second copy, the old mirror only gets slower, and
    /// goes on for as long again: it is tried again now and then, because each try takes the room that others need.
    pub(super) fn put_together(
        &self,
        packs: usize,
        rebuild: impl FnOnce() -> Result<(), SourceError>,
    ) -> Result<(), SourceError> {
        let tried = self.tried.load(Ordering::Relaxed);
        let is_due = packs > MOST_PACKS || (packs > PACKS && packs >= tried + PACKS / 10);
        if !is_due {
            return Ok(());
        }
        let failed = rebuild().err();
        let now = if failed.is_some() { packs } else { 0 };
        self.tried.store(now, Ordering::Relaxed);
        let Some(error) = failed else {
            return Ok(());
        };
        // It may have failed in the middle of the swap.
        self.recover()?;
        if packs > MOST_PACKS {
            return Err(error);
        }
        let text = chain(&error);
        tracing::warn!(
            repository = self.shown,
            packs,
            most = MOST_PACKS,
            text,
            "the packs of the mirror could not be put together; it is used as it is, up to so many"
        );
        Ok(())
    }

    /// Builds it anew beside the old one, taking over what can be read there, and swaps the two.
    pub(super) fn rebuild(&self) -> Result<(), SourceError> {
        let new = self.beside("new");
        let old = self.beside("old");
        remove(&new)?;
        remove(&old)?;
        if let Err(error) = self.take_over(&new) {
            // It takes room that the others on a full disk need.
            remove(&new).ok();
            return Err(error);
        }
        rename(&self.path, &old)?;
        rename(&new, &self.path)?;
        remove(&old)
    }

    /// Makes a mirror of what can be read of this one.
    fn take_over(&self, new: &Path) -> Result<(), SourceError> {
        let failed = failed(&self.shown, "rebuild its mirror");
        let fresh = init_bare(new).map_err(&failed)?;
        if let Ok(kept) = open_exactly(&self.path) {
            for name in [LAST, BEFORE, FETCHED] {
                let Ok(id) = kept.refname_to_id(name) else {
                    continue;
                };
                match copy(&kept, &fresh, id) {
                    Ok(()) => drop(
                        fresh
                            .reference(name, id, true, "rebuilt")
                            .map_err(&failed)?,
                    ),
                    Err(NotCopied::Unreadable(error)) => {
                        tracing::warn!(%error, name, "the old mirror is damaged; this is fetched again");
                    }
                    // It is the disk that is full or broken: what is kept there is not given up for that.
                    Err(NotCopied::Unwritten(error)) => return Err(failed(error)),
                }
            }
        }
        Ok(())
    }

    /// After a crash between the two renames of a swap, the old mirror is the one there is.
    fn recover(&self) -> Result<(), SourceError> {
        let old = self.beside("old");
        if !self.path.exists() && old.exists() {
            rename(&old, &self.path)?;
        }
        remove(&old)?;
        remove(&self.beside("new"))
    }

    fn beside(&self, end: &str) -> PathBuf {
        self.path.with_extension(format!("git.{end}"))
    }

    /// The commit that is followed, if there was a fetch.
    pub(super) fn last(repository: &Repository) -> Option<Oid> {
        repository.refname_to_id(LAST).ok()
    }

    /// Follows what was fetched, unless it lies behind the commit followed so far.
    pub(super) fn advance(&self, repository: &Repository) -> Result<(), SourceError> {
        let failed = failed(&self.shown, "follow its branch in the mirror");
        let fetched = repository.refname_to_id(FETCHED).map_err(&failed)?;
        let last = match repository.refname_to_id(LAST) {
            Ok(last) => last,
            Err(error) if error.code() == ErrorCode::NotFound => {
                return self.follow(repository, fetched);
            }
            Err(error) => {
                return Err(SourceError::Git {
                    repository: self.shown.clone(),
                    doing: "tell which commit it followed; `natsx-sync reconcile --commit COMMIT` says where to go on".to_owned(),
                    source: error,
                });
            }
        };
        if fetched == last
            || repository
                .graph_descendant_of(last, fetched)
                .map_err(&failed)?
        {
            return Ok(());
        }
        if repository
            .graph_descendant_of(fetched, last)
            .map_err(&failed)?
        {
            return self.follow(repository, fetched);
        }
        self.follow(repository, fetched)?;
        repository
            .reference(BEFORE, last, true, "rewritten")
            .map_err(&failed)?;
        Ok(())
    }

    /// How the branch moved to where it is.
    pub(super) fn moved(&self, repository: &Repository) -> Result<Option<Moved>, SourceError> {
        let failed = failed(&self.shown, "compare its branch in the mirror");
        let fetched = repository.refname_to_id(FETCHED).map_err(&failed)?;
        match Self::last(repository) {
            Some(last)
                if fetched != last
                    && repository
                        .graph_descendant_of(last, fetched)
                        .map_err(&failed)? =>
            {
                Ok(Some(Moved::Back(fetched)))
            }
            _ if repository.refname_to_id(BEFORE).is_ok() => Ok(Some(Moved::Aside)),
            _ => Ok(None),
        }
    }

    /// Follows the branch to where it is although it lies behind. `commit` is what was agreed to: the branch's head or
    /// an ancestor of it.
    pub(super) fn accept(&self, repository: &Repository, commit: Oid) -> Result<Oid, SourceError> {
        let failed = failed(&self.shown, "follow its branch in the mirror");
        let fetched = repository.refname_to_id(FETCHED).map_err(&failed)?;
        let inside = commit == fetched
            || repository
                .graph_descendant_of(fetched, commit)
                .unwrap_or(false);
        if !inside {
            return Err(SourceError::NotOnBranch {
                repository: self.shown.clone(),
                commit: commit.to_string(),
                head: fetched.to_string(),
            });
        }
        if let Err(error) = repository.refname_to_id(LAST)
            && error.code() != ErrorCode::NotFound
        {
            // It cannot be read, nor replaced before it is gone.
            remove(&self.path.join(LAST))?;
        }
        self.follow(repository, fetched)?;
        Ok(fetched)
    }

    fn follow(&self, repository: &Repository, commit: Oid) -> Result<(), SourceError> {
        let failed = failed(&self.shown, "follow its branch in the mirror");
        if let Ok(mut before) = repository.find_reference(BEFORE) {
            before.delete().map_err(&failed)?;
        }
        repository
            .reference(LAST, commit, true, "followed")
            .map_err(&failed)?;
        // So that `HEAD` and what is counted from it mean the commit that is followed.
        repository.set_head_detached(commit).map_err(&failed)
    }
}

/// Why a history was not copied.
pub(super) enum NotCopied {
    /// Where it is, it cannot be read.
    Unreadable(git2::Error),
    /// Where it is to be, it cannot be written.
    Unwritten(git2::Error),
}

impl From<NotCopied> for git2::Error {
    fn from(error: NotCopied) -> Self {
        match error {
            NotCopied::Unreadable(error) | NotCopied::Unwritten(error) => error,
        }
    }
}

/// Copies a commit with all its history from one object store to another.
pub(super) fn copy(from: &Repository, to: &Repository, commit: Oid) -> Result<(), NotCopied> {
    if to.find_commit(commit).is_ok() {
        return Ok(());
    }
    let mut pack = pack(from, to, commit).map_err(NotCopied::Unreadable)?;
    let store = to.odb().map_err(NotCopied::Unwritten)?;
    let mut writer = store.packwriter().map_err(NotCopied::Unwritten)?;
    let mut outcome = Ok(());
    let packed = pack.foreach(|bytes| {
        outcome = std::io::Write::write_all(&mut writer, bytes);
        outcome.is_ok()
    });
    outcome.map_err(|error| NotCopied::Unwritten(git2::Error::from_str(&error.to_string())))?;
    packed.map_err(NotCopied::Unreadable)?;
    writer.commit().map_err(NotCopied::Unwritten)?;
    Ok(())
}

/// What `to` lacks of the history of a commit.
fn pack<'r>(
    from: &'r Repository,
    to: &Repository,
    commit: Oid,
) -> Result<PackBuilder<'r>, git2::Error> {
    let mut walk = from.revwalk()?;
    walk.push(commit)?;
    for known in [LAST, FETCHED] {
        if let Ok(id) = to.refname_to_id(known)
            && from.find_commit(id).is_ok()
        {
            walk.hide(id)?;
        }
    }
    let mut pack = from.packbuilder()?;
    pack.insert_walk(&mut walk)?;
    Ok(pack)
}

fn remove(path: &Path) -> Result<(), SourceError> {
    let removed = match std::fs::remove_dir_all(path) {
        // Whoever put a file there had no history to keep.
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            std::fs::remove_file(path)
        }
        removed => removed,
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(SourceError::Write {
            path: path.to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), SourceError> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(SourceError::Write {
            path: to.to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}
