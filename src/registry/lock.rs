//! Who has the embedded registry open: `registry.lock`, held for as long as the store is, with the address to ask at.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
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

/// The held lock; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock; none when somebody else holds it.
    pub(super) fn take(state_dir: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(state_dir.join(FILE))?;
        if !crate::file::lock(&file)? {
            return Ok(None);
        }
        file.set_len(0)?;
        Ok(Some(Self(file)))
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
        let mut file = &self.0;
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{address}")
    }
}
