//! Brings the mirror up to date: one fetch at a time, and a mirror that cannot take one is rebuilt.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use git2::Oid;
use tokio_util::sync::CancellationToken;

use super::commits::head;
use super::error::SourceError;
use super::library::{failed, open_exactly};
use super::mirror::{FETCHED, copy};
use super::open::{Place, Source};
use super::remote::Remote;
use crate::id::CommitId;

/// How long another process may hold the mirror before we give up.
const PATIENCE: Duration = Duration::from_secs(30);

impl Source {
    /// Brings the mirror up to date; what is read in place needs none.
    pub async fn fetch(&self) -> Result<(), SourceError> {
        self.fetch_until(&CancellationToken::new()).await
    }

    /// As [`fetch`](Self::fetch), ended by `cancel`.
    pub async fn fetch_until(&self, cancel: &CancellationToken) -> Result<(), SourceError> {
        let _turn = self.turn.lock().await;
        self.follow_links().await?;
        let at = self.here();
        let Some(mirror) = &at.mirror else {
            return Ok(());
        };
        let _lock = self.lock_mirror().await?;
        let here = Arc::clone(mirror);
        self.aside(move || here.prepare()).await?;
        match &at.place {
            Place::Remote(remote) => self.fetch_remote(remote, cancel).await?,
            Place::Repository { .. } => self.fetch_local().await?,
            Place::Folder(_) => return Ok(()),
        }
        let here = Arc::clone(mirror);
        self.aside(move || here.advance(&here.open()?)).await
    }

    /// Follows the branch to `commit`'s line although it went back: what `reconcile --commit` says.
    pub fn accept(&self, commit: &CommitId) -> Result<CommitId, SourceError> {
        let id = super::history::oid(commit).ok_or_else(|| self.no_revision(commit.as_str()))?;
        match &self.here().mirror {
            Some(mirror) => self.commit_id(mirror.accept(&mirror.open()?, id)?),
            None => Ok(commit.clone()),
        }
    }

    async fn fetch_remote(
        &self,
        remote: &Remote,
        cancel: &CancellationToken,
    ) -> Result<(), SourceError> {
        let here = self.here();
        let Some(mirror) = &here.mirror else {
            return Ok(());
        };
        let first = remote.fetch(mirror.path(), FETCHED, cancel).await;
        let Err(SourceError::Fetch { text, .. }) = &first else {
            return first;
        };
        if !speaks_of_damage(text) {
            return first;
        }
        tracing::warn!(repository = self.shown, text, "the mirror is rebuilt");
        let here = Arc::clone(mirror);
        self.aside(move || here.rebuild()).await?;
        remote.fetch(mirror.path(), FETCHED, cancel).await
    }

    async fn fetch_local(&self) -> Result<(), SourceError> {
        let here = self.here();
        let (Place::Repository { git, .. }, Some(mirror)) = (&here.place, &here.mirror) else {
            return Ok(());
        };
        let (git, branch, shown) = (git.clone(), self.options.branch.clone(), self.shown.clone());
        let (local, head) = self
            .aside(move || {
                let failed = failed(&shown, "open it");
                let local = open_exactly(&git).map_err(&failed)?;
                let head = head(&local, branch.as_deref(), &shown)?;
                Ok((git, head))
            })
            .await?;
        let first = self.copy_local(&local, head).await;
        let Err(error) = &first else {
            return first;
        };
        // Only the mirror can be mended here. It holds nothing that is not in the repository but where the branch was.
        tracing::warn!(repository = self.shown, %error, "the mirror is rebuilt");
        let here = Arc::clone(mirror);
        self.aside(move || here.rebuild()).await?;
        self.copy_local(&local, head).await
    }

    async fn copy_local(&self, git: &Path, head: Oid) -> Result<(), SourceError> {
        let here = self.here();
        let Some(mirror) = &here.mirror else {
            return Ok(());
        };
        let (git, mirror, shown) = (git.to_owned(), Arc::clone(mirror), self.shown.clone());
        self.aside(move || {
            let failed = failed(&shown, "copy its history into the mirror");
            let local = open_exactly(&git).map_err(&failed)?;
            let here = mirror.open()?;
            copy(&local, &here, head).map_err(|error| failed(error.into()))?;
            here.reference(FETCHED, head, true, "fetched")
                .map(drop)
                .map_err(&failed)
        })
        .await
    }

    /// Runs what blocks where it may.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| SourceError::Fetch {
                repository: self.shown.clone(),
                text: "it was interrupted".to_owned(),
            })?
    }

    /// Keeps other processes with the same state folder out of the mirror.
    async fn lock_mirror(&self) -> Result<Option<File>, SourceError> {
        let here = self.here();
        let Some(state) = &here.state else {
            return Ok(None);
        };
        let path = state.join("mirror.lock");
        let wrong = |source| SourceError::Write {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(state).map_err(wrong)?;
        let file = crate::file::private(&path).map_err(wrong)?;
        let began = std::time::Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::Error(source)) => return Err(wrong(source)),
                Err(TryLockError::WouldBlock) if began.elapsed() > PATIENCE => {
                    return Err(SourceError::Fetch {
                        repository: self.shown.clone(),
                        text: format!(
                            "another process has held {} for {} s",
                            path.display(),
                            PATIENCE.as_secs()
                        ),
                    });
                }
                Err(TryLockError::WouldBlock) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// Whether git complains about the mirror rather than about the other side.
fn speaks_of_damage(text: &str) -> bool {
    [
        "cannot lock ref",
        "unable to update local ref",
        "cannot update ref",
        "not a git repository",
        "bad object",
        "corrupt",
        "unable to read tree",
        "did not send all necessary objects",
        ".lock': File exists",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}
