//! The files of one commit (or of a folder) as data.

use crate::id::CommitId;

/// Everything the road needs of a repository at one moment. Reading never looks at it again.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// Where it came from, fit for display (no password).
    pub repository: String,
    /// The commit; none for a plain folder.
    pub commit: Option<CommitId>,
    /// The branch was not where the files came from, or files differ from the commit.
    pub dirty: bool,
    /// Whether removals can be proved from git, or from the journal only.
    pub has_history: bool,
    /// The history cannot be walked to its roots.
    pub shallow: bool,
    /// `values.yaml`, `profiles/*.yaml` and the exchange files, by path from the root, sorted.
    pub files: Vec<SourceFile>,
    /// What stands below the watched folder and could not be read (symlink, gitlink, LFS pointer, too
    /// large, permission): while there is any, nothing is removed.
    pub unreadable: Vec<UnreadableFile>,
    /// The watched folder, from the root (`exchanges`).
    pub folder: String,
    /// Head moved to where it cannot be followed blindly.
    pub moved: Option<HeadMove>,
}

/// One file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// From the repository's root, `/` between.
    pub path: String,
    /// Git's blob id (computed the same way for files of a folder).
    pub blob: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// A file that is there and could not be read.
#[derive(Debug, Clone)]
pub struct UnreadableFile {
    /// From the repository's root.
    pub path: String,
    /// Why.
    pub text: String,
}

/// How the head moved other than forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadMove {
    /// To this ancestor: the last commit is kept.
    WentBack(CommitId),
    /// To another line of history.
    Rewritten,
}
