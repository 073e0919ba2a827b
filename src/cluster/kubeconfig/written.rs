//! The files a connection was made from, and whether they say something else by now.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::id::Digest;

/// What was written so lately may go on: half a kubeconfig can be one that logs nobody in.
const SETTLED: Duration = Duration::from_secs(1);

/// The files as they were read.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Written(Vec<Source>);

#[derive(Debug)]
struct Source {
    path: PathBuf,
    stamp: Stamp,
    digest: Digest,
}

/// What became of the files since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cluster) enum News {
    /// They say what they said.
    None,
    /// One is being written.
    Unsettled,
    /// One says something else, or is gone or may not be read, and none is being written.
    Changed,
}

/// What differs whenever a file was written: while it does not, nothing is read.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Nobody can set it back.
    changed: (i64, i64),
}

impl Written {
    /// Notes what a file says; to be called before it is read, so that what is written meanwhile is found later.
    pub(super) fn note(&mut self, path: &Path) {
        let Some(stamp) = plain(path).as_ref().map(Stamp::of) else {
            return;
        };
        if let Some(digest) = digest(path) {
            self.0.push(Source {
                path: path.to_owned(),
                stamp,
                digest,
            });
        }
    }

    /// What became of them.
    pub(in crate::cluster) fn news(&mut self) -> News {
        let mut news = News::None;
        for source in &mut self.0 {
            let now = match fs::metadata(&source.path) {
                Ok(now) if now.is_file() => now,
                // To be read only once, and perhaps by others.
                Ok(now) if !now.is_dir() => continue,
                // Whether it is still named the others say.
                Ok(_) | Err(_) => {
                    news = News::Changed;
                    continue;
                }
            };
            let stamp = Stamp::of(&now);
            if stamp == source.stamp {
                continue;
            }
            if !is_settled(&now) {
                return News::Unsettled;
            }
            match digest(&source.path) {
                Some(digest) if digest == source.digest => source.stamp = stamp,
                Some(_) | None => news = News::Changed,
            }
        }
        news
    }
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self {
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

/// A file that can be read twice; a pipe cannot.
fn plain(path: &Path) -> Option<Metadata> {
    fs::metadata(path).ok().filter(Metadata::is_file)
}

fn digest(path: &Path) -> Option<Digest> {
    fs::read(path).ok().map(|bytes| Digest::of(&bytes))
}

fn is_settled(file: &Metadata) -> bool {
    let modified = file.modified().ok();
    let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
    // A time to come is that of another clock and says nothing.
    age.is_none_or(|age| age >= SETTLED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::tests::{settle, write};

    fn noted(paths: &[&Path]) -> Written {
        let mut written = Written::default();
        for path in paths {
            written.note(path);
        }
        written
    }

    #[test]
    fn only_other_words_are_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        write(&path, "one");
        let mut written = noted(&[&path]);
        assert_eq!(written.news(), News::None);
        let before = written.0[0].stamp.modified;
        settle(&path);
        assert_eq!(written.news(), News::None, "touched");
        assert_ne!(written.0[0].stamp.modified, before, "not read again");

        write(&path, "two");
        assert_eq!(written.news(), News::Changed, "as long as the first");
        assert_eq!(written.news(), News::Changed, "until somebody reads it");
        assert_eq!(noted(&[&path]).news(), News::None);

        let beside = folder.path().join("beside");
        write(&beside, "six");
        let mut written = noted(&[&path]);
        fs::rename(&beside, &path).unwrap();
        assert_eq!(written.news(), News::Changed, "another in its place");
    }

    #[test]
    fn what_is_being_written_is_none_yet_and_what_cannot_be_read_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = (folder.path().join("config"), folder.path().join("key"));
        write(&path, "one");
        write(&key, "one");
        let mut written = noted(&[&path, &key]);
        fs::write(&key, "hal").unwrap();
        assert_eq!(written.news(), News::Unsettled, "written just now");
        write(&path, "two");
        let news = written.news();
        assert_eq!(news, News::Unsettled, "the other is still being written");
        write(&key, "half and half");
        assert_eq!(written.news(), News::Changed);

        let mut written = noted(&[&path, &key]);
        fs::remove_file(&key).unwrap();
        assert_eq!(written.news(), News::Changed, "gone");
        fs::create_dir(&key).unwrap();
        assert_eq!(written.news(), News::Changed, "no file");
        fs::remove_dir(&key).unwrap();
        write(&key, "half and half");
        assert_eq!(written.news(), News::None, "back as it was");
    }
}
