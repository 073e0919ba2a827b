//! What a `StatefulSet` and its pods say of how they are. Of each only that is read: the rest, above all who manages which
//! field, is most of an answer, and somebody is asked several times a second, for months.

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetStatus, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::Resource as _;
use kube::api::ListParams;
use serde::Deserialize;

use super::shape::Shape;
use crate::cluster::{Cluster, ClusterError, absent_is_none};
use crate::id::Namespace;

/// A `StatefulSet` as it is now.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LiveSet {
    pub(super) metadata: Meta,
    #[serde(default)]
    pub(super) spec: SetSpec,
    pub(super) status: Option<StatefulSetStatus>,
}

/// A pod as it is now.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LivePod {
    pub(super) metadata: Meta,
    pub(super) status: Option<PodStatus>,
}

/// Of the metadata of either.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) name: String,
    uid: Option<String>,
    pub(super) generation: Option<i64>,
    pub(super) deletion_timestamp: Option<Time>,
    #[serde(default)]
    owner_references: Vec<OwnerReference>,
}

/// Of what a `StatefulSet` is to be.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SetSpec {
    pub(super) replicas: Option<i32>,
    pub(super) update_strategy: Option<StatefulSetUpdateStrategy>,
}

#[derive(Deserialize)]
struct Pods {
    #[serde(default)]
    items: Vec<LivePod>,
}

/// The `StatefulSet` of this shape, if it is there.
pub(super) async fn set(
    cluster: &Cluster,
    namespace: &Namespace,
    shape: &Shape,
) -> Result<Option<LiveSet>, ClusterError> {
    let path = StatefulSet::url_path(&(), Some(namespace.as_str()));
    absent_is_none(cluster.get_quietly(&path, &shape.name).await)
}

/// The pods it owns, by name; a selector alone may catch others.
pub(super) async fn pods(
    cluster: &Cluster,
    namespace: &Namespace,
    shape: &Shape,
    live: &LiveSet,
) -> Result<Vec<LivePod>, ClusterError> {
    let path = Pod::url_path(&(), Some(namespace.as_str()));
    let selected = ListParams::default().labels(&shape.selector);
    let Pods { mut items } = cluster.list_quietly(&path, &selected).await?;
    items.retain(|pod| {
        let mut owners = pod.metadata.owner_references.iter();
        owners.any(|owner| Some(&owner.uid) == live.metadata.uid.as_ref())
    });
    items.sort_by(|left, right| left.metadata.name.cmp(&right.metadata.name));
    Ok(items)
}
