//! A number of places that can change while some are taken.

use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::apply::lanes::lock;

/// More than anybody takes.
pub(super) const NO_LIMIT: usize = 1 << 30;

/// Clones share the places.
#[derive(Debug, Clone)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    count: Arc<Mutex<Count>>,
}

#[derive(Debug)]
struct Count {
    wanted: usize,
    /// Taken places that are too many: they go when they are given back.
    surplus: usize,
}

/// Taken until dropped.
#[derive(Debug)]
pub(in crate::apply::lanes) struct Place {
    permit: Option<OwnedSemaphorePermit>,
    count: Arc<Mutex<Count>>,
}

impl Places {
    pub(super) fn new(wanted: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(wanted)),
            count: Arc::new(Mutex::new(Count { wanted, surplus: 0 })),
        }
    }

    /// The next free one; who asks first is served first.
    pub(super) async fn take(&self) -> Place {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.free).acquire_owned().await.ok();
        Place {
            permit,
            count: Arc::clone(&self.count),
        }
    }

    /// Makes it `wanted` places.
    pub(super) fn resize(&self, wanted: usize) {
        let mut count = lock(&self.count);
        let before = std::mem::replace(&mut count.wanted, wanted);
        if wanted < before {
            let fewer = before - wanted;
            count.surplus += fewer - self.free.forget_permits(fewer);
        } else {
            let more = wanted - before;
            let kept = more.min(count.surplus);
            count.surplus -= kept;
            self.free.add_permits(more - kept);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut count = lock(&self.count);
        if count.surplus > 0
            && let Some(permit) = self.permit.take()
        {
            count.surplus -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_that_are_too_many_go_when_they_are_given_back() {
        let places = Places::new(3);
        let (first, second) = (places.take().await, places.take().await);
        let third = places.take().await;
        let mut waiting = std::pin::pin!(places.take());
        assert!(futures::poll!(&mut waiting).is_pending());
        places.resize(1);
        drop(first);
        drop(second);
        assert!(futures::poll!(&mut waiting).is_pending(), "one is taken");
        drop(third);
        let place = waiting.await;
        assert_eq!(places.free.available_permits(), 0);
        places.resize(2);
        drop(place);
        assert_eq!(places.free.available_permits(), 2);
    }

    #[tokio::test]
    async fn a_limit_taken_back_keeps_those_who_have_a_place() {
        let places = Places::new(2);
        let held = (places.take().await, places.take().await);
        places.resize(1);
        places.resize(2);
        assert_eq!(places.free.available_permits(), 0);
        drop(held);
        assert_eq!(places.free.available_permits(), 2);
    }
}
