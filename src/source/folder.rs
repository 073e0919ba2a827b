//! Reads the wanted files of a folder as they stand.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

use super::error::SourceError;
use super::gather::Gathered;
use super::options::{Layout, Limits, is_yaml, join};

/// Reads the wanted files below `root`.
pub(super) fn read(
    root: &Path,
    layout: &Layout,
    shown: &str,
    limits: Limits,
) -> Result<Gathered, SourceError> {
    // An unmounted or forbidden root is an error, never an empty folder.
    drop(fs::read_dir(root).map_err(|source| SourceError::Read {
        path: root.to_owned(),
        source,
    })?);
    let mut reader = Reader {
        root,
        gathered: Gathered::new(shown, limits),
    };
    if reader
        .stat("values.yaml")
        .is_some_and(|meta| !meta.is_dir())
    {
        reader.file("values.yaml".to_owned())?;
    }
    if reader.is_folder("profiles") {
        reader.folder("profiles", None)?;
    }
    let before = reader.gathered.unreadable.len();
    if reader.is_folder(&layout.folder) {
        reader.gathered.folder = true;
        reader.folder(&layout.folder, Some(limits.depth))?;
    }
    // A folder that cannot be read is not a missing one.
    reader.gathered.folder |= reader.gathered.unreadable.len() > before;
    Ok(reader.gathered.sorted())
}

struct Reader<'r> {
    root: &'r Path,
    gathered: Gathered,
}

impl Reader<'_> {
    /// What stands at a path; only a plain "not there" counts as nothing.
    fn stat(&mut self, path: &str) -> Option<Metadata> {
        match fs::symlink_metadata(self.root.join(path)) {
            Ok(meta) => Some(meta),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.gathered.refuse(path, error.to_string());
                None
            }
        }
    }

    /// Whether a path is a folder, with no link on the way to it.
    fn is_folder(&mut self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            let part = path.get(..end).unwrap_or(path);
            let Some(meta) = self.stat(part) else {
                return false;
            };
            if meta.is_symlink() {
                self.gathered.refuse(part, LINK.to_owned());
            }
            if !meta.is_dir() {
                return false;
            }
        }
        true
    }

    fn folder(&mut self, path: &str, depth: Option<usize>) -> Result<(), SourceError> {
        let entries = fs::read_dir(self.root.join(path)).and_then(Iterator::collect);
        let entries: Vec<fs::DirEntry> = match entries {
            Ok(entries) => entries,
            Err(error) => {
                self.gathered.refuse(path, error.to_string());
                return Ok(());
            }
        };
        for entry in entries {
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if name.starts_with(b".") {
                continue;
            }
            let Some(name) = self.gathered.name(path, name) else {
                continue;
            };
            let inner = join(path, name);
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(error) => {
                    self.gathered.refuse(&inner, error.to_string());
                    continue;
                }
            };
            match depth {
                _ if kind.is_symlink() => self.gathered.refuse(&inner, LINK.to_owned()),
                Some(0) if kind.is_dir() => self
                    .gathered
                    .refuse(&inner, "too deep: move it nearer to the root".to_owned()),
                Some(depth) if kind.is_dir() => self.folder(&inner, Some(depth - 1))?,
                _ if !kind.is_dir() && is_yaml(name) => self.file(inner)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, path: String) -> Result<(), SourceError> {
        let limit = self.gathered.limits().file_bytes;
        let read = open(&self.root.join(&path)).and_then(|file| {
            let meta = file.metadata()?;
            if !meta.is_file() {
                return Err(io::Error::other("not a regular file"));
            }
            let mut bytes = Vec::new();
            // One byte more than accepted tells a file that grew since its size was read.
            file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
            Ok((meta.len(), bytes))
        });
        match read {
            Ok((size, bytes)) => {
                let size = size.max(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                if self.gathered.takes(&path, size) {
                    self.gathered.add(path, bytes)?;
                }
            }
            Err(error) => self.gathered.refuse(&path, error.to_string()),
        }
        Ok(())
    }
}

const LINK: &str = "a symbolic link: put the file itself there";

/// Opens without following a link and without waiting for the writer of a pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path).map_err(|error| {
        if path.is_symlink() {
            io::Error::other(LINK)
        } else {
            error
        }
    })
}
