//! Who is waited for. A pass is one for all clusters, so a cluster that hangs, or is known to be away only after several
//! questions, would hold up every one of them, and so would the registry, which says after half a minute that its database is
//! away (a slow or dead cluster delays only itself: design 4.4). It does so once; from then on it is lost, and asked beside
//! the passes until it answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::look::Look;
use super::observed::Unreadable;
use crate::cluster::Cluster;
use crate::id::ClusterId;

/// Between two questions to who is lost. The first pauses are shorter: what went away often comes back at once.
const PAUSE: Duration = Duration::from_secs(5);
const FIRST: Duration = Duration::from_secs(1);

/// Who is asked by a pass, over which connection: over another one it may answer at once.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    Cluster(ClusterId, Cluster),
    /// It has one address until the settings are read again.
    Registry,
}

impl Asked {
    fn key(&self) -> Option<&ClusterId> {
        match self {
            Self::Cluster(id, _) => Some(id),
            Self::Registry => None,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cluster(_, one), Self::Cluster(_, other)) => one.is_same(other),
            (Self::Registry, Self::Registry) => true,
            (Self::Cluster(..), Self::Registry) | (Self::Registry, Self::Cluster(..)) => false,
        }
    }
}

type Lost = BTreeMap<Option<ClusterId>, (Asked, Unreadable)>;

/// What one pass tells the next about those that kept it waiting. A single look has none.
#[derive(Debug)]
pub struct Patience {
    pause: Duration,
    lost: Mutex<Lost>,
    answered: Arc<Notify>,
}

impl Default for Patience {
    fn default() -> Self {
        Self::asking_every(PAUSE)
    }
}

impl Patience {
    /// With another pause between two questions.
    pub(crate) fn asking_every(pause: Duration) -> Self {
        Self {
            pause,
            lost: Mutex::default(),
            answered: Arc::default(),
        }
    }

    /// Why it is not waited for. Over an old connection nobody asks any more.
    pub(super) fn lost_with(&self, asked: &Asked) -> Option<Unreadable> {
        let key = asked.key().cloned();
        let mut lost = self.lock();
        let (before, why) = lost.get(&key)?;
        if before.is_same(asked) {
            return Some(why.clone());
        }
        lost.remove(&key);
        None
    }

    /// A pass has looked there. Who is lost by that is asked `again` until it answers, or nobody wants to know any more: for
    /// the same, as asked for less it might answer at once, and be waited for in vain by the next pass.
    pub(super) fn take_look<T, A, F>(
        self: &Arc<Self>,
        asked: Asked,
        look: &Look<T>,
        again: impl FnOnce() -> A,
    ) where
        A: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Look<T>> + Send,
        T: Send + Sync,
    {
        let Some(why) = look.lost() else { return };
        let found = (asked.clone(), why.clone());
        let before = self.lock().insert(asked.key().cloned(), found);
        if before.is_some_and(|(before, _)| before.is_same(&asked)) {
            return;
        }
        let (patience, longest, again) = (Arc::downgrade(self), self.pause, again());
        tokio::spawn(async move {
            let mut pause = longest.min(FIRST);
            loop {
                tokio::time::sleep(pause).await;
                pause = longest.min(pause * 2);
                let look = again().await;
                let patience = patience.upgrade();
                if !patience.is_some_and(|patience| patience.is_lost(&asked, look.lost())) {
                    return;
                }
            }
        });
    }

    /// Whether it stays so after a look beside the passes.
    fn is_lost(&self, asked: &Asked, still: Option<&Unreadable>) -> bool {
        let key = asked.key().cloned();
        let mut lost = self.lock();
        let found = lost.get_mut(&key);
        let Some((_, why)) = found.filter(|(before, _)| before.is_same(asked)) else {
            return false;
        };
        if let Some(still) = still {
            why.clone_from(still);
            return true;
        }
        lost.remove(&key);
        self.answered.notify_one();
        false
    }

    /// The same, with everybody waited for again.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self {
            pause: self.pause,
            lost: Mutex::default(),
            answered: self.answered(),
        }
    }

    /// Somebody who was lost has answered.
    pub fn answered(&self) -> Arc<Notify> {
        Arc::clone(&self.answered)
    }

    fn lock(&self) -> MutexGuard<'_, Lost> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
