//! Reads a work tree's files as they stand, beside the commit they were checked out from.

use std::collections::BTreeSet;
use std::path::Path;

use git2::{Oid, Repository};

use super::error::SourceError;
use super::gather::Gathered;
use super::library::failed;
use super::options::{Layout, Limits};
use super::tree::Known;
use super::{folder, tree};

/// Bit of an index entry's extended flags: this path is not checked out on purpose.
const SKIP_WORKTREE: u16 = 1 << 14;

/// The files below `root`, and whether they differ from those of `head`.
pub(super) fn read(
    repository: &Repository,
    head: Oid,
    root: &Path,
    layout: &Layout,
    shown: &str,
    limits: Limits,
) -> Result<(Gathered, bool), SourceError> {
    let mut files = folder::read(root, layout, shown, limits)?;
    let known = Known::of(&files.files);
    let committed = tree::read(repository, head, layout, shown, limits, &known)?;
    let skipped = skipped(repository, shown)?;
    let mut there: BTreeSet<String> = files.files.iter().map(|file| file.path.clone()).collect();
    there.extend(files.unreadable.iter().map(|file| file.path.clone()));
    let absent =
        |path: &str| !there.contains(path) && skipped.contains(&layout.in_repository(path));
    for file in committed.files.iter().filter(|file| absent(&file.path)) {
        files.folder |= file.path.starts_with(&format!("{}/", layout.folder));
        files.files.push(file.clone());
    }
    for file in committed
        .unreadable
        .iter()
        .filter(|file| absent(&file.path))
    {
        files.unreadable.push(file.clone());
    }
    let files = files.sorted();
    let dirty = !same(&files, &committed);
    Ok((files, dirty))
}

fn skipped(repository: &Repository, shown: &str) -> Result<BTreeSet<String>, SourceError> {
    let index = repository.index().map_err(failed(
        shown,
        "read the index (a sparse index is not supported: `git sparse-checkout reapply --no-sparse-index`)",
    ))?;
    Ok(index
        .iter()
        .filter(|entry| entry.flags_extended & SKIP_WORKTREE != 0)
        .filter_map(|entry| String::from_utf8(entry.path).ok())
        .collect())
}

fn same(files: &Gathered, committed: &Gathered) -> bool {
    fn names(gathered: &Gathered) -> impl Iterator<Item = (&str, &str)> {
        let readable = gathered.files.iter();
        let unreadable = gathered.unreadable.iter();
        readable
            .map(|file| (file.path.as_str(), file.blob.as_str()))
            .chain(unreadable.map(|file| (file.path.as_str(), "")))
    }
    names(files).eq(names(committed))
}
