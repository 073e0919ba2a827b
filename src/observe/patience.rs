//! Who is waited for. A pass is one for all clusters, so a cluster that hangs would hold up every one of them (a slow or
//! dead cluster delays only itself: design 4.4). It does so once; from then on it is asked beside the passes until it
//! answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::observed::Unreadable;
use crate::cluster::{Cluster, ViewWants};
use crate::id::ClusterId;

/// Between two questions to a cluster that hangs.
const PAUSE: Duration = Duration::from_secs(5);

/// What one pass tells the next about the clusters that kept it waiting. A single look has none.
#[derive(Debug)]
pub struct Patience {
    pause: Duration,
    hanging: Mutex<BTreeMap<ClusterId, (Cluster, Unreadable)>>,
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
            hanging: Mutex::default(),
            answered: Arc::default(),
        }
    }

    /// Why it is not waited for. Over another connection it may answer at once: nobody asks over the old one any more.
    pub(super) fn lost_with(&self, id: &ClusterId, cluster: &Cluster) -> Option<Unreadable> {
        let mut hanging = self.hanging();
        let (asked, why) = hanging.get(id)?;
        if asked.is_same(cluster) {
            return Some(why.clone());
        }
        hanging.remove(id);
        None
    }

    /// It did not answer in time: asks it for the same until it answers, however that turns out, or nobody wants to know any
    /// more. Asked for less it might answer at once, and be waited for in vain by the next pass.
    pub(super) fn lose(
        self: &Arc<Self>,
        id: &ClusterId,
        cluster: Cluster,
        wants: ViewWants,
        (why, deadline): (Unreadable, Duration),
    ) {
        let before = self.hanging().insert(id.clone(), (cluster.clone(), why));
        if before.is_some_and(|(asked, _)| asked.is_same(&cluster)) {
            return;
        }
        let (patience, id, pause) = (Arc::downgrade(self), id.clone(), self.pause);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let answer = tokio::time::timeout(deadline, cluster.view(&wants)).await;
                let Some(patience) = patience.upgrade() else {
                    return;
                };
                if !patience.is_lost(&id, &cluster) {
                    return;
                }
                if answer.is_ok() {
                    patience.hanging().remove(&id);
                    patience.answered.notify_one();
                    return;
                }
            }
        });
    }

    fn is_lost(&self, id: &ClusterId, cluster: &Cluster) -> bool {
        let hanging = self.hanging();
        hanging
            .get(id)
            .is_some_and(|(asked, _)| asked.is_same(cluster))
    }

    /// The same, with everybody waited for again.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self {
            pause: self.pause,
            hanging: Mutex::default(),
            answered: self.answered(),
        }
    }

    /// A cluster that hung has answered.
    pub fn answered(&self) -> Arc<Notify> {
        Arc::clone(&self.answered)
    }

    fn hanging(&self) -> std::sync::MutexGuard<'_, BTreeMap<ClusterId, (Cluster, Unreadable)>> {
        self.hanging.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
