//! What the survey before says of the next: a daemon makes one a minute, for months, and mostly finds what it found.

use std::sync::Arc;

use jiff::Timestamp;

use super::survey::{Seen, Survey};
use crate::exchange::desired::Desired;
use crate::id::{ClusterId, Instance};
use crate::observe::observed::{Ancestry, ClusterView, Observed};
use crate::pass::Equipment;

/// The survey before.
#[derive(Debug)]
pub struct Before {
    /// What it gave.
    pub survey: Arc<Survey>,
    /// Somebody asked: all is looked at, also what was told to be as it was.
    pub anew: bool,
}

impl Before {
    /// Whether nothing is to be done where nothing was told, as long as this is wanted.
    pub(super) fn stays(&self, desired: &Arc<Desired>, now: Timestamp) -> bool {
        !self.anew && Arc::ptr_eq(&self.survey.desired, desired) && self.survey.plan.is_settled(now)
    }

    /// What a cluster was, if it was read, nothing was to be done there, and the same is wanted now.
    pub(super) fn was(&self, cluster: &ClusterId, desired: &Desired) -> Option<Arc<ClusterView>> {
        let survey = &self.survey;
        let view = survey.observed.clusters.get(cluster)?.as_ref().ok()?;
        let stays = !self.anew
            && survey.plan.is_settled_in(cluster)
            && survey.desired.of(cluster).eq(desired.of(cluster));
        stays.then(|| Arc::clone(view))
    }
}

impl Survey {
    /// Who was connected to anew since then is told what it looked like, so that what did not change is kept once.
    pub(super) fn recall(&self, equipment: &Equipment) {
        for (id, cluster) in equipment.inventory.all() {
            if let (Ok(cluster), Some(Ok(view))) = (cluster, self.observed.clusters.get(&id)) {
                cluster.recall(view);
            }
        }
        if let Ok(view) = &self.observed.registry {
            equipment.registry.recall(view);
        }
    }

    /// Whether history and journal say the same of all that is seen now, as they are asked the same again and left nothing
    /// open.
    pub(super) fn stays_proved(
        &self,
        desired: &Arc<Desired>,
        seen: &Observed,
        instance: &Instance,
    ) -> bool {
        let before = &self.observed;
        let mut known = before.ancestry.values();
        Arc::ptr_eq(&self.desired, desired)
            && self.policy.instance == *instance
            && desired.commit.is_some()
            && before.proofs.is_empty()
            && known.all(|known| *known == Ancestry::HeadOrAncestor)
            && before.clusters == seen.clusters
            && before.registry == seen.registry
    }

    /// Whether it says of what is seen now what a plan made anew would.
    pub(super) fn follows_from(&self, seen: &Seen, now: Timestamp) -> bool {
        self.plan.is_settled(now)
            && Arc::ptr_eq(&self.desired, &seen.desired)
            && self.policy == seen.policy
            && self.observed == seen.observed
    }
}
