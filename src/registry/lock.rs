//! Who has the embedded registry open: `registry.lock`, held for as long as the store is, with the address to ask at.
//! It is never empty again once there was a store, so that a store that is gone is not taken for one that never was.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

const FILE: &str = "registry.lock";

/// The address at which somebody serves the registry of this state folder; none when nobody has it open, or has not
/// said yet where.
pub fn address_of(state_dir: &Path) -> Option<SocketAddr> {
    let mut file = File::open(state_dir.join(FILE)).ok()?;
    match file.try_lock_shared() {
        // What the file says is of somebody who is gone.
        Ok(()) | Err(TryLockError::Error(_)) => None,
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text).ok()?;
            text.trim().parse().ok()
        }
    }
}

/// Whether there is or was a store in this folder.
pub(super) fn has_opened(state_dir: &Path) -> bool {
    let data = state_dir.join(FILE).metadata();
    data.is_ok_and(|data| data.len() > 0)
}

/// The held lock; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    opened: bool,
}

/// What the file says of a store that was opened and answers nowhere.
const NOWHERE: &str = "-";

impl Lock {
    /// Takes the lock; none when somebody else holds it.
    pub(super) fn take(state_dir: &Path) -> io::Result<Option<Self>> {
        let file = crate::file::private(&state_dir.join(FILE))?;
        if !crate::file::lock(&file)? {
            return Ok(None);
        }
        let opened = file.metadata()?.len() > 0;
        let lock = Self { file, opened };
        if opened {
            // Who held it before no longer answers.
            lock.write(NOWHERE)?;
        }
        Ok(Some(lock))
    }

    /// Whether there was a store in this folder when the lock was taken.
    pub(super) fn has_opened(&self) -> bool {
        self.opened
    }

    /// Remembers that there is a store.
    pub(super) fn mark_opened(&self) -> io::Result<()> {
        if self.opened {
            return Ok(());
        }
        self.write(NOWHERE)
    }

    /// Forgets that there was one.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        self.opened = false;
        self.file.set_len(0)
    }

    /// Never empty on the way.
    fn write(&self, text: &str) -> io::Result<()> {
        self.file.write_all_at(format!("{text}\n").as_bytes(), 0)?;
        self.file.set_len(text.len() as u64 + 1)
    }

    /// Says where the registry answers.
    pub(super) fn announce(&self, mut address: SocketAddr) -> io::Result<()> {
        if address.ip().is_unspecified() {
            // Listening everywhere is no place to ask at; this host is.
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        self.write(&address.to_string())
    }
}
