//! What clusters and registry say: detached from every client, so that plans can be made and tested without any.
//! A cluster gives a view or the reason there is none, so "not seen" is never taken for "not there".

mod key;
mod last;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smol_str::SmolStr;

use crate::drift::Drift;
use crate::exchange::desired::{SecretKey, Terms};
use crate::id::{ClusterId, CommitId, ExchangeId, Instance, Namespace, SystemId};
use crate::packed::Packed;
use crate::reason::Reason;

pub use key::ReleaseKey;
pub(crate) use last::Last;

/// Each cluster, or why there is no view of it. A cluster that looks as it did is the same view again.
pub type Views = BTreeMap<ClusterId, Result<Arc<ClusterView>, Unreadable>>;

/// Everything seen in one pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Every cluster of the inventory. A cluster that is no key here is not in the inventory.
    pub clusters: Views,
    /// Which cluster each entry of the inventory leads to, or led when that was seen last, as far as it is known.
    pub led: BTreeMap<ClusterId, String>,
    /// The registry, read completely or not at all.
    pub registry: Result<Arc<RegistryView>, Unreadable>,
    /// What git knows of releases and records that carry our mark and are not declared now.
    pub proofs: BTreeMap<ExchangeId, Proof>,
    /// How stamped commits of declared exchanges relate to the head.
    pub ancestry: BTreeMap<CommitId, Ancestry>,
    /// Exchanges that would change, rendered (only where a plan may start programs).
    pub renders: BTreeMap<ExchangeId, Render>,
    /// What `JetStream` stores, as the running servers say: of exchanges whose change may lose it.
    pub stored: BTreeMap<ExchangeId, Result<Stored, Unreadable>>,
    /// `StatefulSet`s of the release that are gone from the cluster, by name: of exchanges whose change needs them made anew.
    /// A person took them away for that, and left the pods.
    pub gone_sets: BTreeMap<ExchangeId, BTreeSet<String>>,
    /// How single objects differ from their release: of exchanges that want to know, as far as they were asked.
    pub drifts: BTreeMap<ExchangeId, Result<Drift, Unreadable>>,
    /// What a picture of the world leaves out; nothing in a live view.
    pub hidden: Hidden,
}

/// Leaves that are left out because they are or may be secrets: what they hold is unknown, and unknown is no change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// Of the values of releases.
    pub values: BTreeMap<ExchangeId, BTreeSet<Vec<String>>>,
    /// Of records, by `system_id`: a field, or `metadata` and the keys below it.
    pub records: BTreeMap<String, BTreeSet<Vec<String>>>,
}

/// Why there is no view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The stable word.
    pub reason: Reason,
    /// For people; names host and cause, never a secret.
    pub text: String,
}

/// One cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterView {
    /// uid of `kube-system`; none where the settings limit us to namespaces.
    pub uid: Option<String>,
    /// The uid this cluster had when it was first seen, if it differs.
    pub replaced: Option<String>,
    /// Namespaces the view covers; `None` = all.
    pub scope: Option<BTreeSet<Namespace>>,
    /// Namespaces of `scope` that do not exist.
    pub missing_namespaces: BTreeSet<Namespace>,
    /// Namespaces being deleted.
    pub terminating_namespaces: BTreeSet<Namespace>,
    /// The latest revision of each release, ours or not.
    pub releases: BTreeMap<ReleaseKey, ReleaseView>,
    /// Referenced Secrets that are not there, by namespace.
    pub missing_secrets: BTreeSet<(Namespace, SecretKey)>,
}

impl ClusterView {
    /// Whether this namespace is known to be there. False where nobody looked.
    pub fn has_namespace(&self, namespace: &Namespace) -> bool {
        match &self.scope {
            Some(scope) => {
                scope.contains(namespace) && !self.missing_namespaces.contains(namespace)
            }
            None => self.releases.keys().any(|key| key.namespace == *namespace),
        }
    }
}

