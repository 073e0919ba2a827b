//! Why a source could not be read. A failed read is never an empty set of files.

use std::path::PathBuf;

use crate::reason::Reason;

/// What went wrong with the source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file or folder of this host could not be read.
    #[error("cannot read {path}: check that it exists and that this user may read it")]
    Read {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file or folder of the state could not be written.
    #[error("cannot write {path}: check that this user may write the state folder")]
    Write {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// libgit2 could not do it.
    #[error("{repository}: cannot {doing}")]
    Git {
        /// The repository, fit for display.
        repository: String,
        /// What was tried.
        doing: String,
        /// libgit2's error.
        source: git2::Error,
    },
    /// It is elsewhere, and nothing of it was fetched to this host.
    #[error(
        "{repository} is elsewhere and nothing of it is on this host yet, where no connection is opened without a cluster: clone it and name the folder (--source DIR), or name a cluster (--kubeconfig ID=FILE)"
    )]
    NotFetched {
        /// The repository.
        repository: String,
    },
    /// A setting of the source is not usable.
    #[error("source setting {setting}: {text}")]
    Setting {
        /// Its key.
        setting: &'static str,
        /// What is wrong and what to write.
        text: String,
    },
    /// No commit yet.
    #[error("{repository} has no commit: commit the exchange files first")]
    Empty {
        /// The repository.
        repository: String,
    },
    /// The branch is not there.
    #[error("{repository} has no branch {branch}{others}: check `source.branch`")]
    NoBranch {
        /// The repository.
        repository: String,
        /// The branch wanted.
        branch: String,
        /// Those there are, where that is known, as a part of the sentence.
        others: String,
    },
    /// A revision that names no commit.
    #[error(
        "{repository} has no commit {revision}: check the spelling, or fetch the history it is in"
    )]
    NoRevision {
        /// The repository.
        repository: String,
        /// What was asked for.
        revision: String,
    },
    /// The history, or an object of a commit, is not here.
    #[error("{repository}: {text}")]
    Incomplete {
        /// The repository.
        repository: String,
        /// What is missing and how to fetch it.
        text: String,
    },
    /// Two histories without a common commit.
    #[error(
        "{repository}: {revision} and the head have no commit in common: name a base from the same history"
    )]
    Unrelated {
        /// The repository.
        repository: String,
        /// What was asked for.
        revision: String,
    },
    /// A revision was asked of a plain folder.
    #[error("{path} is a plain folder without history: a revision cannot be read from it")]
    NoHistory {
        /// The folder.
        path: String,
    },
    /// There is no folder of exchange files, and there never was.
    #[error("{repository} has no folder {folder}{hint}")]
    NoExchangeFolder {
        /// The repository.
        repository: String,
        /// The folder looked for.
        folder: String,
        /// Where files that look like exchange files are, as the end of the sentence.
        hint: String,
    },
    /// More files than are accepted.
    #[error(
        "{repository} has more than {limit} below the watched folders: split it over several instances"
    )]
    TooMuch {
        /// The repository.
        repository: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// A commit that the branch does not have.
    #[error(
        "{repository}: commit {commit} is not on the branch, whose head is {head}: name that head to follow it"
    )]
    NotOnBranch {
        /// The repository.
        repository: String,
        /// The commit named.
        commit: String,
        /// The branch's head.
        head: String,
    },
    /// A link on the way to it was turned to something of another kind.
    #[error(
        "{path} leads to {root} now, which is {kind}, and led to {before}: turn the link back, or restart natsx-sync where that is meant"
    )]
    Turned {
        /// The path of the settings.
        path: String,
        /// Where it leads to.
        root: PathBuf,
        /// What is there.
        kind: String,
        /// What was there.
        before: String,
    },
    /// The fetch failed.
    #[error("cannot fetch {repository}: {text}")]
    Fetch {
        /// The repository.
        repository: String,
        /// What the git program said, or what happened to it.
        text: String,
    },
    /// The file watcher could not be started.
    #[error("cannot watch {path} for changes")]
    Watch {
        /// What should be watched.
        path: PathBuf,
        /// The watcher's error.
        source: notify::Error,
    },
}

impl SourceError {
    /// The stable word.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Setting { .. } => Reason::SettingsInvalid,
            Self::NoExchangeFolder { .. } => Reason::NoExchangeFolder,
            Self::TooMuch { .. } => Reason::TooLarge,
            Self::Incomplete { .. } => Reason::HistoryIncomplete,
            Self::Unrelated { .. } => Reason::UnrelatedBase,
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Git { .. }
            | Self::NotFetched { .. }
            | Self::Empty { .. }
            | Self::NoBranch { .. }
            | Self::NoRevision { .. }
            | Self::NoHistory { .. }
            | Self::NotOnBranch { .. }
            | Self::Turned { .. }
            | Self::Fetch { .. }
            | Self::Watch { .. } => Reason::SourceUnreadable,
        }
    }
}
