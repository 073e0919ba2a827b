//! One natsx-sync at a time works in a state folder.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read as _, Seek as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::file;
use crate::state::{State, StateError, io};

/// Its name in the folder.
pub(super) const FILE: &str = "lock";

/// Who holds the folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// When it took it.
    pub since: Timestamp,
    /// Where it shows its status, if it does.
    #[serde(default)]
    pub status: Option<SocketAddr>,
}

/// Held until dropped; the kernel lets go of it when the process dies, however it dies.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
    holder: Holder,
}

impl Lock {
    /// Tells others where the status is shown.
    pub fn announce(&self, status: SocketAddr) -> Result<(), StateError> {
        let holder = Holder {
            status: Some(status),
            ..self.holder.clone()
        };
        self.write(&holder)
    }

    fn write(&self, holder: &Holder) -> Result<(), StateError> {
        let write = |mut file: &File| -> std::io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            serde_json::to_writer(file, holder)?;
            file.flush()
        };
        write(&self.file).map_err(io("write", &self.path))
    }
}

impl State {
    /// Takes the folder, or says who has it.
    pub fn lock(&self, now: Timestamp) -> Result<Lock, StateError> {
        let path = self.folder().join(FILE);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io("open", &path))?;
        if !file::lock(&file).map_err(io("lock", &path))? {
            let holder = self
                .holder()
                .map_or_else(|| "unknown".to_owned(), |holder| holder.pid.to_string());
            return Err(StateError::Locked {
                path: self.folder().to_owned(),
                holder,
            });
        }
        // Everybody may know who works here, as they may read the status.
        file.set_permissions(Permissions::from_mode(0o644))
            .map_err(io("open to readers", &path))?;
        let holder = Holder {
            pid: std::process::id(),
            since: now,
            status: None,
        };
        let lock = Lock { file, path, holder };
        lock.write(&lock.holder)?;
        Ok(lock)
    }

    /// Who holds the folder now; none when nobody does.
    pub fn holder(&self) -> Option<Holder> {
        let mut file = File::open(self.folder().join(FILE)).ok()?;
        // A shared lock that can be had means that nobody holds the exclusive one.
        if file.try_lock_shared().is_ok() {
            return None;
        }
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }
}

#[cfg(test)]
mod tests {
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
