//! A cluster that answers, but late: it is looked at beside the passes, and what it looked like is taken by the next one. Where
//! nothing was to be done there and the same is wanted, it counts until then as it was; else as unread, which blocks its own
//! exchanges and nobody else's.

use std::sync::Arc;
use std::time::Duration;

use super::{Asked, Entry, Patience, State, state};
use crate::cluster::ViewWants;
use crate::id::ClusterId;
use crate::observe::look::{Again, Look, Looking};
use crate::observe::observed::ClusterView;

/// A pass waits so long for a cluster that is not known to be slow.
pub(in crate::observe) const WAIT: Duration = Duration::from_secs(1);

/// What is known of a slow cluster.
#[derive(Debug)]
pub(super) struct Slow {
    /// What was looked for.
    wants: Arc<ViewWants>,
    /// A look is under way.
    looking: bool,
    /// What a look under way, or over, says is of no use: something was done there since it began, or more is wanted.
    outdated: bool,
    /// What no pass has taken yet.
    fresh: Option<Arc<ClusterView>>,
    /// What the last pass took it for.
    used: Option<Arc<ClusterView>>,
    /// That is what it was before.
    is_still: bool,
}

impl Patience {
    /// What a pass takes a slow cluster for; `None` where it is none, and is waited for. `still` is what it looked like, if
    /// nothing was to be done there and the same is wanted.
    pub(in crate::observe) fn slow(
        self: &Arc<Self>,
        asked: &Asked,
        wants: &Arc<ViewWants>,
        still: impl FnOnce() -> Option<Arc<ClusterView>>,
        again: &Again<Arc<ClusterView>>,
    ) -> Option<Taken> {
        let mut entries = self.lock();
        let Some(State::Slow(slow)) = state(&mut entries, asked) else {
            return None;
        };
        let same = slow.wants.is_same(wants);
        if let Some(fresh) = slow.fresh.take().filter(|_| same && !slow.outdated) {
            (slow.used, slow.is_still) = (Some(Arc::clone(&fresh)), false);
            return Some(Taken::Fresh(fresh));
        }
        slow.used = still();
        slow.is_still = slow.used.is_some();
        let taken = Taken::still(slow.used.clone());
        if slow.looking {
            slow.outdated |= !same;
            return Some(taken);
        }
        slow.wants = Arc::clone(wants);
        (slow.looking, slow.outdated) = (true, false);
        drop(entries);
        self.finish(asked.clone(), again(), again);
        Some(taken)
    }

    /// It did not answer in time: from now on it is not waited for, and this look goes on beside the passes.
    pub(in crate::observe) fn slow_down(
        self: &Arc<Self>,
        asked: Asked,
        wants: &Arc<ViewWants>,
        used: Option<Arc<ClusterView>>,
        (looking, again): (Looking<Arc<ClusterView>>, &Again<Arc<ClusterView>>),
    ) -> Taken {
        let taken = Taken::still(used.clone());
        let slow = Slow {
            wants: Arc::clone(wants),
            looking: true,
            outdated: false,
            fresh: None,
            is_still: used.is_some(),
            used,
        };
        let key = asked.key().cloned();
        let entry = Entry {
            asked: asked.clone(),
            state: State::Slow(slow),
        };
        self.lock().insert(key, entry);
        self.finish(asked, looking, again);
        taken
    }

    /// Whether the last pass took it for what it was before: nothing may follow from that.
    pub fn is_still(&self, cluster: &ClusterId) -> bool {
        let entries = self.lock();
        let entry = entries.get(&Some(cluster.clone()));
        entry.is_some_and(|entry| matches!(&entry.state, State::Slow(slow) if slow.is_still))
    }

    /// Something was done there: what a look says that began before is not acted upon.
    pub fn outdate(&self, cluster: &ClusterId) {
        if let Some(entry) = self.lock().get_mut(&Some(cluster.clone()))
            && let State::Slow(slow) = &mut entry.state
        {
            slow.outdated = slow.looking;
            slow.fresh = None;
        }
    }

    fn finish(
        self: &Arc<Self>,
        asked: Asked,
        looking: Looking<Arc<ClusterView>>,
        again: &Again<Arc<ClusterView>>,
    ) {
        let (patience, again) = (Arc::downgrade(self), Arc::clone(again));
        tokio::spawn(async move {
            let look = looking.await;
            if let Some(patience) = patience.upgrade()
                && patience.take_slow(&asked, &look)
            {
                // Before the pass that is told: it is not waited for a second time.
                patience.take_look(asked, &look, again);
                patience.answered.notify_one();
            }
        });
    }

    /// A look is over; answers whether a pass is wanted, because it says something else than the last pass took it for.
    fn take_slow(&self, asked: &Asked, look: &Look<Arc<ClusterView>>) -> bool {
        let mut entries = self.lock();
        let Some(State::Slow(slow)) = state(&mut entries, asked) else {
            return false;
        };
        slow.looking = false;
        match &look.answer {
            Ok(view) if look.took > WAIT => {
                let used = slow.used.as_ref();
                let is_same = used.is_some_and(|used| Arc::ptr_eq(used, view));
                let fresh = Some(view).filter(|_| !is_same && !slow.outdated);
                slow.fresh = fresh.cloned();
                slow.outdated || !is_same
            }
            // It is as quick as others again, or away.
            Ok(_) | Err(_) => {
                entries.remove(&asked.key().cloned());
                true
            }
        }
    }
}

/// What a pass takes a slow cluster for.
#[derive(Debug)]
pub(in crate::observe) enum Taken {
    /// What it looked like a moment ago.
    Fresh(Arc<ClusterView>),
    /// As it was: nothing was to be done.
    Still(Arc<ClusterView>),
    Nothing,
}

impl Taken {
    fn still(view: Option<Arc<ClusterView>>) -> Self {
        view.map_or(Self::Nothing, Self::Still)
    }
}
