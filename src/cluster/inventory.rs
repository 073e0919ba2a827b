//! The clusters of the inventory: each connected, or with the reason it is not. Passes and effects share one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, RwLock};

use super::kubeconfig::News;
use super::{Cluster, ClusterAccess};
use crate::id::ClusterId;
use crate::observe::observed::{Unreadable, Views};
use crate::reason::Reason;

/// A cluster, or why it cannot be talked to.
pub type Connected = Result<Cluster, Unreadable>;

/// All clusters that may be talked to.
#[derive(Debug, Default)]
pub struct Inventory {
    clusters: RwLock<BTreeMap<ClusterId, Entry>>,
    /// Which cluster each was when it could be read last.
    uids: Mutex<BTreeMap<ClusterId, String>>,
}

#[derive(Debug, Clone)]
struct Entry {
    connected: Connected,
    /// A look has shown that this connection leads to the cluster it is meant to.
    trusted: bool,
    /// What is wrong with the kubeconfig that was written or removed since.
    refused: Option<Unreadable>,
    /// What its credential program gave was not accepted: it is asked again, once before each pass.
    expired: bool,
}

impl Inventory {
    /// Connects to each at the same time. One that cannot be reached is an entry, not an error.
    pub async fn connect(all: Vec<ClusterAccess>) -> Self {
        Self {
            clusters: RwLock::new(connect(all).await),
            uids: Mutex::default(),
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

    /// Connects again to clusters that could not be, to those whose credentials have run out or were not accepted, and to
    /// those whose kubeconfig was written anew. What a removed one has opened is kept.
    pub async fn renew(&self, all: Vec<ClusterAccess>) {
        let now = jiff::Timestamp::now();
        let (mut stale, mut outdated, mut in_force) = (Vec::new(), Vec::new(), Vec::new());
        for access in all {
            match self.get(&access.id) {
                Some(Ok(cluster))
                    if cluster.valid_until().is_none_or(|until| until > now)
                        && !self.is_expired(&access.id) =>
                {
                    match cluster.news() {
                        News::Changed => outdated.push(access),
                        News::None => in_force.push(access.id),
                        News::Unsettled => {}
                    }
                }
                Some(_) | None => stale.push(access),
            }
        }
        let (fresh, rewritten) = tokio::join!(connect(stale), connect(outdated));
        let mut clusters = self
            .clusters
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        clusters.extend(fresh);
        // Whoever wrote what cannot be used took it back.
        for id in in_force {
            let entry = clusters.get_mut(&id);
            if entry.and_then(|entry| entry.refused.take()).is_some() {
                tracing::info!(cluster = %id, "its kubeconfig says again what is in force");
            }
        }
        for (id, entry) in rewritten {
            match &entry.connected {
                Ok(_) => {
                    tracing::info!(cluster = %id, "its kubeconfig was written anew and is in force");
                    clusters.insert(id, entry);
                }
                // What works is not given up for what does not, and may be written only by half.
                Err(unreadable) => {
                    if let Some(old) = clusters.get_mut(&id) {
                        old.refuse(&id, unreadable);
                    }
                }
            }
        }
    }

    /// One of them; none when it is not in the inventory.
    pub fn get(&self, id: &ClusterId) -> Option<Connected> {
        self.clusters
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .map(|entry| entry.connected.clone())
    }

    fn is_expired(&self, id: &ClusterId) -> bool {
        let clusters = self.clusters.read().unwrap_or_else(PoisonError::into_inner);
        clusters.get(id).is_some_and(|entry| entry.expired)
    }

    /// One that effects may work on: a new connection may lead anywhere until somebody has looked.
    pub fn trusted(&self, id: &ClusterId) -> Option<Connected> {
        let clusters = self.clusters.read().unwrap_or_else(PoisonError::into_inner);
        let entry = clusters.get(id)?;
        if entry.trusted {
            return Some(entry.connected.clone());
        }
        Some(entry.connected.clone().and_then(|cluster| {
            Err(Unreadable {
                reason: Reason::ClusterUnreachable,
                text: format!(
                    "{}: no look has shown yet that it is the cluster it is meant to be",
                    cluster.host()
                ),
            })
        }))
    }

    /// Which cluster each is; of those that this look could not read, which they were.
    pub fn uids(&self, views: &Views) -> BTreeMap<ClusterId, String> {
        let mut uids = self.uids.lock().unwrap_or_else(PoisonError::into_inner);
        uids.retain(|id, _| views.contains_key(id));
        for (id, view) in views {
            if let Some(uid) = view.as_ref().ok().and_then(|view| view.uid.clone()) {
                uids.insert(id.clone(), uid);
            }
        }
        uids.clone()
    }

    /// Takes what a look has shown.
    pub fn trust(&self, views: &Views) {
        let mut clusters = self
            .clusters
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for (id, view) in views {
            let Some(entry) = clusters.get_mut(id) else {
                continue;
            };
            match view {
                Ok(view) => entry.trusted = view.replaced.is_none(),
                // It answers, and no longer shows which one it is.
                Err(Unreadable {
                    reason: Reason::ClusterForbidden | Reason::ClusterReplaced,
                    ..
                }) => entry.trusted = false,
                // A program may give another credential, whatever it said of when this one ends.
                Err(Unreadable {
                    reason: Reason::ClusterUnauthorized,
                    ..
                }) => {
                    let connected = entry.connected.as_ref();
                    entry.expired = connected.is_ok_and(Cluster::doubt_credentials);
                }
                // Silence says nothing of it.
                Err(_) => {}
            }
        }
    }

    /// Those whose kubeconfig was written anew or removed and cannot be used, and what is wrong with it: the connection from
    /// before is still worked with.
    pub fn refused(&self) -> BTreeMap<ClusterId, Unreadable> {
        let clusters = self.clusters.read().unwrap_or_else(PoisonError::into_inner);
        let refused = clusters.iter();
        let refused = refused.filter_map(|(id, entry)| Some((id.clone(), entry.refused.clone()?)));
        refused.collect()
    }

    /// All of them.
    pub fn all(&self) -> BTreeMap<ClusterId, Connected> {
        self.clusters
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(id, entry)| (id.clone(), entry.connected.clone()))
            .collect()
    }
}

impl Entry {
    /// Stays as it is. Said once: each pass tries again.
    fn refuse(&mut self, id: &ClusterId, unreadable: &Unreadable) {
        if self.refused.as_ref() != Some(unreadable) {
            let Unreadable { reason, text } = unreadable;
            tracing::warn!(cluster = %id, %reason, text, "its kubeconfig was changed and is not in force, the old one stays");
            self.refused = Some(unreadable.clone());
        }
    }
}

async fn connect(all: Vec<ClusterAccess>) -> BTreeMap<ClusterId, Entry> {
    let connections = all.into_iter().map(|access| async move {
        let connected = Cluster::connect(&access).await.map_err(Unreadable::from);
        let entry = Entry {
            connected,
            trusted: false,
            refused: None,
            expired: false,
        };
        (access.id, entry)
    });
    futures::future::join_all(connections)
        .await
        .into_iter()
        .collect()
}
