//! A repository in a temporary folder, written commit by commit without a checkout.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{Oid, Repository, Signature, Time};
use tempfile::TempDir;

use crate::exchange::desired::Terms;
use crate::id::{CommitId, ExchangeId};
use crate::source::{Location, Source, SourceOptions};

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) git: Repository,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let git = Repository::init(folder.path().join("work")).unwrap();
        git.set_head("refs/heads/main").unwrap();
        Self { folder, git }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn head(&self) -> Option<Oid> {
        self.git.refname_to_id("refs/heads/main").ok()
    }

    /// Commits on the head: a path with content, or `None` to remove it.
    pub(crate) fn commit(&self, files: &[(&str, Option<&str>)]) -> CommitId {
        let entries: Vec<_> = files
            .iter()
            .map(|(path, content)| {
                let blob = content.map(|text| self.git.blob(text.as_bytes()).unwrap());
                (*path, blob.map(|id| (id, 0o100_644)))
            })
            .collect();
        self.commit_entries(self.head(), &entries)
    }

    /// Commits objects of any mode on a parent, and moves the branch there.
    pub(crate) fn commit_entries(
        &self,
        parent: Option<Oid>,
        entries: &[(&str, Option<(Oid, u32)>)],
    ) -> CommitId {
        let mut index = git2::Index::new().unwrap();
        let parent = parent.map(|id| self.git.find_commit(id).unwrap());
        if let Some(parent) = &parent {
            index.read_tree(&parent.tree().unwrap()).unwrap();
        }
        for (path, object) in entries {
            match object {
                Some((id, mode)) => index.add(&entry(path, *id, *mode)).unwrap(),
                None => index.remove(Path::new(path), 0).unwrap(),
            }
        }
        let tree = self
            .git
            .find_tree(index.write_tree_to(&self.git).unwrap())
            .unwrap();
        let who = Signature::new("a", "a@example.org", &Time::new(1, 0)).unwrap();
        let parents: Vec<_> = parent.iter().collect();
        let id = self
            .git
            .commit(None, &who, &who, "change", &tree, &parents)
            .unwrap();
        self.git
            .reference("refs/heads/main", id, true, "test")
            .unwrap();
        id.to_string().parse().unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        write(&self.root(), path, text);
    }

    /// Brings the work tree and the index to the head.
    pub(crate) fn checkout(&self) {
        let mut how = git2::build::CheckoutBuilder::new();
        self.git
            .checkout_head(Some(how.force().remove_untracked(true)))
            .unwrap();
    }

    pub(crate) fn source(&self) -> Source {
        open(&self.root())
    }
}

pub(crate) fn entry(path: &str, id: Oid, mode: u32) -> git2::IndexEntry {
    git2::IndexEntry {
        ctime: git2::IndexTime::new(0, 0),
        mtime: git2::IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

pub(crate) fn open(path: &Path) -> Source {
    Source::open(SourceOptions::new(Location::Path(path.to_owned()))).unwrap()
}

pub(crate) fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

pub(crate) fn oid(commit: &CommitId) -> Oid {
    Oid::from_str(commit.as_str()).unwrap()
}

pub(crate) fn id(release: &str) -> ExchangeId {
    format!("c/n/{release}").parse().unwrap()
}

/// The files of these tests: `RELEASE`, or `RELEASE protected`; anything with a `!` is broken.
pub(crate) fn declares(_path: &str, bytes: &[u8]) -> Option<(ExchangeId, Terms)> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    if text.contains('!') || text.is_empty() {
        return None;
    }
    let mut words = text.split(' ');
    let terms = Terms {
        protect: text.ends_with("protected"),
        ..Terms::default()
    };
    Some((id(words.next()?), terms))
}

pub(crate) fn identifies(path: &str, bytes: &[u8]) -> Option<ExchangeId> {
    declares(path, bytes).map(|(id, _)| id)
}
