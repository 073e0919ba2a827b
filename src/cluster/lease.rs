//! One writer per instance in a cluster: a Lease that is taken before effects and kept while there are any. Whoever does
//! not hold it starts none. Clocks are never compared: a lease has run out when nobody changed it for its duration.

mod object;
mod slot;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, join_all};

use super::{Cluster, ClusterError};
use crate::id::{ClusterId, ExchangeId, Instance, Namespace};
use crate::reason::Reason;

use slot::Slot;

/// How long a lease counts after it was last renewed, and how often it is.
#[derive(Debug, Clone, Copy)]
struct Pace {
    duration: Duration,
    renew: Duration,
}

const PACE: Pace = Pace {
    duration: Duration::from_secs(30),
    renew: Duration::from_secs(10),
};
/// What letting go at the end may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why no effect may be started now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotAdmitted {
    /// Another natsx-sync of the same instance works there.
    #[error(
        "natsx-sync on {holder} works there as the same instance; this one goes on when that has ended, or {} s after its last sign of life",
        duration.as_secs()
    )]
    Held {
        /// Who.
        holder: String,
        /// How long its lease counts.
        duration: Duration,
    },
    /// The lease cannot be taken or renewed.
    #[error("the lease that keeps other writers away cannot be had")]
    Cluster(#[source] Arc<ClusterError>),
}

/// The leases of this process: by cluster, and by namespace where the settings limit us to some.
#[derive(Debug)]
pub struct Leases {
    holder: String,
    name: String,
    pace: Pace,
    slots: Mutex<BTreeMap<(ClusterId, String), Arc<Slot>>>,
}

impl Leases {
    /// `holder` is who we are to others: the same after a restart from the same state folder, and nobody else's.
    pub fn new(instance: &Instance, holder: String) -> Self {
        Self::paced(instance, holder, PACE)
    }

    fn paced(instance: &Instance, holder: String, pace: Pace) -> Self {
        Self {
            holder,
            name: format!("natsx-sync-{instance}"),
            pace,
            slots: Mutex::default(),
        }
    }

    /// Whether an effect on this exchange may be started now; takes the lease if it is to be had. It is kept from then on,
    /// until `leave` was said for everybody who was admitted.
    ///
    /// Without the right to leases everybody is admitted, with a warning in the log.
    pub fn admit<'a>(
        &'a self,
        cluster: &'a Cluster,
        id: &'a ExchangeId,
    ) -> BoxFuture<'a, Result<(), NotAdmitted>> {
        let slot = self.slot(cluster, &id.namespace);
        async move { slot.admit(cluster, id).await }.boxed()
    }

    /// Nothing is done to this exchange any more. The last one lets go of the lease.
    pub fn leave(&self, id: &ExchangeId) {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for ((cluster, _), slot) in slots.iter() {
            if *cluster == id.cluster {
                slot.leave(id);
            }
        }
    }

    /// Lets go of all of them, so that nobody has to wait until they run out.
    pub async fn close(&self) {
        let slots: Vec<_> = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.values().cloned().collect()
        };
        let all = join_all(slots.iter().map(|slot| slot.release()));
        tokio::time::timeout(FAREWELL, all).await.ok();
    }

    fn slot(&self, cluster: &Cluster, namespace: &Namespace) -> Arc<Slot> {
        // Where others are limited to other namespaces, each namespace has to have its own.
        let place = match cluster.namespaces() {
            Some(_) => namespace.to_string(),
            None => "kube-system".to_owned(),
        };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots
            .entry((cluster.id().clone(), place.clone()))
            .or_insert_with(|| {
                let (name, holder) = (self.name.clone(), self.holder.clone());
                Arc::new(Slot::new(place, name, holder, self.pace))
            });
        Arc::clone(slot)
    }
}

impl NotAdmitted {
    /// The stable word.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Held { .. } => Reason::LeaseHeld,
            Self::Cluster(error) => error.reason(),
        }
    }
}

#[cfg(test)]
mod tests;
