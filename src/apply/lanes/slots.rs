//! How many helms run: over all clusters and per cluster, so that a slow cluster delays only itself.

mod places;

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::lock;
use crate::id::ClusterId;
use places::Places;

pub(super) use places::Place;

/// The places of all clusters.
#[derive(Debug)]
pub(super) struct Slots {
    all: Places,
    lanes: Mutex<Lanes>,
}

/// Those of each cluster, and how many a cluster gets that is not known yet.
#[derive(Debug)]
struct Lanes {
    helms: usize,
    restarts: usize,
    clusters: BTreeMap<ClusterId, Lane>,
}

#[derive(Debug, Clone)]
struct Lane {
    helms: Places,
    restarts: Places,
}

/// A place for a helm, first within its cluster and then among all.
#[derive(Debug)]
pub(super) struct Slot {
    /// Shared by all clusters; given back when a helm ends, or earlier by one that only waits.
    all: Option<Place>,
    _cluster: Place,
}

impl Slot {
    /// Waits until this helm may start.
    pub(super) async fn start(&mut self, slots: &Slots) {
        if self.all.is_none() {
            self.all = Some(slots.all.take().await);
        }
    }

    /// This helm computes no longer, because it ended or because it is so old that it waits for its cluster: others may.
    pub(super) fn give_way(&mut self) {
        self.all = None;
    }
}

impl Slots {
    /// So many `helms`, and so many that may be `restarting` in each cluster; 0 = no limit to those.
    pub(super) fn new(helms: usize, restarting: usize) -> Self {
        let (helms, restarts) = counts(helms, restarting);
        Self {
            all: Places::new(helms),
            lanes: Mutex::new(Lanes {
                helms,
                restarts,
                clusters: BTreeMap::new(),
            }),
        }
    }

    /// Other numbers; whoever has a place keeps it.
    pub(super) fn resize(&self, helms: usize, restarting: usize) {
        let (helms, restarts) = counts(helms, restarting);
        self.all.resize(helms);
        let mut lanes = lock(&self.lanes);
        lanes.helms = helms;
        lanes.restarts = restarts;
        for lane in lanes.clusters.values() {
            lane.helms.resize(self::lane(helms));
            lane.restarts.resize(restarts);
        }
    }

    /// A place at the head of this cluster's queue. Its own first: a cluster with a thousand tasks then competes with no
    /// more than its few.
    pub(super) async fn helm(&self, cluster: &ClusterId) -> Slot {
        let own = self.lane(cluster).helms.take().await;
        Slot {
            all: None,
            _cluster: own,
        }
    }

    /// A place among the exchanges of this cluster that restart.
    pub(super) async fn restart(&self, cluster: &ClusterId) -> Place {
        self.lane(cluster).restarts.take().await
    }

    fn lane(&self, cluster: &ClusterId) -> Lane {
        let mut lanes = lock(&self.lanes);
        let (helms, restarts) = (lanes.helms, lanes.restarts);
        let lane = lanes
            .clusters
            .entry(cluster.clone())
            .or_insert_with(|| Lane {
                helms: Places::new(self::lane(helms)),
                restarts: Places::new(restarts),
            });
        lane.clone()
    }
}

/// What is fenced waits for no more than the helms that run: one more than those gets ready, so that none of their places
/// is empty while the cluster is read.
fn lane(helms: usize) -> usize {
    helms + 1
}

fn counts(helms: usize, restarting: usize) -> (usize, usize) {
    let restarts = if restarting == 0 {
        places::NO_LIMIT
    } else {
        restarting
    };
    (helms.max(1), restarts)
}