/// The latest stored revision of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseView {
    /// Helm's revision number.
    pub revision: u32,
    /// Helm's status label.
    pub status: ReleaseStatus,
    /// The Secret it is stored in, for fences.
    pub secret: SecretIdentity,
    /// Our labels, if any.
    pub stamp: Option<Stamp>,
    /// The decoded release; only where labels were not enough (changed by others, failed, to be upgraded).
    pub stored: Option<StoredRelease>,
    /// The Secret was to be decoded and could not be.
    pub undecodable: Option<String>,
    /// Latest revision that is `deployed`, when the latest is not.
    pub last_deployed: Option<u32>,
}

impl ReleaseView {
    /// Whether the labels tell that it holds what has this label of a digest: we released it so, and nobody changed it.
    pub fn is_settled(&self, digest: &str) -> bool {
        let as_stamped = |stamp: &Stamp| stamp.revision == self.revision && stamp.digest == digest;
        self.status == ReleaseStatus::Deployed && self.stamp.as_ref().is_some_and(as_stamped)
    }
}

/// Helm's words for the state of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseStatus {
    /// In force.
    Deployed,
    /// The last operation failed.
    Failed,
    /// An install runs or was interrupted.
    PendingInstall,
    /// An upgrade runs or was interrupted.
    PendingUpgrade,
    /// A rollback runs or was interrupted.
    PendingRollback,
    /// An uninstall runs or was interrupted.
    Uninstalling,
    /// Removed with its history kept.
    Uninstalled,
    /// Replaced by a later revision.
    Superseded,
    /// Anything else.
    Unknown,
}

impl ReleaseStatus {
    /// Whether a Helm operation holds the release.
    pub fn is_pending(self) -> bool {
        matches!(
            self,
            Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback
        )
    }
}

/// What a fence compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretIdentity {
    /// `sh.helm.release.v1.NAME.vN`.
    pub name: SmolStr,
    /// Of the object.
    pub uid: SmolStr,
    /// Of the object.
    pub resource_version: SmolStr,
    /// When the API server created it.
    pub created: Option<Timestamp>,
}

/// Our labels on a release Secret (design 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Which natsx-sync owns it.
    pub instance: Instance,
    /// Key of its record.
    pub system_id: SystemId,
    /// 40 hex of the desired digest.
    pub digest: String,
    /// 40 hex of the chart archive; compared only when both sides know it.
    pub chart: Option<String>,
    /// The commit it was last acted on for; none when applied from a plain folder.
    pub commit: Option<CommitId>,
    /// The revision that operation created.
    pub revision: u32,
}

/// The parts of a decoded release that are compared or shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRelease {
    /// Chart name.
    pub chart: String,
    /// Chart version.
    pub chart_version: String,
    /// The user's values as Helm stored them.
    pub values: Value,
    /// The manifest's StatefulSet(s), as JSON.
    pub stateful_sets: Vec<Value>,
    /// Kind, namespace and name of each object of the manifest.
    pub objects: Vec<ObjectRef>,
    /// The data of the manifest's `ConfigMap`s. It may hold secrets and is compared only, so it is never written.
    #[serde(skip)]
    pub configuration: Vec<Value>,
}

/// An object of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// `apps/v1`.
    pub api_version: String,
    /// `StatefulSet`.
    pub kind: String,
    /// Its namespace; the release's when the manifest names none.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// The registry's records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryView {
    /// By `system_id`; several where the original registry made duplicates.
    pub records: BTreeMap<String, Vec<Record>>,
    /// Rows without a usable `system_id`.
    pub unusable: usize,
}

/// A registry record, read leniently: any field may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Key.
    pub system_id: String,
    /// Owners joined by `,`.
    pub org_ids: Option<String>,
    /// Where it runs.
    pub cluster_id: Option<String>,
    /// Where services find it.
    pub public_url: Option<String>,
    /// For people.
    pub name: Option<String>,
    /// Free form, with our part under `natsx`.
    pub metadata: Packed<Map<String, Value>>,
}

