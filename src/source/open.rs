//! A source: opened once, read again and again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::error::SourceError;
use super::mirror::Mirror;
use super::options::{Layout, Location, SourceOptions};
use super::place::{Found, look};
use super::remote::Remote;

/// A git repository or a plain folder with exchange files. It holds no open repository, so it can be shared
/// between threads, and what a fetch brought is always seen.
#[derive(Debug)]
pub struct Source {
    pub(super) options: SourceOptions,
    pub(super) layout: Layout,
    pub(super) place: Place,
    pub(super) shown: String,
    pub(super) mirror: Option<Arc<Mirror>>,
    /// Where the mirror is.
    pub(super) state: Option<PathBuf>,
    /// One fetch at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
    #[expect(dead_code, reason = "removed with the source")]
    temporary: Option<TempDir>,
}

/// What is at the location.
#[derive(Debug)]
pub(super) enum Place {
    /// A folder without history.
    Folder(PathBuf),
    /// A repository elsewhere, read from its mirror.
    Remote(Box<Remote>),
    /// A repository of this host.
    Repository {
        /// Its git folder.
        git: PathBuf,
        /// The root of the source in its work tree; none for a bare repository.
        work: Option<PathBuf>,
    },
}

impl Source {
    /// Opens it; nothing is fetched yet.
    pub fn open(options: SourceOptions) -> Result<Self, SourceError> {
        match options.location.clone() {
            Location::Path(path) => Self::open_path(options, &path),
            Location::Url(url) => Self::open_url(options, &url),
        }
    }

    fn open_path(options: SourceOptions, path: &Path) -> Result<Self, SourceError> {
        let shown = path.display().to_string();
        let root = path.canonicalize().map_err(|source| SourceError::Read {
            path: path.to_owned(),
            source,
        })?;
        let Found {
            place,
            prefix,
            whole,
        } = look(&root, &shown)?;
        let layout = Layout::new(prefix, &options.folder)?;
        let state = options.state.clone().filter(|_| whole);
        let mirror = state.as_ref().map(|state| Mirror::new(state, &shown));
        Ok(Self {
            mirror: mirror.map(Arc::new),
            options,
            layout,
            place,
            shown,
            state,
            turn: tokio::sync::Mutex::default(),
            temporary: None,
        })
    }

    fn open_url(options: SourceOptions, url: &url::Url) -> Result<Self, SourceError> {
        let layout = Layout::new(String::new(), &options.folder)?;
        let (state, temporary) = if let Some(state) = &options.state {
            (state.clone(), None)
        } else {
            let folder = tempfile::tempdir().map_err(|source| SourceError::Write {
                path: std::env::temp_dir(),
                source,
            })?;
            (folder.path().to_owned(), Some(folder))
        };
        let remote = Remote::new(url, &options, &state)?;
        let shown = remote.shown();
        Ok(Self {
            mirror: Some(Arc::new(Mirror::new(&state, &shown))),
            options,
            layout,
            place: Place::Remote(Box::new(remote)),
            shown,
            state: Some(state),
            turn: tokio::sync::Mutex::default(),
            temporary,
        })
    }

    /// Whether it has commits; removals from a plain folder are proved by the journal.
    pub fn is_git(&self) -> bool {
        !matches!(self.place, Place::Folder(_))
    }

    /// Whether it is fetched from elsewhere, so that what is there now may be here only later.
    pub fn is_remote(&self) -> bool {
        matches!(self.place, Place::Remote(_))
    }

    /// The folder its files are in on this host, if they are.
    pub fn folder(&self) -> Option<&Path> {
        match &self.place {
            Place::Folder(folder) => Some(folder),
            Place::Repository { work, .. } => work.as_deref(),
            Place::Remote(_) => None,
        }
    }

    /// Where it is, without a password.
    pub fn display(&self) -> String {
        self.shown.clone()
    }
}
