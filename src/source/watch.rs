//! Watches a local source for changes. An event says only that it is worth looking: it carries no data, and a timer
//! beside it finds what events miss.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{PollWatcher, RecommendedWatcher};
use notify_debouncer_full::{
    DebounceEventHandler, DebounceEventResult, Debouncer, NoCache, RecommendedCache, new_debouncer,
    new_debouncer_opt,
};
use tokio::sync::Notify;

use super::error::SourceError;
use super::open::{Place, Source};
use super::watched::{Matter, Spot, Spots};

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
    spots: Spots,
    matter: Arc<Mutex<Matter>>,
}

#[derive(Debug)]
enum Watcher {
    Nothing,
    Events(Debouncer<RecommendedWatcher, RecommendedCache>),
    Polls(Debouncer<PollWatcher, NoCache>),
}

impl Source {
    /// Wakes `activation` after files of the folder, or refs of the local repository, changed, or either is another one. For
    /// a URL it never does: there the timer tells.
    pub fn watch(&self, activation: &Arc<Notify>) -> Result<Watch, SourceError> {
        let (spots, matter) = self.watched();
        let settle = match &self.here().place {
            Place::Remote(_) | Place::Folder(_) => FILES_SETTLE,
            Place::Repository { .. } => REFS_SETTLE,
        };
        let matter = Arc::new(Mutex::new(matter));
        let wake = || wake(Arc::clone(&matter), Arc::clone(activation));
        let watcher = if spots.is_empty() {
            Watcher::Nothing
        } else {
            Watcher::start(&spots, settle, wake)?
        };
        Ok(Watch {
            watcher,
            spots,
            matter,
        })
    }
}

impl Watch {
    /// Watches what is there now: what was replaced took its watch with it, and what was unmounted lost it without a word.
    /// To be called after each activation and each pass.
    pub fn renew(&mut self, source: &Source) -> Result<(), SourceError> {
        let (spots, matter) = source.watched();
        *self.matter.lock().unwrap_or_else(PoisonError::into_inner) = matter;
        let before = std::mem::replace(&mut self.spots, spots);
        for spot in before.iter().filter(|spot| !self.spots.contains(spot)) {
            self.watcher.leave(&spot.path);
        }
        self.watcher.take(&self.spots)
    }
}

impl Watcher {
    fn start<W: DebounceEventHandler>(
        spots: &Spots,
        settle: Duration,
        wake: impl Fn() -> W,
    ) -> Result<Self, SourceError> {
        match Self::with_events(spots, settle, wake()) {
            Ok(watcher) => Ok(watcher),
            Err(error) => {
                tracing::warn!(%error, "no file events; files are polled instead");
                Self::with_polls(spots, settle, wake())
            }
        }
    }

    fn with_events(
        spots: &Spots,
        settle: Duration,
        wake: impl DebounceEventHandler,
    ) -> Result<Self, SourceError> {
        let debouncer = new_debouncer(settle, Some(settle), wake).map_err(wrong(spots))?;
        let mut watcher = Self::Events(debouncer);
        watcher.take(spots)?;
        Ok(watcher)
    }

    fn with_polls(
        spots: &Spots,
        settle: Duration,
        wake: impl DebounceEventHandler,
    ) -> Result<Self, SourceError> {
        let config = notify::Config::default().with_poll_interval(POLL);
        let debouncer = new_debouncer_opt(settle, Some(settle), wake, NoCache::new(), config)
            .map_err(wrong(spots))?;
        let mut watcher = Self::Polls(debouncer);
        watcher.take(spots)?;
        Ok(watcher)
    }

    /// Watches those that are there. What is watched already stays so.
    fn take(&mut self, spots: &Spots) -> Result<(), SourceError> {
        for Spot { path, mode, beside } in spots.iter().filter(|spot| spot.path.exists()) {
            let done = match self {
                Self::Nothing => Ok(()),
                Self::Events(debouncer) => debouncer.watch(path, *mode),
                Self::Polls(debouncer) => debouncer.watch(path, *mode),
            };
            if let Err(source) = done
                && !beside
            {
                let path = path.clone();
                return Err(SourceError::Watch { path, source });
            }
        }
        Ok(())
    }

    /// Watches it no longer. What is gone was not watched any more.
    fn leave(&mut self, path: &Path) {
        match self {
            Self::Nothing => {}
            Self::Events(debouncer) => drop(debouncer.unwatch(path)),
            Self::Polls(debouncer) => drop(debouncer.unwatch(path)),
        }
    }
}

fn wake(
    matter: Arc<Mutex<Matter>>,
    activation: Arc<Notify>,
) -> impl FnMut(DebounceEventResult) + Send + 'static {
    move |result| {
        // Our own reading must not wake us, nor what goes on beside; a lost event or an error must.
        let worth = match result {
            Ok(events) => {
                let matter = matter.lock().unwrap_or_else(PoisonError::into_inner);
                events.iter().any(|event| {
                    let has = |path: &PathBuf| matter.has(path);
                    let ours = event.paths.is_empty() || event.paths.iter().any(has);
                    event.need_rescan() || (ours && !event.kind.is_access())
                })
            }
            Err(_) => true,
        };
        if worth {
            activation.notify_one();
        }
    }
}

fn wrong(spots: &Spots) -> impl Fn(notify::Error) -> SourceError {
    let path = spots.first().map(|spot| spot.path.clone());
    move |source| SourceError::Watch {
        path: path.clone().unwrap_or_default(),
        source,
    }
}
