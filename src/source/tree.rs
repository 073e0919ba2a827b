//! Reads the wanted files of one commit straight from the object store: no checkout, so no symlink, filter, hook or
//! submodule ever matters.

use std::collections::HashMap;

use git2::{Oid, Repository};

use super::checkout::SourceFile;
use super::error::SourceError;
use super::gather::Gathered;
use super::library::failed;
use super::options::{Layout, Limits, is_yaml, join};

/// What stands at a path of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// A folder.
    Tree(Oid),
    /// A file.
    Blob(Oid),
    /// A symlink, a gitlink, or something unheard of; why it is not read.
    Other(&'static str),
}

/// The kind of an entry, by its mode.
pub(super) fn classify(entry: &git2::TreeEntry<'_>) -> Entry {
    match entry.filemode_raw() & 0o170_000 {
        0o040_000 => Entry::Tree(entry.id()),
        0o100_000 => Entry::Blob(entry.id()),
        0o120_000 => Entry::Other("a symbolic link: put the file itself there"),
        0o160_000 => Entry::Other("a submodule: put the files themselves there"),
        _ => Entry::Other("neither file nor folder"),
    }
}

/// Finds what stands at `path` below the tree of `commit`.
pub(super) fn find(
    repository: &Repository,
    commit: Oid,
    path: &str,
) -> Result<Option<Entry>, git2::Error> {
    let mut at = Entry::Tree(repository.find_commit(commit)?.tree_id());
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let Entry::Tree(id) = at else {
            // A link in the middle of the path hides what may be below it.
            return Ok(matches!(at, Entry::Other(_)).then_some(at));
        };
        let tree = repository.find_tree(id)?;
        match tree.get_name(part) {
            Some(entry) => at = classify(&entry),
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// Content that was read already, by blob: inflating it once more costs more than all the rest of reading a tree.
#[derive(Debug, Default)]
pub(super) struct Known<'k>(HashMap<Oid, &'k [u8]>);

impl<'k> Known<'k> {
    pub(super) fn of(files: &'k [SourceFile]) -> Self {
        let contents = files.iter().filter_map(|file| {
            let id = Oid::from_str(&file.blob).ok()?;
            Some((id, file.bytes.as_slice()))
        });
        Self(contents.collect())
    }
}

/// Reads the wanted files at `commit`.
pub(super) fn read(
    repository: &Repository,
    commit: Oid,
    layout: &Layout,
    shown: &str,
    limits: Limits,
    known: &Known<'_>,
) -> Result<Gathered, SourceError> {
    let mut gathered = Gathered::new(shown, limits);
    let doing = format!("read the tree of commit {commit}");
    let failed = failed(shown, &doing);
    let at = |path: &str| find(repository, commit, &layout.in_repository(path)).map_err(&failed);
    let mut reader = Reader {
        repository,
        gathered: &mut gathered,
        known,
    };
    match at("values.yaml")? {
        Some(Entry::Blob(id)) => reader.blob("values.yaml".to_owned(), id)?,
        Some(Entry::Other(why)) => reader.gathered.refuse("values.yaml", why.to_owned()),
        Some(Entry::Tree(_)) | None => {}
    }
    match at("profiles")? {
        Some(Entry::Tree(id)) => reader.folder("profiles", id, None)?,
        Some(Entry::Other(why)) => reader.gathered.refuse("profiles", why.to_owned()),
        Some(Entry::Blob(_)) | None => {}
    }
    match at(&layout.folder)? {
        Some(Entry::Tree(id)) => {
            reader.gathered.folder = true;
            reader.folder(&layout.folder, id, Some(limits.depth))?;
        }
        Some(Entry::Other(why)) => {
            reader.gathered.folder = true;
            reader.gathered.refuse(&layout.folder, why.to_owned());
        }
        Some(Entry::Blob(_)) | None => {}
    }
    Ok(gathered.sorted())
}

struct Reader<'r> {
    repository: &'r Repository,
    gathered: &'r mut Gathered,
    known: &'r Known<'r>,
}

impl Reader<'_> {
    /// Reads a folder, and the folders in it where a depth is given.
    fn folder(&mut self, path: &str, id: Oid, depth: Option<usize>) -> Result<(), SourceError> {
        let tree = match self.repository.find_tree(id) {
            Ok(tree) => tree,
            Err(error) => {
                self.lose(path, &error);
                return Ok(());
            }
        };
        for entry in &tree {
            if entry.name_bytes().starts_with(b".") {
                continue;
            }
            let Some(name) = self.gathered.name(path, entry.name_bytes()) else {
                continue;
            };
            let inner = join(path, name);
            match (classify(&entry), depth) {
                (Entry::Blob(id), _) if is_yaml(name) => self.blob(inner, id)?,
                (Entry::Tree(_), Some(0)) => self
                    .gathered
                    .refuse(&inner, "too deep: move it nearer to the root".to_owned()),
                (Entry::Tree(id), Some(depth)) => self.folder(&inner, id, Some(depth - 1))?,
                (Entry::Other(why), _) => self.gathered.refuse(&inner, why.to_owned()),
                (Entry::Blob(_) | Entry::Tree(_), _) => {}
            }
        }
        Ok(())
    }

    fn blob(&mut self, path: String, id: Oid) -> Result<(), SourceError> {
        if let Some(bytes) = self.known.0.get(&id) {
            return self.gathered.add_blob(path, id, bytes.to_vec());
        }
        // The header first, so that a huge file is never loaded.
        let size = self
            .repository
            .odb()
            .and_then(|store| store.read_header(id))
            .map(|(size, _)| u64::try_from(size).unwrap_or(u64::MAX));
        match size {
            Ok(size) if !self.gathered.takes(&path, size) => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                self.lose(&path, &error);
                return Ok(());
            }
        }
        match self.repository.find_blob(id) {
            Ok(blob) => self.gathered.add_blob(path, id, blob.content().to_vec()),
            Err(error) => {
                self.lose(&path, &error);
                Ok(())
            }
        }
    }

    fn lose(&mut self, path: &str, error: &git2::Error) {
        let text = format!(
            "not in the object store ({}): fetch the whole repository",
            error.message()
        );
        self.gathered.refuse(path, text);
        self.gathered.lost.get_or_insert_with(|| path.to_owned());
    }
}