impl Record {
    /// What a natsx-sync wrote into it about itself, under `metadata.natsx`.
    pub fn mark(&self) -> Option<Mark> {
        let mark = self.metadata.open().remove("natsx")?;
        let fields = mark.as_object().cloned();
        Some(Mark(fields.unwrap_or_default()))
    }

    /// The exchange that a mark in it says it was written for.
    pub fn marked_for(&self, mark: &Mark) -> Option<ExchangeId> {
        Some(ExchangeId {
            cluster: self.cluster_id.as_deref()?.parse().ok()?,
            namespace: mark.text("namespace")?.parse().ok()?,
            release: mark.text("release")?.parse().ok()?,
        })
    }
}

/// Our part of a record; somebody else may have written anything there.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark(Map<String, Value>);

impl Mark {
    /// A text in it.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    /// Whether this instance wrote it.
    pub fn is_of(&self, instance: &Instance) -> bool {
        self.text("instance") == Some(instance.as_str())
    }
}

/// What history says of an exchange that is not declared now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// The stamped commit is head or ancestor and declares it; with the terms and the path of the newest first-parent
    /// ancestor that declares it, and the commit that removed it when known.
    Declared {
        /// The last terms.
        terms: Terms,
        /// The last path.
        file: String,
        /// The commit that took it away.
        removed_in: Option<CommitId>,
    },
    /// Not proved, and why: `NotFromThisHistory` or `HistoryIncomplete`.
    NotProved(Unreadable),
}

/// How a stamped commit relates to the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ancestry {
    /// It is the head or an ancestor of it.
    HeadOrAncestor,
    /// It is not.
    Elsewhere,
}

/// The outcome of rendering an exchange that changes.
#[derive(Debug, Clone, PartialEq)]
pub enum Render {
    /// What helm would send to the cluster.
    Rendered(Rendered),
    /// helm refused; its own words, masked.
    Refused(String),
    /// It was not rendered, and why, in a few words.
    Missing(String),
}

/// The rendered objects that reach servers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rendered {
    /// The `StatefulSet`s, as JSON.
    pub stateful_sets: Vec<Value>,
    /// The data of the `ConfigMap`s; may hold secrets.
    pub configuration: Vec<Value>,
    /// What a server says to the configuration.
    pub trial: Trial,
}

/// What a nats-server of the same major and minor version says to a rendered configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trial {
    /// None was asked.
    #[default]
    Untried,
    /// It takes it.
    Taken,
    /// Its answer rests on what is not known here, or it gave none; in a few words.
    Open(String),
    /// It refuses it.
    Refused(Vec<Complaint>),
}

/// What a server refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The option of its configuration, without numbers of list elements; empty where it did not say.
    pub path: Vec<String>,
    /// Its own words, masked.
    pub text: String,
}

impl Rendered {
    /// Whether a changed configuration is loaded by running servers.
    pub fn reloads(&self) -> bool {
        reloads(&self.stateful_sets)
    }
}

/// Whether a changed configuration is loaded by running servers: a container beside each tells it to.
pub fn reloads(stateful_sets: &[Value]) -> bool {
    let containers = stateful_sets
        .iter()
        .filter_map(|set| set.pointer("/spec/template/spec/containers"))
        .filter_map(Value::as_array)
        .flatten();
    containers
        .filter_map(|container| container.get("name"))
        .any(|name| name == "reloader")
}

/// What `JetStream` stores on the servers of an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// By name of the pod.
    pub servers: BTreeMap<String, ServerStored>,
}

/// What `JetStream` stores on one server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerStored {
    /// Streams it has a part of.
    pub streams: u64,
    /// Bytes in files.
    pub file: u64,
    /// Bytes in memory.
    pub memory: u64,
}
