//! A cluster that answers, but late. While nothing was to be done there and the same is wanted, a pass takes it for what it was,
//! and it is looked at beside the passes; where that says something else, the next pass waits for it as for any other.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::{Asked, Entry, Patience, State, state};
use crate::id::ClusterId;
use crate::observe::look::{Again, Look};
use crate::observe::observed::ClusterView;

/// Who takes longer delays whoever waits for something elsewhere so that it is felt.
const LATE: Duration = Duration::from_millis(500);

/// What is known of a slow cluster.
#[derive(Debug, Default)]
pub(super) struct Slow {
    /// A look beside the passes, also one that is over.
    look: Option<JoinHandle<()>>,
    /// What the last pass took it for.
    taken: Option<Arc<ClusterView>>,
    /// What its watch had told when it was looked at for that.
    told: Option<u64>,
    /// It may be something else by now.
    is_stale: bool,
}

impl Patience {
    /// Whether it is known to answer late.
    pub(in crate::observe) fn is_slow(&self, asked: &Asked) -> bool {
        matches!(state(&mut self.lock(), asked), Some(State::Slow(_)))
    }

    /// Whether a pass takes this cluster for what it was; it is looked at beside the passes then.
    pub(in crate::observe) fn stands_still(
        self: &Arc<Self>,
        asked: &Asked,
        was: &Arc<ClusterView>,
        again: &Again<Arc<ClusterView>>,
    ) -> bool {
        let mut entries = self.lock();
        let Some(State::Slow(slow)) = state(&mut entries, asked) else {
            return false;
        };
        // What was told since is why there is this pass.
        if std::mem::take(&mut slow.is_stale) || slow.told != asked.told() {
            return false;
        }
        slow.taken = Some(Arc::clone(was));
        if slow.look.as_ref().is_none_or(JoinHandle::is_finished) {
            slow.look = Some(self.look_beside(asked.clone(), Arc::clone(again)));
        }
        true
    }

    /// A pass has waited for it, for which its watch had `told` so much.
    pub(in crate::observe) fn take_time(
        &self,
        asked: &Asked,
        told: Option<u64>,
        look: &Look<Arc<ClusterView>>,
    ) {
        let Ok(view) = &look.answer else { return };
        let mut entries = self.lock();
        if look.took <= LATE {
            entries.remove(&asked.key().cloned());
        } else if let Some(State::Slow(slow)) = state(&mut entries, asked) {
            (slow.taken, slow.told) = (Some(Arc::clone(view)), told);
        } else {
            let slow = Slow {
                told,
                ..Slow::default()
            };
            let entry = Entry {
                asked: asked.clone(),
                state: State::Slow(slow),
            };
            entries.insert(asked.key().cloned(), entry);
        }
    }

    /// Something is to be done in a cluster that was taken for what it was: it has to be looked at first.
    pub fn must_look(&self, cluster: &ClusterId) {
        if let Some(entry) = self.lock().get_mut(&Some(cluster.clone()))
            && let State::Slow(slow) = &mut entry.state
        {
            slow.is_stale = true;
        }
        self.answered.notify_one();
    }

    fn look_beside(
        self: &Arc<Self>,
        asked: Asked,
        again: Again<Arc<ClusterView>>,
    ) -> JoinHandle<()> {
        let (patience, places) = (Arc::downgrade(self), Arc::clone(&self.places));
        tokio::spawn(async move {
            let _place = places.acquire().await;
            let look = again().await;
            let Some(patience) = patience.upgrade() else {
                return;
            };
            if patience.is_other(&asked, &look) {
                patience.take_look(asked, &look, again);
                patience.answered.notify_one();
            }
        })
    }

    /// Whether a look beside the passes says something else than the last pass took it for, so that another is wanted.
    fn is_other(&self, asked: &Asked, look: &Look<Arc<ClusterView>>) -> bool {
        let mut entries = self.lock();
        let Some(State::Slow(slow)) = state(&mut entries, asked) else {
            return false;
        };
        let is_same = match (&look.answer, &slow.taken) {
            (Ok(view), Some(taken)) => Arc::ptr_eq(view, taken),
            (Ok(_) | Err(_), _) => false,
        };
        slow.is_stale |= !is_same;
        if look.answer.is_ok() && look.took <= LATE {
            // As quick as others again.
            entries.remove(&asked.key().cloned());
        }
        !is_same
    }
}
