//! What git says, resolved: one value per exchange, ready to be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::drift::IgnoredPath;
use crate::id::{ClusterId, CommitId, Digest, ExchangeId, SystemId};
use crate::packed::Packed;

/// The whole desired state at one commit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Desired {
    /// Where it came from, fit for display.
    pub repository: String,
    /// The commit; none for a plain folder.
    pub commit: Option<CommitId>,
    /// Files differ from the commit.
    pub dirty: bool,
    /// Removals can be proved from git (else from the journal).
    pub has_history: bool,
    /// The exchanges that can be planned; shared, because most of them are the same at another commit.
    pub exchanges: BTreeMap<ExchangeId, Arc<DesiredExchange>>,
    /// Files with errors.
    pub broken: Vec<BrokenFile>,
    /// Something could not be read or attributed, or a shared values file is broken: nothing is
    /// uninstalled or deregistered in this pass. Each entry says what and why.
    pub incomplete: Vec<Diagnostic>,
    /// Everything found, errors of broken files included.
    pub diagnostics: Vec<Diagnostic>,
}

/// A file with errors and what it blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokenFile {
    /// From the repository's root.
    pub file: String,
    /// The line of the first error.
    pub line: u32,
    /// The identity it names now (if that much can be read) and the one it last declared without error.
    pub blocks: BTreeSet<ExchangeId>,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
}

/// One exchange as wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredExchange {
    /// Identity.
    pub id: ExchangeId,
    /// Key of its registry record.
    pub system_id: SystemId,
    /// The file names the `system_id` itself (so a record without our mark may be taken over).
    pub adopts_record: bool,
    /// For people.
    pub name: String,
    /// From the repository's root.
    pub file: String,
    /// Where the document begins.
    pub line: u32,
    /// Owners, in the file's order.
    pub org_ids: Vec<String>,
    /// Free form.
    pub metadata: Packed<Map<String, Value>>,
    /// As the registry gets it; `None` when the cluster's host is not known (cluster not in the inventory).
    pub public_url: Option<String>,
    /// The chart wanted.
    pub chart: ChartRef,
    /// The composed values: what helm gets on stdin.
    pub values: Packed<Value>,
    /// Where each leaf was set.
    pub provenance: Packed<Provenance>,
    /// SHA-256 over chart and values (design 4.2).
    pub digest: Digest,
    /// Blob ids of the files it is made of, by path; its own is [`OWN_FILE`], wherever it is.
    pub blobs: Packed<BTreeMap<String, String>>,
    /// Installed before this one.
    pub depends_on: Vec<ExchangeId>,
    /// What may be done.
    pub terms: Terms,
    /// Where live objects may differ.
    pub drift_ignore: Vec<IgnoredPath>,
    /// Kubernetes Secrets it refers to.
    pub secrets: BTreeSet<SecretKey>,
    /// Warnings and notes of this exchange.
    pub diagnostics: Vec<Diagnostic>,
}

/// The name of an exchange's own file among its blobs: moving a file is no change.
pub const OWN_FILE: &str = "file";

/// The chart of an exchange.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChartRef {
    /// `nats`.
    pub name: String,
    /// Exact.
    pub version: String,
}

/// The fields that say what may be done to an exchange. For one that is no longer declared they are
/// those of the newest first-parent ancestor that declares it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How it is kept.
    pub sync_mode: SyncMode,
    /// Never uninstalled until an earlier commit took this away.
    pub protect: bool,
    /// What becomes of the volumes.
    pub deletion_policy: DeletionPolicy,
    /// Held.
    pub suspend: Option<Suspend>,
}

/// How an exchange is kept.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    /// Kept as the file says: a release that somebody changes is put back.
    #[default]
    Continuous,
    /// As `continuous`, single objects of the release too.
    ContinuousWithDriftDetection,
    /// Installed and registered, then never changed or removed by us.
    OneTime,
    /// Planned and reported only.
    DryRun,
}

/// What becomes of the volumes of a removed exchange.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DeletionPolicy {
    /// Kept.
    #[default]
    Retain,
    /// Deleted after the pods.
    Purge,
}

/// Holds every action on an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// Why.
    pub reason: String,
    /// Until when (RFC 3339); open when absent.
    pub until: Option<jiff::Timestamp>,
}

/// A key of a Kubernetes Secret in the exchange's namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretKey {
    /// The Secret.
    pub name: String,
    /// The key; any when absent.
    pub key: Option<String>,
}

