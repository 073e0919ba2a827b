//! Files named on the command line.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};

/// The largest file of ours that is read: plans and snapshots of 10,000 exchanges have a tenth of it.
pub(super) const LARGEST: u64 = 128 * 1024 * 1024;

/// Reads a file of at most [`LARGEST`] bytes.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot read {shown}"))?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {shown}"))?;
    within(&shown.to_string(), bytes)
}

/// Refuses what is larger than anything natsx-sync writes.
pub(super) fn within(shown: &str, bytes: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    if u64::try_from(bytes.len()).is_ok_and(|size| size <= LARGEST) {
        Ok(bytes)
    } else {
        Err(anyhow!(
            "{shown} is larger than {} MiB: natsx-sync did not write it",
            LARGEST / 1024 / 1024
        ))
    }
}

/// Writes a file that only this user may read, whole or not at all.
pub(super) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = path.display();
    // A device or pipe would be replaced by a file, and a link be cut.
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(anyhow!("{shown} is there and no plain file: name another"));
    }
    crate::file::replace(path, text.as_bytes(), 0o600)
        .with_context(|| format!("cannot write {shown}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_private_whole_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_private(&path, "new").unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/stdout", &link).unwrap();
        write_private(&link, "new").unwrap_err();
        let huge = folder.path().join("huge");
        File::create(&huge).unwrap().set_len(LARGEST + 1).unwrap();
        let error = read(&huge).unwrap_err().to_string();
        assert!(error.contains("huge is larger"), "{error}");
    }
}
