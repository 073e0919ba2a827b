//! The watched folder is not there: was it ever, and where are the exchange files instead?

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use git2::{Oid, Repository};

use super::error::SourceError;
use super::options::{Layout, is_yaml, join};
use super::steps::{Step, folder_tree, step_back};
use super::tree::{Entry, classify, find};

/// Whether an ancestor on the first-parent line had the watched folder. Git keeps no empty folders: then the set is
/// empty, not missing. So many commits are looked at.
pub(super) fn was_there(
    repository: &Repository,
    layout: &Layout,
    head: Oid,
    most: usize,
) -> Result<bool, git2::Error> {
    let mut at = head;
    for _ in 0..most {
        let Step::Parent { commit, .. } = step_back(repository, layout, at)? else {
            break;
        };
        if folder_tree(repository, layout, commit)?.is_some() {
            return Ok(true);
        }
        at = commit;
    }
    Ok(false)
}

/// The error for a folder that is not and never was there.
pub(super) fn error(listing: &dyn Listing, layout: &Layout, shown: &str) -> SourceError {
    let hint = match nearest(listing) {
        Some(path) if path.is_empty() => {
            ": the exchange files lie in it directly, so name its parent with `--source` and it with `source.path`"
                .to_owned()
        }
        Some(path) => match path.strip_suffix(&format!("/{}", layout.folder)) {
            Some(parent) => {
                format!(": there are exchange files in {path}, so try `--source` with {parent}")
            }
            None => format!(": there are exchange files in {path}, set `source.path` to it"),
        },
        None => ": create it and put the exchange files there, or name another repository with `--source`".to_owned(),
    };
    SourceError::NoExchangeFolder {
        repository: shown.to_owned(),
        folder: layout.folder.clone(),
        hint,
    }
}

/// Folders and files below the root of a source.
pub(super) trait Listing {
    /// Names in a folder, and whether each is a folder.
    fn list(&self, path: &str) -> Vec<(String, bool)>;
    /// The beginning of a file.
    fn content(&self, path: &str) -> Vec<u8>;
}

const FOLDERS: usize = 500;
const DEPTH: usize = 5;
const BEGINNING: usize = 4096;

/// The folder nearest to the root with a file that looks like an exchange file.
fn nearest(listing: &dyn Listing) -> Option<String> {
    let mut next = VecDeque::from([(String::new(), 0)]);
    let mut left = FOLDERS;
    while let Some((path, depth)) = next.pop_front() {
        left = left.checked_sub(1)?;
        let mut names = listing.list(&path);
        names.sort();
        for (name, is_folder) in names {
            let inner = join(&path, &name);
            if is_folder && depth < DEPTH {
                next.push_back((inner, depth + 1));
            } else if !is_folder && is_yaml(&name) && looks_like(&listing.content(&inner)) {
                return Some(path);
            }
        }
    }
    None
}

fn looks_like(content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content);
    ["release_name:", "cluster_id:"]
        .iter()
        .all(|key| text.lines().any(|line| line.starts_with(key)))
}

/// A folder of this host.
pub(super) struct OnDisk<'l>(pub(super) &'l Path);

impl Listing for OnDisk<'_> {
    fn list(&self, path: &str) -> Vec<(String, bool)> {
        let Ok(entries) = fs::read_dir(self.0.join(path)) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| {
                let kind = entry.file_type().ok()?;
                let name = entry.file_name().into_string().ok()?;
                let wanted = (kind.is_dir() || kind.is_file()) && !name.starts_with('.');
                wanted.then(|| (name, kind.is_dir()))
            })
            .collect()
    }

    fn content(&self, path: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Ok(file) = File::open(self.0.join(path)) {
            let limit = u64::try_from(BEGINNING).unwrap_or_default();
            // What was read until an error is enough for a guess.
            file.take(limit).read_to_end(&mut bytes).ok();
        }
        bytes
    }
}

/// The tree of a commit.
pub(super) struct InTree<'l> {
    /// Its repository.
    pub(super) repository: &'l Repository,
    /// The commit.
    pub(super) commit: Oid,
    /// Where the root of the source is.
    pub(super) layout: &'l Layout,
}

impl InTree<'_> {
    fn find(&self, path: &str) -> Option<Entry> {
        find(
            self.repository,
            self.commit,
            &self.layout.in_repository(path),
        )
        .ok()?
    }
}

impl Listing for InTree<'_> {
    fn list(&self, path: &str) -> Vec<(String, bool)> {
        let Some(Entry::Tree(id)) = self.find(path) else {
            return Vec::new();
        };
        let Ok(tree) = self.repository.find_tree(id) else {
            return Vec::new();
        };
        tree.iter()
            .filter_map(|entry| {
                let name = entry.name().ok()?.to_owned();
                match classify(&entry) {
                    _ if name.starts_with('.') => None,
                    Entry::Tree(_) => Some((name, true)),
                    Entry::Blob(_) => Some((name, false)),
                    Entry::Other(_) => None,
                }
            })
            .collect()
    }

    fn content(&self, path: &str) -> Vec<u8> {
        let Some(Entry::Blob(id)) = self.find(path) else {
            return Vec::new();
        };
        match self.repository.find_blob(id) {
            Ok(blob) => blob.content().iter().copied().take(BEGINNING).collect(),
            Err(_) => Vec::new(),
        }
    }
}
