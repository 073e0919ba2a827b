//! Who is waited for. A pass is one for all clusters, so a cluster that hangs, or is known to be away only after several
//! questions, would hold up every one of them, and so would the registry, which says after half a minute that its database is
//! away (a slow or dead cluster delays only itself: design 4.4). It does so once; from then on it is lost, and asked beside
//! the passes until it answers. A cluster that answers, but late, is looked at beside them (`slow`).

mod slow;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

use slow::Slow;

use super::look::{Again, Look};
use super::observed::Unreadable;
use crate::cluster::Cluster;
use crate::id::ClusterId;

/// Between two questions to who is lost. The first pauses are shorter: what went away often comes back at once.
const PAUSE: Duration = Duration::from_secs(5);
const FIRST: Duration = Duration::from_secs(1);
/// Looks at a time beside the passes.
const BESIDE: usize = 16;

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

    /// What its watch has told so far; none where nobody listens.
    pub(super) fn told(&self) -> Option<u64> {
        match self {
            Self::Cluster(_, cluster) => cluster.told(),
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

/// Somebody who is not waited for.
#[derive(Debug)]
struct Entry {
    asked: Asked,
    state: State,
}

impl Entry {
    /// Whether somebody asks it already until it answers.
    fn is_asked_again(&self, asked: &Asked) -> bool {
        matches!(self.state, State::Lost(_)) && self.asked.is_same(asked)
    }
}

#[derive(Debug)]
enum State {
    /// It does not answer.
    Lost(Unreadable),
    /// It answers late.
    Slow(Slow),
}

type Entries = BTreeMap<Option<ClusterId>, Entry>;

/// What one pass tells the next about those that kept it waiting. A single look has none.
#[derive(Debug)]
pub struct Patience {
    pause: Duration,
    entries: Mutex<Entries>,
    /// Of looks beside the passes at slow clusters: what they answer is large.
    places: Arc<Semaphore>,
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
            entries: Mutex::default(),
            places: Arc::new(Semaphore::new(BESIDE)),
            answered: Arc::default(),
        }
    }

    /// Why it is not waited for. Over an old connection nobody asks any more.
    pub(super) fn lost_with(&self, asked: &Asked) -> Option<Unreadable> {
        let key = asked.key().cloned();
        let mut entries = self.lock();
        let entry = entries.get(&key)?;
        if !entry.asked.is_same(asked) {
            entries.remove(&key);
            return None;
        }
        match &entry.state {
            State::Lost(why) => Some(why.clone()),
            State::Slow(_) => None,
        }
    }

    /// A pass has looked there. Who is lost by that is asked `again` until it answers, or nobody wants to know any more: for
    /// the same, as asked for less it might answer at once, and be waited for in vain by the next pass.
    pub(super) fn take_look<T: 'static>(
        self: &Arc<Self>,
        asked: Asked,
        look: &Look<T>,
        again: Again<T>,
    ) {
        let Some(why) = look.lost() else { return };
        let entry = Entry {
            asked: asked.clone(),
            state: State::Lost(why.clone()),
        };
        let before = self.lock().insert(asked.key().cloned(), entry);
        if before.is_some_and(|before| before.is_asked_again(&asked)) {
            return;
        }
        let (patience, longest) = (Arc::downgrade(self), self.pause);
        tokio::spawn(async move {
            let mut pause = longest.min(FIRST);
            loop {
                tokio::time::sleep(pause).await;
                pause = longest.min(pause * 2);
                let still = again().await.lost().cloned();
                let patience = patience.upgrade();
                if !patience.is_some_and(|patience| patience.is_lost(&asked, still)) {
                    return;
                }
            }
        });
    }

    /// Whether it stays so after a look beside the passes.
    fn is_lost(&self, asked: &Asked, still: Option<Unreadable>) -> bool {
        let mut entries = self.lock();
        let Some(State::Lost(why)) = state(&mut entries, asked) else {
            return false;
        };
        if let Some(still) = still {
            *why = still;
            return true;
        }
        entries.remove(&asked.key().cloned());
        self.answered.notify_one();
        false
    }

    /// The same, with everybody waited for again.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self {
            pause: self.pause,
            entries: Mutex::default(),
            places: Arc::clone(&self.places),
            answered: self.answered(),
        }
    }

    /// Somebody who was lost has answered.
    pub fn answered(&self) -> Arc<Notify> {
        Arc::clone(&self.answered)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How it stands with somebody, as far as that is known of this connection.
fn state<'e>(entries: &'e mut Entries, asked: &Asked) -> Option<&'e mut State> {
    let entry = entries.get_mut(&asked.key().cloned())?;
    entry.asked.is_same(asked).then_some(&mut entry.state)
}
