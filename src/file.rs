//! Files that are there as a whole or not at all.

use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

/// How the name of a file begins that takes another one's place when it is whole.
const UNFINISHED: &str = ".new-";

/// Replaces a file so that readers see the old or the new, never half of one, also after a loss of power. Its mode is
/// `mode`, whatever the umask says.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

/// Removes what processes that were killed left of replacing files of a folder, or of a folder in it. What is younger than a
/// minute may be being written.
pub(crate) fn sweep(folder: &Path) {
    let entries = |folder: &Path| folder.read_dir().into_iter().flatten().flatten();
    let folders = entries(folder).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let folders = folders.map(|entry| entry.path()).chain([folder.to_owned()]);
    for entry in folders.flat_map(|folder| entries(&folder)) {
        let name = entry.file_name();
        let age = entry.metadata().and_then(|data| data.modified());
        let age = age.ok().and_then(|modified| modified.elapsed().ok());
        if name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes())
            && age.is_some_and(|age| age > Duration::from_secs(60))
        {
            // What cannot be removed takes room, and nothing else.
            std::fs::remove_file(entry.path()).ok();
        }
    }
}

/// Makes a folder that only we may read, with those above it, unless it is there.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file to be locked, and makes it where there is none. Nobody else may open it, whatever the umask says and it was
/// before: whoever may can lock it, and keep us out.
pub(crate) fn private(path: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Opens a file to be read, and nothing in its place: no link is followed, and a pipe is not waited for.
pub(crate) fn open_itself(path: &Path) -> io::Result<File> {
    let how = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, how, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

/// Takes a lock for this process alone; `false` when somebody else has it and keeps it. Who only looks whether it is
/// held has it for a moment.
pub(crate) fn lock(file: &File) -> io::Result<bool> {
    for _ in 0..10 {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_was_left_of_a_file_is_removed_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("outbox");
        std::fs::create_dir(&below).unwrap();
        let old = SystemTime::now() - Duration::from_secs(90);
        let make = |path: &Path, old: Option<SystemTime>| {
            let file = File::create(path).unwrap();
            if let Some(old) = old {
                file.set_modified(old).unwrap();
            }
        };
        make(&folder.path().join(".new-a"), Some(old));
        make(&below.join(".new-b"), Some(old));
        make(&below.join(".new-c"), None);
        make(&folder.path().join("status.json"), Some(old));
        sweep(folder.path());
        assert!(!folder.path().join(".new-a").exists() && !below.join(".new-b").exists());
        assert!(below.join(".new-c").exists() && folder.path().join("status.json").exists());
        // What `replace` leaves when it is killed is called so.
        replace(&folder.path().join("whole"), b"x", 0o600).unwrap();
        assert_eq!(std::fs::read(folder.path().join("whole")).unwrap(), b"x");
    }
}
