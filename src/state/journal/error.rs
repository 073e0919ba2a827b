//! Why the journal cannot be used.

use std::path::{Path, PathBuf};

use crate::state::denied;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system refused.
    #[error("cannot use {path}{}", denied(path, source))]
    File {
        /// On what.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A line in the middle is not readable.
    #[error("line {number} of {path} is not readable: move the journal away to begin a new one")]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        number: u64,
        /// The parser's error.
        source: serde_json::Error,
    },
    /// A line does not follow the one before it.
    #[error("{path} was changed before line {seq}: move the journal away to begin a new one")]
    Chain {
        /// The file.
        path: PathBuf,
        /// The line that does not fit.
        seq: u64,
    },
    /// The files that said what was done before are gone.
    #[error(
        "{path} begins in the middle, at line {seq}, and what was done before is not known: put the missing files back, or move the journal away to begin a new one"
    )]
    Beginning {
        /// The folder.
        path: PathBuf,
        /// The first line there is.
        seq: u64,
    },
}

impl JournalError {
    pub(super) fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }
}