/// Which file set a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The repository's `values.yaml`.
    Base,
    /// `profiles/NAME.yaml`.
    Profile(String),
    /// A block of the exchange file that is compiled to values: `access`.
    Block(String),
    /// `helm_values` of the exchange file.
    Exchange,
}

/// Where each leaf of composed values was set, by path; a list is one leaf, because layers replace it whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "Vec<(Vec<String>, ValueOrigin)>",
    into = "Vec<(Vec<String>, ValueOrigin)>"
)]
pub struct Provenance(BTreeMap<Vec<String>, ValueOrigin>);

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(Layer, u32, u32)", into = "(Layer, u32, u32)")]
pub struct ValueOrigin {
    /// In which file.
    pub layer: Layer,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl Provenance {
    /// Where the value at `path`, or the one it is part of, was set.
    pub fn of(&self, path: &[String]) -> Option<&ValueOrigin> {
        (0..=path.len())
            .rev()
            .filter_map(|length| path.get(..length))
            .find_map(|prefix| self.0.get(prefix))
    }

    /// Where the first of what is below `path` was set.
    pub fn below(&self, path: &[String]) -> Option<&ValueOrigin> {
        let mut from = self.0.range(path.to_vec()..);
        from.next()
            .filter(|(found, _)| found.starts_with(path))
            .map(|(_, origin)| origin)
    }

    /// Each leaf.
    pub fn iter(&self) -> impl Iterator<Item = (&Vec<String>, &ValueOrigin)> {
        self.0.iter()
    }

    /// A leaf was set there.
    pub fn set(&mut self, path: Vec<String>, origin: ValueOrigin) {
        self.0.insert(path, origin);
    }
}

impl From<Vec<(Vec<String>, ValueOrigin)>> for Provenance {
    fn from(leaves: Vec<(Vec<String>, ValueOrigin)>) -> Self {
        Self(leaves.into_iter().collect())
    }
}

impl From<Provenance> for Vec<(Vec<String>, ValueOrigin)> {
    fn from(Provenance(leaves): Provenance) -> Self {
        leaves.into_iter().collect()
    }
}

impl From<(Layer, u32, u32)> for ValueOrigin {
    fn from((layer, line, column): (Layer, u32, u32)) -> Self {
        Self {
            layer,
            line,
            column,
        }
    }
}

impl From<ValueOrigin> for (Layer, u32, u32) {
    fn from(origin: ValueOrigin) -> Self {
        (origin.layer, origin.line, origin.column)
    }
}

impl Desired {
    /// Whether a file with errors names it, or did when it had none: what that wants nobody knows.
    pub fn is_broken(&self, id: &ExchangeId) -> bool {
        self.broken.iter().any(|file| file.blocks.contains(id))
    }

    /// What is wanted in a cluster.
    pub fn of(
        &self,
        cluster: &ClusterId,
    ) -> impl Iterator<Item = (&ExchangeId, &Arc<DesiredExchange>)> {
        let all = self.exchanges.iter();
        all.filter(move |(id, _)| id.cluster == *cluster)
    }
}

impl DesiredExchange {
    /// SHA-256 of what its record tells beside the release: a registry that refused one may take another.
    pub fn told(&self) -> Digest {
        let owners = self.org_ids.join(",");
        let parts = [
            self.system_id.as_str(),
            &self.name,
            &owners,
            self.public_url.as_deref().unwrap_or_default(),
            self.metadata.text(),
        ];
        Digest::of(parts.join("\0").as_bytes())
    }

    /// The path of a layer's file, from the repository's root.
    pub fn file_of(&self, layer: &Layer) -> String {
        let stem = match layer {
            Layer::Base => "values".to_owned(),
            Layer::Profile(name) => format!("profiles/{name}"),
            Layer::Block(_) | Layer::Exchange => return self.file.clone(),
        };
        let mut shared = self.blobs.open().into_keys();
        shared
            .find(|path| path.rsplit_once('.').is_some_and(|(path, _)| path == stem))
            .unwrap_or_else(|| self.file.clone())
    }
}

/// What the path of a broken file last declared without error, as history or journal tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastDeclared {
    /// This exchange: it is blocked with the file.
    Exchange(ExchangeId),
    /// Nothing: the file is new, or never was valid.
    Never,
    /// Not known; history ends or the search was given up. Nothing may be removed.
    NotFound,
}
