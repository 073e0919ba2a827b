//! Watches a local source for changes. An event says only that it is worth looking: it carries no data, and a timer
//! beside it finds what events miss.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{PollWatcher, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{
    DebounceEventHandler, DebounceEventResult, Debouncer, NoCache, RecommendedCache, new_debouncer,
    new_debouncer_opt,
};
use tokio::sync::Notify;

use super::error::SourceError;
use super::library::open_exactly;
use super::open::{Place, Source};

/// Changes of files within this time are one activation: an editor writes in several steps. As often is it looked whether
/// the time is over: left to itself, the library looks four times as often, all day long.
const FILES_SETTLE: Duration = Duration::from_millis(500);
/// A ref moves in one step, and only to what is there.
const REFS_SETTLE: Duration = Duration::from_millis(100);
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
    pub fn watch(&self, activation: &Arc<Notify>) -> Result<Watch, SourceError> {
        let (paths, settle) = match &self.place {
            Place::Remote(_) => (Vec::new(), FILES_SETTLE),
            Place::Folder(root) => (folder_paths(root), FILES_SETTLE),
            Place::Repository { git, .. } => (repository_paths(git), REFS_SETTLE),
        };
        // What happens beside a folder is none of its changes.
        let within = match &self.place {
            Place::Folder(root) => Some(root.clone()),
            Place::Remote(_) | Place::Repository { .. } => None,
        };
        Watch::start(paths, settle, || {
            wake(within.clone(), Arc::clone(activation))
        })
    }
}

impl Watch {
    fn start<W: DebounceEventHandler>(
        paths: Vec<(PathBuf, RecursiveMode)>,
        settle: Duration,
        wake: impl Fn() -> W,
    ) -> Result<Self, SourceError> {
        if paths.is_empty() {
            return Ok(Self {
                watcher: Watcher::Nothing,
                paths,
            });
        }
        match Self::with_events(paths.clone(), settle, wake()) {
            Ok(watch) => Ok(watch),
            Err(error) => {
                tracing::warn!(%error, "no file events; files are polled instead");
                Self::with_polls(paths, settle, wake())
            }
        }
    }

    fn with_events(
        paths: Vec<(PathBuf, RecursiveMode)>,
        settle: Duration,
        wake: impl DebounceEventHandler,
    ) -> Result<Self, SourceError> {
        let debouncer = new_debouncer(settle, Some(settle), wake).map_err(wrong(&paths))?;
        let mut watch = Self {
            watcher: Watcher::Events(debouncer),
            paths,
        };
        watch.renew()?;
        Ok(watch)
    }

    fn with_polls(
        paths: Vec<(PathBuf, RecursiveMode)>,
        settle: Duration,
        wake: impl DebounceEventHandler,
    ) -> Result<Self, SourceError> {
        let config = notify::Config::default().with_poll_interval(POLL);
        let debouncer = new_debouncer_opt(settle, Some(settle), wake, NoCache::new(), config)
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

/// `within`: where changes matter; all, when it is not told.
fn wake(
    within: Option<PathBuf>,
    activation: Arc<Notify>,
) -> impl FnMut(DebounceEventResult) + Send + 'static {
    let matters = move |path: &PathBuf| match &within {
        Some(within) => path.starts_with(within),
        None => true,
    };
    move |result| {
        // Our own reading must not wake us, nor what goes on beside; a lost event or an error must.
        let worth = match result {
            Ok(events) => events.iter().any(|event| {
                let ours = event.paths.is_empty() || event.paths.iter().any(&matters);
                event.need_rescan() || (ours && !event.kind.is_access())
            }),
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
