//! A source: opened once, read again and again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tempfile::TempDir;

use super::error::SourceError;
use super::here::Here;
use super::options::{Layout, Location, SourceOptions};
use super::remote::Remote;

/// A git repository or a plain folder with exchange files. It holds no open repository, so it can be shared
/// between threads, and what a fetch brought is always seen.
#[derive(Debug)]
pub struct Source {
    pub(super) options: SourceOptions,
    pub(super) shown: String,
    here: RwLock<Arc<Here>>,
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
        let here = Here::at(path, &options, &shown)?;
        Ok(Self::with(options, shown, here, None))
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
        let here = Here::elsewhere(remote, layout, state, &shown);
        Ok(Self::with(options, shown, here, temporary))
    }

    fn with(options: SourceOptions, shown: String, here: Here, temporary: Option<TempDir>) -> Self {
        Self {
            options,
            shown,
            here: RwLock::new(Arc::new(here)),
            turn: tokio::sync::Mutex::default(),
            temporary,
        }
    }

    /// What is there, as it was opened last.
    pub(super) fn here(&self) -> Arc<Here> {
        let here = self.here.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&here)
    }

    /// Opens what the path leads to now, where a link on it was turned to something else: from here on that is read, fetched
    /// and watched.
    pub(super) async fn follow_links(&self) -> Result<(), SourceError> {
        let Location::Path(path) = self.options.location.clone() else {
            return Ok(());
        };
        let (here, options, shown) = (self.here(), self.options.clone(), self.shown.clone());
        let turned = self.aside(move || here.turned(&path, &options, &shown));
        if let Some(turned) = turned.await? {
            let root = turned.root.as_deref().unwrap_or(Path::new("")).display();
            tracing::info!(repository = self.shown, %root, "it leads elsewhere now, and is followed there");
            *self.here.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(turned);
        }
        Ok(())
    }

    /// Whether it has commits; removals from a plain folder are proved by the journal.
    pub fn is_git(&self) -> bool {
        !matches!(self.here().place, Place::Folder(_))
    }

    /// Whether it is fetched from elsewhere, so that what is there now may be here only later.
    pub fn is_remote(&self) -> bool {
        matches!(self.here().place, Place::Remote(_))
    }

    /// The folder its files are in on this host, if they are.
    pub fn folder(&self) -> Option<PathBuf> {
        match &self.here().place {
            Place::Folder(folder) => Some(folder.clone()),
            Place::Repository { work, .. } => work.clone(),
            Place::Remote(_) => None,
        }
    }

    /// Where it is, without a password.
    pub fn display(&self) -> String {
        self.shown.clone()
    }
}
