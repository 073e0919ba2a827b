//! How many helms run: over all clusters and per cluster, so that a slow cluster delays only itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::lock;
use crate::id::ClusterId;

/// The places of all clusters.
#[derive(Debug)]
pub(super) struct Slots {
    limit: usize,
    restarting: usize,
    all: Arc<Semaphore>,
    clusters: Mutex<BTreeMap<ClusterId, Lane>>,
}

#[derive(Debug, Clone)]
struct Lane {
    helms: Arc<Semaphore>,
    restarts: Arc<Semaphore>,
}

/// A place for a helm.
#[derive(Debug)]
pub(super) struct Slot {
    /// Shared by all clusters; given back early by a helm that only waits.
    all: Option<OwnedSemaphorePermit>,
    _cluster: Option<OwnedSemaphorePermit>,
}

impl Slot {
    /// A helm this old waits for its cluster and no longer computes: others may.
    pub(super) fn give_way(&mut self) {
        self.all = None;
    }
}

impl Slots {
    pub(super) fn new(helms: usize, restarting: usize) -> Self {
        let limit = helms.max(1);
        Self {
            limit,
            restarting,
            all: Arc::new(Semaphore::new(limit)),
            clusters: Mutex::default(),
        }
    }

    /// A place for a helm of this cluster. The cluster's own first: a cluster with a thousand tasks then competes with
    /// no more than its few.
    pub(super) async fn helm(&self, cluster: &ClusterId) -> Slot {
        let own = self.lane(cluster).helms.acquire_owned().await;
        let all = Arc::clone(&self.all).acquire_owned().await;
        // The semaphores are never closed.
        Slot {
            all: all.ok(),
            _cluster: own.ok(),
        }
    }

    /// A place among the exchanges of this cluster that restart; at once where there is no limit.
    pub(super) async fn restart(&self, cluster: &ClusterId) -> Option<OwnedSemaphorePermit> {
        if self.restarting == 0 {
            return None;
        }
        self.lane(cluster).restarts.acquire_owned().await.ok()
    }

    fn lane(&self, cluster: &ClusterId) -> Lane {
        let mut clusters = lock(&self.clusters);
        let lane = clusters.entry(cluster.clone()).or_insert_with(|| Lane {
            helms: Arc::new(Semaphore::new(self.limit)),
            restarts: Arc::new(Semaphore::new(self.restarting)),
        });
        lane.clone()
    }
}
