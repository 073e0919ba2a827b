//! One natsx-sync at a time works in a state folder.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Told;
use crate::state::doubt::Doubt;
use crate::state::{State, StateError, io};
use crate::{command, file};

/// Its name in the folder.
pub(super) const FILE: &str = "lock";
/// Who has it, for everybody to read, as the status is.
const HOLDER: &str = "holder";

/// Who holds the folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// When it took it.
    pub since: Timestamp,
    /// When that process started, since boot: another one with its id started later.
    #[serde(default)]
    started: Option<Duration>,
    /// Where it shows its status, if it does.
    #[serde(default)]
    pub status: Option<SocketAddr>,
    /// What it has its settings from, if it is a daemon.
    #[serde(default)]
    pub told: Option<Told>,
    /// Why nothing is run that it names.
    #[serde(skip)]
    pub doubt: Option<Doubt>,
}

impl Holder {
    /// Whether its process still runs, for those who may not look at the lock itself.
    fn lives(&self) -> bool {
        self.started.is_some() && command::started(self.pid) == self.started
    }
}

/// Held until dropped; the kernel lets go of it when the process dies, however it dies.
#[derive(Debug)]
pub struct Lock {
    file: File,
    folder: PathBuf,
    holder: Holder,
}

impl Lock {
    /// That it still keeps others out: whoever opens its path has to find the file that is held here.
    pub fn check(&self) -> Result<(), StateError> {
        let path = self.folder.join(FILE);
        let which = |data: &Metadata| (data.dev(), data.ino());
        match (self.file.metadata(), std::fs::metadata(&path)) {
            (Ok(held), Ok(there)) if which(&there) != which(&held) => {
                Err(StateError::LockReplaced { path })
            }
            (_, Err(error)) if error.kind() == ErrorKind::NotFound => {
                Err(StateError::LockRemoved { path })
            }
            // A disk that does not answer says nothing of who works here.
            _ => Ok(()),
        }
    }

    /// Tells others where the status is shown, and how they see what this process sees.
    pub fn announce(&self, status: SocketAddr, told: Told) -> Result<(), StateError> {
        let holder = Holder {
            status: Some(status),
            told: Some(told),
            ..self.holder.clone()
        };
        self.write(&holder)
    }

    fn write(&self, holder: &Holder) -> Result<(), StateError> {
        let path = self.folder.join(HOLDER);
        let text = serde_json::json!(holder).to_string();
        file::replace(&path, text.as_bytes(), 0o644).map_err(io("write", &path))
    }
}

impl State {
    /// Takes the folder, or says who has it.
    pub fn lock(&self, now: Timestamp) -> Result<Lock, StateError> {
        let path = self.folder().join(FILE);
        let file = file::private(&path).map_err(io("open", &path))?;
        if !file::lock(&file).map_err(io("lock", &path))? {
            let holder = self
                .holder()
                .map_or_else(|| "unknown".to_owned(), |holder| holder.pid.to_string());
            return Err(StateError::Locked {
                path: self.folder().to_owned(),
                holder,
            });
        }
        let pid = std::process::id();
        let holder = Holder {
            pid,
            since: now,
            started: command::started(pid),
            status: None,
            told: None,
            doubt: None,
        };
        let lock = Lock {
            file,
            folder: self.folder().to_owned(),
            holder,
        };
        lock.write(&lock.holder)?;
        file::sweep(self.folder());
        Ok(lock)
    }

    /// Who holds the folder now; none when nobody does.
    pub fn holder(&self) -> Option<Holder> {
        let last = last_holder(self.folder());
        match File::open(self.folder().join(FILE)) {
            // A shared lock that can be had means that nobody holds the exclusive one.
            Ok(file) => last.filter(|_| file.try_lock_shared().is_err()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => last.filter(Holder::lives),
            Err(_) => None,
        }
    }
}

fn last_holder(folder: &Path) -> Option<Holder> {
    let path = folder.join(HOLDER);
    let mut file = file::open_itself(&path).ok()?;
    let doubt = Doubt::of(&path, &file.metadata().ok()?);
    let mut text = Vec::new();
    file.read_to_end(&mut text).ok()?;
    let holder: Holder = serde_json::from_slice(&text).ok()?;
    Some(Holder { doubt, ..holder })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_second_holder_is_told_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        assert!(state.holder().is_none());
        let lock = state.lock(Timestamp::UNIX_EPOCH).unwrap();
        assert!(matches!(
            state.lock(Timestamp::UNIX_EPOCH),
            Err(StateError::Locked { .. })
        ));
        assert_eq!(state.holder().unwrap().pid, std::process::id());
        drop(lock);
        assert!(state.holder().is_none());
        state.lock(Timestamp::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn nobody_else_can_hold_the_lock_and_everybody_may_know_who_does() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        std::fs::write(folder.path().join(FILE), "").unwrap();
        let lock = state.lock(Timestamp::UNIX_EPOCH).unwrap();
        let mode = |name| {
            let data = std::fs::metadata(folder.path().join(name)).unwrap();
            data.permissions().mode() & 0o777
        };
        assert_eq!((mode(FILE), mode(HOLDER)), (0o600, 0o644));
        let holder = last_holder(folder.path()).unwrap();
        assert!(holder.lives());
        let later = Holder {
            started: holder.started.map(|at| at + Duration::from_secs(1)),
            ..holder.clone()
        };
        assert!(!later.lives(), "another process with its id");
        let gone = Holder {
            pid: 0,
            started: None,
            ..holder
        };
        assert!(!gone.lives());
        drop(lock);
    }

    #[test]
    fn a_lock_whose_file_is_gone_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let lock = state.lock(Timestamp::UNIX_EPOCH).unwrap();
        lock.check().unwrap();
        std::fs::remove_file(folder.path().join(FILE)).unwrap();
        assert!(matches!(lock.check(), Err(StateError::LockRemoved { .. })));
        let other = state.lock(Timestamp::UNIX_EPOCH).unwrap();
        assert!(matches!(lock.check(), Err(StateError::LockReplaced { .. })));
        other.check().unwrap();
    }

    #[test]
    fn what_others_may_have_written_is_doubted_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let _lock = state.lock(Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(state.holder().unwrap().doubt, None);
        let path = folder.path().join(HOLDER);
        std::fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        let doubt = state.holder().unwrap().doubt;
        assert!(matches!(doubt, Some(Doubt::Writable { .. })), "{doubt:?}");
        std::fs::rename(&path, folder.path().join("other")).unwrap();
        std::os::unix::fs::symlink("other", &path).unwrap();
        assert!(state.holder().is_none());
    }

    #[test]
    fn who_looks_again_and_again_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        drop(state.lock(Timestamp::UNIX_EPOCH).unwrap());
        let looking = File::open(folder.path().join("lock")).unwrap();
        looking.try_lock_shared().unwrap();
        let looked = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(30));
            drop(looking);
        });
        state.lock(Timestamp::UNIX_EPOCH).unwrap();
        looked.join().unwrap();
    }
}
