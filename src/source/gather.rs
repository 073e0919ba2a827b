//! Collects the files of one reading within the limits.

use git2::{ObjectType, Oid};

use super::checkout::{SourceFile, UnreadableFile};
use super::error::SourceError;
use super::options::Limits;

/// What one reading found.
#[derive(Debug)]
pub(super) struct Gathered {
    /// Readable files.
    pub(super) files: Vec<SourceFile>,
    /// What is there and could not be read.
    pub(super) unreadable: Vec<UnreadableFile>,
    /// Whether the watched folder is there.
    pub(super) folder: bool,
    /// What the commit names and the object store does not have; the first path.
    pub(super) lost: Option<String>,
    repository: String,
    limits: Limits,
    bytes: u64,
}

impl Gathered {
    pub(super) fn new(repository: &str, limits: Limits) -> Self {
        Self {
            files: Vec::new(),
            unreadable: Vec::new(),
            folder: false,
            lost: None,
            repository: repository.to_owned(),
            limits,
            bytes: 0,
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether a file of this size is read at all; if not it is noted as unreadable.
    pub(super) fn takes(&mut self, path: &str, size: u64) -> bool {
        let fits = size <= self.limits.file_bytes;
        if !fits {
            self.refuse(
                path,
                format!(
                    "{size} bytes; files of at most {} bytes are read",
                    self.limits.file_bytes
                ),
            );
        }
        fits
    }

    /// Takes a file of a folder.
    pub(super) fn add(&mut self, path: String, bytes: Vec<u8>) -> Result<(), SourceError> {
        let blob =
            Oid::hash_object(ObjectType::Blob, &bytes).map_err(|source| SourceError::Git {
                repository: self.repository.clone(),
                doing: format!("hash {path}"),
                source,
            })?;
        self.add_blob(path, blob, bytes)
    }

    /// Takes a file whose blob is known.
    pub(super) fn add_blob(
        &mut self,
        path: String,
        blob: Oid,
        bytes: Vec<u8>,
    ) -> Result<(), SourceError> {
        if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
            self.refuse(
                &path,
                "a Git LFS pointer: keep exchange files in git itself".to_owned(),
            );
            return Ok(());
        }
        if self.files.len() >= self.limits.files {
            return Err(self.too_much(format!("{} files", self.limits.files)));
        }
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.bytes > self.limits.total_bytes {
            return Err(self.too_much(format!("{} bytes of files", self.limits.total_bytes)));
        }
        let blob = blob.to_string();
        self.files.push(SourceFile { path, blob, bytes });
        Ok(())
    }

    /// Notes what could not be read.
    pub(super) fn refuse(&mut self, path: &str, text: String) {
        // Control characters would steer the terminal that shows the path.
        let path = if path.chars().any(char::is_control) {
            path.escape_debug().to_string()
        } else {
            path.to_owned()
        };
        self.unreadable.push(UnreadableFile { path, text });
    }

    /// The name as text, or a note that it cannot be one.
    pub(super) fn name<'n>(&mut self, parent: &str, name: &'n [u8]) -> Option<&'n str> {
        match std::str::from_utf8(name) {
            Ok(text) if !text.chars().any(char::is_control) => Some(text),
            _ => {
                let shown = super::options::join(parent, &String::from_utf8_lossy(name));
                self.refuse(&shown, "its name is not plain UTF-8: rename it".to_owned());
                None
            }
        }
    }

    /// In the order of their paths.
    pub(super) fn sorted(mut self) -> Self {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        self.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
        self
    }

    fn too_much(&self, limit: String) -> SourceError {
        SourceError::TooMuch {
            repository: self.repository.clone(),
            limit,
        }
    }
}
