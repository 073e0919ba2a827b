//! What a release is called within its cluster, and which releases are whose.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Hidden, Observed, RegistryView, ReleaseView, Stamp, Unreadable, Views};
use crate::id::{ClusterId, ExchangeId, IdError, Instance, Namespace, ReleaseName};

/// A release within a cluster; serialised `namespace/release`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseKey {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name. Helm allows names we do not; such releases are passed over.
    pub release: ReleaseName,
}

impl ReleaseKey {
    /// The release of an exchange.
    pub fn of(id: &ExchangeId) -> Self {
        Self {
            namespace: id.namespace.clone(),
            release: id.release.clone(),
        }
    }

    /// The exchange whose release it is, in that cluster.
    pub fn in_cluster(&self, cluster: &ClusterId) -> ExchangeId {
        ExchangeId {
            cluster: cluster.clone(),
            namespace: self.namespace.clone(),
            release: self.release.clone(),
        }
    }
}

impl From<ReleaseKey> for String {
    fn from(key: ReleaseKey) -> Self {
        format!("{}/{}", key.namespace, key.release)
    }
}

impl TryFrom<String> for ReleaseKey {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (namespace, release) = text.split_once('/').unwrap_or((text.as_str(), ""));
        Ok(Self {
            namespace: namespace.parse()?,
            release: release.parse()?,
        })
    }
}

impl Observed {
    /// What clusters and registry say, before anything else was asked.
    pub fn new(clusters: Views, registry: Result<Arc<RegistryView>, Unreadable>) -> Self {
        Self {
            clusters,
            led: BTreeMap::new(),
            registry,
            proofs: BTreeMap::new(),
            ancestry: BTreeMap::new(),
            renders: BTreeMap::new(),
            stored: BTreeMap::new(),
            gone_sets: BTreeMap::new(),
            drifts: BTreeMap::new(),
            hidden: Hidden::default(),
        }
    }

    /// Which cluster an entry of the inventory leads to, as far as that is known; also where it could not be read.
    pub fn uid(&self, cluster: &ClusterId) -> Option<&str> {
        match self.clusters.get(cluster)? {
            Ok(view) => view.uid.as_deref(),
            Err(_) => self.led.get(cluster).map(String::as_str),
        }
    }

    /// The release of an exchange; none also where its cluster could not be read.
    pub fn release(&self, id: &ExchangeId) -> Option<&ReleaseView> {
        let view = self.clusters.get(&id.cluster)?.as_ref().ok()?;
        view.releases.get(&ReleaseKey::of(id))
    }

    /// The releases with the mark of `instance`, and their marks, in the clusters that could be read.
    pub fn owned<'a>(
        &'a self,
        instance: &'a Instance,
    ) -> impl Iterator<Item = (ExchangeId, &'a Stamp)> {
        let views = self.clusters.iter();
        let views = views.filter_map(|(cluster, view)| Some((cluster, view.as_ref().ok()?)));
        views.flat_map(move |(cluster, view)| {
            let ours = view.releases.iter().filter_map(move |(key, release)| {
                let stamp = release.stamp.as_ref();
                Some((key, stamp.filter(|stamp| stamp.instance == *instance)?))
            });
            ours.map(move |(key, stamp)| (key.in_cluster(cluster), stamp))
        })
    }
}
