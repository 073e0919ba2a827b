//! What the watch of a cluster tells of its releases, counted: while it tells nothing, they are as they were listed.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::runtime::watcher::Event;
use tokio::time::Instant;

/// So long silence is taken for what it should be. A connection may have died of it.
const BELIEVED: Duration = Duration::from_secs(10 * 60);

/// How much was told.
#[derive(Debug)]
pub(super) struct Told(Mutex<State>);

#[derive(Debug)]
struct State {
    count: u64,
    since: Instant,
    /// All that was there has been told, and what happens to it is.
    watched: bool,
}

impl Default for Told {
    fn default() -> Self {
        Self(Mutex::new(State {
            count: 0,
            since: Instant::now(),
            watched: false,
        }))
    }
}

impl Told {
    /// A number that stays the same while nothing is told; none while nobody listens.
    pub(super) fn count(&self) -> Option<u64> {
        let mut state = self.state();
        if state.since.elapsed() >= BELIEVED {
            state.count_one();
        }
        state.watched.then_some(state.count)
    }

    /// Somebody begins to listen, to so many streams.
    pub(super) fn listen(&self, streams: usize) -> Listening<'_> {
        Listening {
            told: self,
            streams,
            complete: BTreeSet::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count_one(&mut self) {
        self.count += 1;
        self.since = Instant::now();
    }
}

/// Somebody who listens, until dropped.
#[derive(Debug)]
pub(super) struct Listening<'a> {
    told: &'a Told,
    streams: usize,
    /// Streams that have told of all that was there.
    complete: BTreeSet<usize>,
}

impl Listening<'_> {
    /// A stream tells something.
    pub(super) fn take<K>(&mut self, stream: usize, event: &Event<K>) {
        match event {
            Event::Init => {
                self.complete.remove(&stream);
            }
            Event::InitDone => {
                self.complete.insert(stream);
            }
            Event::InitApply(_) | Event::Apply(_) | Event::Delete(_) => {}
        }
        let mut state = self.told.state();
        state.count_one();
        state.watched = self.complete.len() == self.streams;
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        let mut state = self.told.state();
        state.count_one();
        state.watched = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_counts_only_of_who_has_told_everything_and_not_for_ever() {
        let told = Told::default();
        assert_eq!(told.count(), None, "nobody listens");
        let mut listening = told.listen(2);
        listening.take(0, &Event::<()>::InitDone);
        assert_eq!(told.count(), None, "one of two has told everything");
        listening.take(1, &Event::<()>::InitDone);
        let first = told.count();
        assert!(first.is_some());
        assert_eq!(told.count(), first, "silence");
        listening.take(0, &Event::Delete(()));
        let second = told.count();
        assert!(second > first, "something happened");
        tokio::time::advance(BELIEVED).await;
        let third = told.count();
        assert!(third > second, "silent for too long");
        assert_eq!(told.count(), third);
        listening.take(1, &Event::<()>::Init);
        assert_eq!(told.count(), None, "it begins anew");
        listening.take(1, &Event::<()>::InitDone);
        assert!(told.count() > third, "what happened meanwhile was not told");
        drop(listening);
        assert_eq!(told.count(), None, "nobody listens any more");
    }
}
