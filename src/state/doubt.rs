//! Whose word a file is: programs that it names run as whoever believes it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Who may write a file beside its owner, in its mode.
const OTHERS: u32 = 0o022;

/// Why what a file names is not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Neither root nor whoever asks wrote it.
    #[error("{path} is what user {owner} says")]
    Owner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// It may be anybody's word.
    #[error("{path} may be written by others than user {owner}")]
    Writable {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
}

impl Doubt {
    /// Of a file that is open.
    pub(super) fn of(path: &Path, data: &Metadata) -> Option<Self> {
        let me = rustix::process::geteuid().as_raw();
        Self::of_mode(path, data.uid(), data.mode(), me)
    }

    fn of_mode(path: &Path, owner: u32, mode: u32, me: u32) -> Option<Self> {
        let path = path.to_owned();
        if owner != 0 && owner != me {
            return Some(Self::Owner { path, owner });
        }
        (mode & OTHERS != 0).then_some(Self::Writable { path, owner })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_whoever_asks_are_believed_where_nobody_else_can_write() {
        let of = |owner, mode, me| Doubt::of_mode(Path::new("holder"), owner, mode, me);
        for (owner, me) in [(0, 0), (0, 7), (7, 7)] {
            assert_eq!(of(owner, 0o100_644, me), None);
            for mode in [0o664, 0o646] {
                assert!(matches!(of(owner, mode, me), Some(Doubt::Writable { .. })));
            }
        }
        for me in [0, 8] {
            assert!(matches!(of(7, 0o600, me), Some(Doubt::Owner { .. })));
        }
    }
}
