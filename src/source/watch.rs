//! Watches a local source for changes. An event says only that it is worth looking: it carries no data, and a timer
//! beside it finds what events miss.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{PollWatcher, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{
    DebounceEventResult, Debouncer, NoCache, RecommendedCache, new_debouncer, new_debouncer_opt,
};
use tokio::sync::Notify;

use super::error::SourceError;
use super::library::open_exactly;
use super::open::{Place, Source};

/// Changes within this time are one activation.
const SETTLE: Duration = Duration::from_millis(500);
/// How often files are looked at where the system gives no events.
const POLL: Duration = Duration::from_secs(15);

/// A running watch; it ends when it is dropped.
#[derive(Debug)]
pub struct Watch {
    watcher: Watcher,
    paths: Vec<(PathBuf, RecursiveMode)>,
}

#[derive(Debug)]
enum Watcher {
    Nothing,
    Events(Debouncer<RecommendedWatcher, RecommendedCache>),
    Polls(Debouncer<PollWatcher, NoCache>),
}

impl Source {
    /// Wakes `activation` after files of the folder, or refs of the local repository, changed. For a URL it never
    /// does: there the timer tells.
    pub fn watch(&self, activation: Arc<Notify>) -> Result<Watch, SourceError> {
        let paths = match &self.place {
            Place::Remote(_) => Vec::new(),
            Place::Folder(root) => folder_paths(root),
            Place::Repository { git, .. } => repository_paths(git),
        };
        Watch::start(paths, activation)
    }
}

impl Watch {
    fn start(
        paths: Vec<(PathBuf, RecursiveMode)>,
        activation: Arc<Notify>,
    ) -> Result<Self, SourceError> {
        if paths.is_empty() {
            return Ok(Self {
                watcher: Watcher::Nothing,
                paths,
            });
        }
        match Self::with_events(paths.clone(), Arc::clone(&activation)) {
            Ok(watch) => Ok(watch),
            Err(error) => {
                tracing::warn!(%error, "no file events; files are polled instead");
                Self::with_polls(paths, activation)
            }
        }
    }

    fn with_events(
        paths: Vec<(PathBuf, RecursiveMode)>,
        activation: Arc<Notify>,
    ) -> Result<Self, SourceError> {
        let debouncer = new_debouncer(SETTLE, None, wake(activation)).map_err(wrong(&paths))?;
        let mut watch = Self {
            watcher: Watcher::Events(debouncer),
            paths,
        };
        watch.renew()?;
        Ok(watch)
    }

    fn with_polls(
        paths: Vec<(PathBuf, RecursiveMode)>,
        activation: Arc<Notify>,
    ) -> Result<Self, SourceError> {
        let config = notify::Config::default().with_poll_interval(POLL);
        let debouncer = new_debouncer_opt(SETTLE, None, wake(activation), NoCache::new(), config)
            .map_err(wrong(&paths))?;
        let mut watch = Self {
            watcher: Watcher::Polls(debouncer),
            paths,
        };
        watch.renew()?;
        Ok(watch)
    }

    /// Watches again what was replaced: a folder that is swapped for another takes its watch with it. To be called after
    /// each activation.
    pub fn renew(&mut self) -> Result<(), SourceError> {
        let paths = self.paths.iter().filter(|(path, _)| path.exists());
        for (path, mode) in paths {
            let done = match &mut self.watcher {
                Watcher::Nothing => Ok(()),
                Watcher::Events(debouncer) => debouncer.watch(path, *mode),
                Watcher::Polls(debouncer) => debouncer.watch(path, *mode),
            };
            done.map_err(|source| SourceError::Watch {
                path: path.clone(),
                source,
            })?;
        }
        Ok(())
    }
}

fn wake(activation: Arc<Notify>) -> impl FnMut(DebounceEventResult) + Send + 'static {
    move |result| {
        // Our own reading must not wake us; a lost event or an error must.
        let worth = match result {
            Ok(events) => events
                .iter()
                .any(|event| event.need_rescan() || !event.kind.is_access()),
            Err(_) => true,
        };
        if worth {
            activation.notify_one();
        }
    }
}

/// The folder, and its parent because a folder that is replaced takes its watch with it.
fn folder_paths(root: &Path) -> Vec<(PathBuf, RecursiveMode)> {
    let mut paths = vec![(root.to_owned(), RecursiveMode::Recursive)];
    if let Some(parent) = root.parent() {
        paths.push((parent.to_owned(), RecursiveMode::NonRecursive));
    }
    paths
}

/// Head and refs; objects say nothing.
fn repository_paths(git: &Path) -> Vec<(PathBuf, RecursiveMode)> {
    let common = open_exactly(git).map_or_else(
        |_| git.to_owned(),
        |repository| repository.commondir().to_owned(),
    );
    let mut paths = vec![
        (common.join("refs"), RecursiveMode::Recursive),
        (common.clone(), RecursiveMode::NonRecursive),
    ];
    if common != git {
        paths.push((git.to_owned(), RecursiveMode::NonRecursive));
    }
    paths
}

fn wrong(paths: &[(PathBuf, RecursiveMode)]) -> impl Fn(notify::Error) -> SourceError {
    let path = paths.first().map(|(path, _)| path.clone());
    move |source| SourceError::Watch {
        path: path.clone().unwrap_or_default(),
        source,
    }
}
