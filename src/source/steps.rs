//! Steps back along the first parents of a commit, telling which exchange files differ between child and parent.

use std::collections::BTreeMap;

use git2::{ErrorCode, Oid, Repository};

use super::options::{Layout, is_yaml, join};
use super::tree::{Entry, classify, find};

/// What one step back met.
#[derive(Debug)]
pub(super) enum Step {
    /// There is no parent.
    Root,
    /// The parent is not in the object store: a shallow or partial repository.
    Lost,
    /// The parent, and the exchange files that differ between it and its child.
    Parent { commit: Oid, changes: Vec<Change> },
}

/// One file that differs between child and parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// From the root of the source.
    pub(super) path: String,
    /// In the child.
    pub(super) child: Option<Oid>,
    /// In the parent.
    pub(super) parent: Option<Oid>,
}

/// Steps from `child` to its first parent.
pub(super) fn step_back(
    repository: &Repository,
    layout: &Layout,
    child: Oid,
) -> Result<Step, git2::Error> {
    let commit = repository.find_commit(child)?;
    let Ok(parent) = commit.parent_id(0) else {
        return Ok(if repository.is_shallow() {
            Step::Lost
        } else {
            Step::Root
        });
    };
    match changes(repository, layout, child, parent) {
        Ok(changes) => Ok(Step::Parent {
            commit: parent,
            changes,
        }),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(Step::Lost),
        Err(error) => Err(error),
    }
}

/// Every exchange file of a commit.
pub(super) fn files(
    repository: &Repository,
    layout: &Layout,
    commit: Oid,
) -> Result<Vec<(String, Oid)>, git2::Error> {
    let mut changes = Vec::new();
    let folder = folder_tree(repository, layout, commit)?;
    compare(repository, &layout.folder, None, folder, &mut changes)?;
    Ok(changes
        .into_iter()
        .filter_map(|change| Some((change.path, change.parent?)))
        .collect())
}

/// The tree of the watched folder.
pub(super) fn folder_tree(
    repository: &Repository,
    layout: &Layout,
    commit: Oid,
) -> Result<Option<Oid>, git2::Error> {
    let found = find(repository, commit, &layout.in_repository(&layout.folder))?;
    Ok(match found {
        Some(Entry::Tree(id)) => Some(id),
        _ => None,
    })
}

fn changes(
    repository: &Repository,
    layout: &Layout,
    child: Oid,
    parent: Oid,
) -> Result<Vec<Change>, git2::Error> {
    let child = folder_tree(repository, layout, child)?;
    let parent = folder_tree(repository, layout, parent)?;
    let mut changes = Vec::new();
    compare(repository, &layout.folder, child, parent, &mut changes)?;
    Ok(changes)
}

/// Compares two trees top down; equal ids are never opened.
fn compare(
    repository: &Repository,
    path: &str,
    child: Option<Oid>,
    parent: Option<Oid>,
    changes: &mut Vec<Change>,
) -> Result<(), git2::Error> {
    if child == parent {
        return Ok(());
    }
    let mut both: BTreeMap<String, (Option<Entry>, Option<Entry>)> = BTreeMap::new();
    for (name, entry) in entries(repository, child)? {
        both.entry(name).or_default().0 = Some(entry);
    }
    for (name, entry) in entries(repository, parent)? {
        both.entry(name).or_default().1 = Some(entry);
    }
    for (name, (child, parent)) in both {
        if child == parent {
            continue;
        }
        let inner = join(path, &name);
        let trees = (tree(child), tree(parent));
        if trees != (None, None) {
            compare(repository, &inner, trees.0, trees.1, changes)?;
        }
        let blobs = (blob(child), blob(parent));
        if blobs != (None, None) && is_yaml(&name) {
            changes.push(Change {
                path: inner,
                child: blobs.0,
                parent: blobs.1,
            });
        }
    }
    Ok(())
}

fn tree(entry: Option<Entry>) -> Option<Oid> {
    match entry {
        Some(Entry::Tree(id)) => Some(id),
        Some(Entry::Blob(_) | Entry::Other(_)) | None => None,
    }
}

fn blob(entry: Option<Entry>) -> Option<Oid> {
    match entry {
        Some(Entry::Blob(id)) => Some(id),
        Some(Entry::Tree(_) | Entry::Other(_)) | None => None,
    }
}

fn entries(repository: &Repository, id: Option<Oid>) -> Result<Vec<(String, Entry)>, git2::Error> {
    let Some(id) = id else {
        return Ok(Vec::new());
    };
    let tree = repository.find_tree(id)?;
    Ok(tree
        .iter()
        .filter(|entry| !entry.name_bytes().starts_with(b"."))
        .filter_map(|entry| Some((entry.name().ok()?.to_owned(), classify(&entry))))
        .collect())
}
