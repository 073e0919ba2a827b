//! The clusters of the inventory: each connected, or with the reason it is not. Passes and effects share one.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use super::{Cluster, ClusterAccess};
use crate::id::ClusterId;
use crate::observe::observed::Unreadable;

/// A cluster, or why it cannot be talked to.
pub type Connected = Result<Cluster, Unreadable>;

/// All clusters that may be talked to.
#[derive(Debug, Default)]
pub struct Inventory {
    clusters: RwLock<BTreeMap<ClusterId, Connected>>,
}

impl Inventory {
    /// Connects to each at the same time. One that cannot be reached is an entry, not an error.
    pub async fn connect(all: Vec<ClusterAccess>) -> Self {
        Self {
            clusters: RwLock::new(connect(all).await),
        }
    }

    /// Connects anew to each, as after a change of the settings or of a kubeconfig; what is under way keeps the
    /// connection it has.
    pub async fn replace(&self, all: Vec<ClusterAccess>) {
        let fresh = connect(all).await;
        *self
            .clusters
            .write()
            .unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    /// Connects again to clusters that could not be, and to those whose credentials have run out.
    pub async fn renew(&self, all: Vec<ClusterAccess>) {
        let now = jiff::Timestamp::now();
        let stale = all
            .into_iter()
            .filter(|access| match self.get(&access.id) {
                Some(Ok(cluster)) => cluster.valid_until().is_some_and(|until| until <= now),
                Some(Err(_)) | None => true,
            })
            .collect();
        let fresh = connect(stale).await;
        self.clusters
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(fresh);
    }

    /// One of them; none when it is not in the inventory.
    pub fn get(&self, id: &ClusterId) -> Option<Connected> {
        self.clusters
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// All of them.
    pub fn all(&self) -> BTreeMap<ClusterId, Connected> {
        self.clusters
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn connect(all: Vec<ClusterAccess>) -> BTreeMap<ClusterId, Connected> {
    let connections = all.into_iter().map(|access| async move {
        let connected = Cluster::connect(&access).await.map_err(Unreadable::from);
        (access.id, connected)
    });
    futures::future::join_all(connections)
        .await
        .into_iter()
        .collect()
}
