//! What is at a path of this host: a work tree, a folder of one, a bare repository, or a plain folder.

use std::path::{Path, PathBuf};

use git2::Repository;

use super::error::SourceError;
use super::library::{failed, open_around, open_exactly};
use super::open::Place;
use super::tree;

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) place: Place,
    /// How far the root of the source lies below the repository's.
    pub(super) prefix: String,
    /// A repository with all its history, so that a mirror can follow it.
    pub(super) whole: bool,
}

/// The source when none is named: `cwd` if it has the watched folder, else the root of the git work tree around it.
pub fn discover(cwd: &Path, folder: &str) -> Result<PathBuf, SourceError> {
    if cwd.join(folder).is_dir() {
        return Ok(cwd.to_owned());
    }
    let shown = cwd.display().to_string();
    let repository =
        open_around(cwd).map_err(failed(&shown, "open the git repository around it"))?;
    let root = repository.and_then(|repository| repository.workdir().map(Path::to_owned));
    Ok(root.unwrap_or_else(|| cwd.to_owned()))
}

/// Finds out what is at a path of this host, and how far below the repository's root.
pub(super) fn look(root: &Path, shown: &str) -> Result<Found, SourceError> {
    let folder = || {
        Ok(Found {
            place: Place::Folder(root.to_owned()),
            prefix: String::new(),
            whole: false,
        })
    };
    let failed = failed(shown, "open the git repository around it");
    let Some(repository) = open_around(root).map_err(&failed)? else {
        return folder();
    };
    let git = repository.path().to_owned();
    let whole = !repository.is_shallow();
    let Some(tree) = repository.workdir() else {
        let bare = git.canonicalize().is_ok_and(|path| path == root);
        if bare {
            return Ok(Found {
                place: Place::Repository { git, work: None },
                prefix: String::new(),
                whole,
            });
        }
        return folder();
    };
    let tree = tree.canonicalize().map_err(|source| SourceError::Read {
        path: tree.to_owned(),
        source,
    })?;
    let Ok(below) = root.strip_prefix(&tree) else {
        return folder();
    };
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    let prefix = parts.join("/");
    // A bare repository that only happens to lie there; one that is committed there is somebody's files.
    if !prefix.is_empty()
        && is_untracked(&repository, &prefix).map_err(&failed)?
        && let Ok(bare) = open_exactly(root)
    {
        return Ok(Found {
            place: Place::Repository {
                git: bare.path().to_owned(),
                work: None,
            },
            prefix: String::new(),
            whole: !bare.is_shallow(),
        });
    }
    if !prefix.is_empty() && is_outside(&repository, below, &prefix).map_err(&failed)? {
        return folder();
    }
    let work = Some(root.to_owned());
    Ok(Found {
        place: Place::Repository { git, work },
        prefix,
        whole,
    })
}

/// A folder that git ignores and never committed is no part of the repository around it.
fn is_outside(repository: &Repository, below: &Path, prefix: &str) -> Result<bool, git2::Error> {
    if !repository.is_path_ignored(below)? {
        return Ok(false);
    }
    is_untracked(repository, prefix)
}

fn is_untracked(repository: &Repository, prefix: &str) -> Result<bool, git2::Error> {
    match repository.head().and_then(|head| head.peel_to_commit()) {
        Ok(head) => Ok(tree::find(repository, head.id(), prefix)?.is_none()),
        Err(_) => Ok(true),
    }
}
