//! The state folder (design 4.8). Everything in it but journal, approvals, what is withheld, suspensions, registry, clusters,
//! outbox and, while somebody works here, lock may be deleted at any time: what is true is in git, in the clusters and in the
//! registry.

pub mod approvals;
pub mod clusters;
pub mod declared;
pub mod doubt;
pub mod journal;
pub mod lock;
pub mod suspensions;
pub mod withheld;

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::file;
use crate::status::Status;

/// The format this version writes and reads.
const FORMAT: &str = "1";

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file of it could not be read or written.
    #[error("cannot {what} {path}{}", denied(path, source))]
    Io {
        /// What we were doing.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Written by a version with another format.
    #[error(
        "{path} has format {found:?}, this version of natsx-sync writes {FORMAT:?}: use the version that wrote it or another folder"
    )]
    Format {
        /// The folder.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// Another natsx-sync works here.
    #[error(
        "{path} is in use by process {holder}; ask the running daemon with `natsx-sync reconcile`"
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who.
        holder: String,
    },
    /// The file that keeps others out is no longer there.
    #[error(
        "{path} was removed, and nothing keeps another natsx-sync out of this folder any more: start again, and leave that file alone"
    )]
    LockRemoved {
        /// The file.
        path: PathBuf,
    },
    /// The file that keeps others out is another one.
    #[error(
        "{path} was replaced, and another natsx-sync may work in this folder: start again, and leave that file alone"
    )]
    LockReplaced {
        /// The file.
        path: PathBuf,
    },
    /// Root would leave files that the user whose it is cannot read.
    #[error(
        "{path} is where user {owner} runs natsx-sync, which cannot read what root writes there: do this as that user (`runuser -u $(stat -c %U {path}/lock) -- natsx-sync …`)"
    )]
    AnotherUser {
        /// The folder.
        path: PathBuf,
        /// Its user id.
        owner: u32,
    },
    /// A file of it holds something else than it should.
    #[error("{path} is damaged: {text}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        text: String,
    },
}

/// Who may, where the system denies it, as the end of a sentence: the folder is its daemon's alone.
pub(crate) fn denied(path: &Path, error: &std::io::Error) -> String {
    if error.kind() != std::io::ErrorKind::PermissionDenied {
        return String::new();
    }
    let there = path.ancestors().find_map(|path| fs::metadata(path).ok());
    there.map_or_else(String::new, |there| {
        format!(": only user {} may; do this as that user", there.uid())
    })
}

/// Names the deed and the file in an error of the system.
pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Io { what, path, source }
}

/// A state folder.
#[derive(Debug, Clone)]
pub struct State {
    folder: PathBuf,
}

impl State {
    /// Opens it, making it when it is not there.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let mut builder = fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o755)
            .create(folder)
            .map_err(io("make", folder))?;
        let state = Self::look(folder)?;
        let format = folder.join("format");
        if !format.exists() {
            file::replace(&format, format!("{FORMAT}\n").as_bytes(), 0o644)
                .map_err(io("write", &format))?;
        }
        Ok(state)
    }

    /// Opens it to look at what is there; nothing is made where it is not.
    pub fn look(folder: &Path) -> Result<Self, StateError> {
        let format = folder.join("format");
        match fs::read_to_string(&format) {
            Ok(found) if found.trim() != FORMAT => Err(StateError::Format {
                path: folder.to_owned(),
                found: found.trim().to_owned(),
            }),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(io("read", &format)(error))
            }
            Ok(_) | Err(_) => Ok(Self {
                folder: folder.to_owned(),
            }),
        }
    }

    /// Opens it for work that leaves files in it.
    ///
    /// # Errors
    /// Root is refused where another user's natsx-sync works: that one could not read what root approved, and its mirror
    /// and journal would be no longer its own.
    pub fn open_to_write(folder: &Path) -> Result<Self, StateError> {
        Self::open_as(folder, rustix::process::geteuid().is_root())
    }

    fn open_as(folder: &Path, root: bool) -> Result<Self, StateError> {
        // The lock is made by whoever works here; the folder itself may be anybody's.
        if root
            && let Ok(lock) = fs::metadata(folder.join(lock::FILE))
            && lock.uid() != 0
        {
            return Err(StateError::AnotherUser {
                path: folder.to_owned(),
                owner: lock.uid(),
            });
        }
        Self::open(folder)
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the journal is, for those who only look.
    pub fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }

    /// A folder below it that only we may read, made when it is not there.
    pub fn private(&self, name: &str) -> Result<PathBuf, StateError> {
        let path = self.folder.join(name);
        file::private_folder(&path).map_err(io("make", &path))?;
        Ok(path)
    }

    /// Writes the status for everybody to read.
    pub fn write_status(&self, status: &Status) -> Result<(), StateError> {
        write_json(&self.folder.join("status.json"), status, 0o644)
    }

    /// Takes back a status that is no longer so and cannot be replaced.
    pub fn withdraw_status(&self) {
        fs::remove_file(self.folder.join("status.json")).ok();
    }

    /// The last status, if there ever was one.
    pub fn read_status(&self) -> Result<Option<Status>, StateError> {
        read_json(&self.folder.join("status.json"))
    }
}

/// What a file holds; nothing when there is none.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StateError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(damaged(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", path)(error)),
    }
}

/// Replaces a file; its readers see the old or the new, never half of one.
fn write_json<T: Serialize>(path: &Path, value: &T, mode: u32) -> Result<(), StateError> {
    let bytes = serde_json::to_vec_pretty(value).map_err(damaged(path))?;
    file::replace(path, &bytes, mode).map_err(io("write", path))
}

/// Says of a damaged file what to do, and what is lost by it.
fn cure(cure: &'static str) -> impl FnOnce(StateError) -> StateError {
    move |mut error| {
        if let StateError::Damaged { text, .. } = &mut error {
            text.push_str("; ");
            text.push_str(cure);
        }
        error
    }
}

fn damaged(path: &Path) -> impl FnOnce(serde_json::Error) -> StateError {
    let path = path.to_owned();
    move |error| StateError::Damaged {
        path,
        text: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn whoever_is_denied_is_told_who_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let error = |kind: std::io::ErrorKind| io("read", &path)(kind.into()).to_string();
        let owner = rustix::process::geteuid().as_raw();
        let said = error(std::io::ErrorKind::PermissionDenied);
        let who = format!("cannot read {}: only user {owner} may", path.display());
        assert!(said.starts_with(&who), "{said}");
        let other = error(std::io::ErrorKind::StorageFull);
        assert_eq!(other, format!("cannot read {}", path.display()));
    }

    #[test]
    fn root_leaves_no_file_among_those_of_another_user() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open_as(folder.path(), true).unwrap();
        drop(state.lock(Timestamp::UNIX_EPOCH).unwrap());
        let lock = folder.path().join(lock::FILE);
        let mode = fs::metadata(&lock).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else may take it");
        if rustix::process::geteuid().is_root() {
            State::open_as(folder.path(), true).unwrap();
            chown(&lock, Some(65534), None).unwrap();
        }
        let error = State::open_as(folder.path(), true).unwrap_err().to_string();
        assert!(error.contains("runuser -u"), "{error}");
        State::open_as(folder.path(), false).unwrap();
        State::open(folder.path()).unwrap();
    }

    #[test]
    fn another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        State::open(folder.path()).unwrap();
        State::open(folder.path()).unwrap();
        fs::write(folder.path().join("format"), "9\n").unwrap();
        for open in [State::open, State::look] {
            let error = open(folder.path()).unwrap_err().to_string();
            assert!(error.contains("\"9\""), "{error}");
        }
    }
}
