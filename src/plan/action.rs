//! The words of a plan.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::drift::Difference;
use crate::exchange::desired::Layer;
use crate::id::{ClusterId, CommitId, ExchangeId, SystemId};
use crate::observe::observed::{SecretIdentity, Unreadable};
use crate::reason::Reason;

/// What is done about an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Release it for the first time.
    Install,
    /// Bring its release to what git says.
    Upgrade,
    /// Remove its release and record.
    Uninstall,
    /// Take over an existing release.
    Adopt,
    /// Mend a stuck release, its labels, or drift.
    Repair,
    /// Write its record only.
    Register,
    /// Remove its record only.
    Deregister,
    /// Nothing to do.
    None,
    /// Held back.
    Blocked,
    /// Belongs to somebody else.
    Conflict,
    /// Could not be seen.
    Unreadable,
}

impl Action {
    /// Every action, in the order of the summary.
    pub const ALL: [Self; 11] = [
        Self::Install,
        Self::Upgrade,
        Self::Uninstall,
        Self::Adopt,
        Self::Repair,
        Self::Register,
        Self::Deregister,
        Self::None,
        Self::Blocked,
        Self::Conflict,
        Self::Unreadable,
    ];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Uninstall => "uninstall",
            Self::Adopt => "adopt",
            Self::Repair => "repair",
            Self::Register => "register",
            Self::Deregister => "deregister",
            Self::None => "none",
            Self::Blocked => "blocked",
            Self::Conflict => "conflict",
            Self::Unreadable => "unreadable",
        }
    }

    /// One character for tables; colour only repeats it.
    pub fn symbol(self) -> char {
        match self {
            Self::Install => '+',
            Self::Upgrade => '~',
            Self::Uninstall | Self::Deregister => '-',
            Self::Adopt => '>',
            Self::Repair => '*',
            Self::Register => '&',
            Self::None => '=',
            Self::Blocked | Self::Conflict => '!',
            Self::Unreadable => '?',
        }
    }

    /// Whether applying it changes anything.
    pub fn is_change(self) -> bool {
        !matches!(
            self,
            Self::None | Self::Blocked | Self::Conflict | Self::Unreadable
        )
    }
}

/// What an action will do to running servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Servers reload their configuration.
    ReloadsConfig,
    /// Pods restart.
    RestartsPods,
    /// Servers are added.
    ScalesUp,
    /// Servers are taken away.
    ScalesDown,
    /// The StatefulSet would have to be made anew.
    RecreatesStatefulset,
    /// Volumes stay.
    KeepsVolumes,
    /// Volumes go.
    DeletesVolumes,
    /// Only the registry changes.
    RegistryOnly,
}

/// What effects rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectsFrom {
    /// Old and new objects, as helm rendered them.
    Rendered,
    /// The values that change: an estimate.
    Table,
}

/// What an action is about, in numbers, as far as rendered objects or values say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Servers; none where neither side is known.
    pub servers: Option<Servers>,
    /// The volumes that an install asks for, or that a removal leaves or deletes.
    pub volumes: Vec<Volumes>,
}

/// How many servers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Servers {
    /// Before; absent where none was.
    pub old: Option<u64>,
    /// After; absent where none will be.
    pub new: Option<u64>,
}

/// The volumes of one claim template, one for each server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volumes {
    /// How many.
    pub count: u64,
    /// Of each, as Kubernetes writes sizes.
    pub size: String,
}

/// One step of an action, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Delete the Secret of an interrupted Helm operation.
    Unlock,
    /// Make the namespace.
    CreateNamespace,
    /// `helm install`.
    HelmInstall,
    /// Dry-run PUT of the StatefulSet, then `helm upgrade`.
    HelmUpgrade,
    /// Patch objects that are there back to what the release says.
    PatchObjects,
    /// Patch our labels.
    PatchStamp,
    /// Wait until NATS is healthy.
    WaitReady,
    /// Write the record.
    Register,
    /// Mark the record `deleting`.
    MarkDeleting,
    /// `helm uninstall`.
    HelmUninstall,
    /// Wait until every object is gone.
    WaitGone,
    /// Delete the claims.
    DeleteVolumes,
    /// Delete the record.
    Deregister,
}

/// What an entry relies on; re-read just before each effect, and the material of its fingerprint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Precondition {
    /// The release Secret seen; none = no release was there.
    pub secret: Option<SecretIdentity>,
    /// Its revision.
    pub revision: Option<u32>,
    /// SHA-256 (hex) of the record seen, without what changes by itself; none = no record was there.
    pub record: Option<String>,
}

/// A change of one value. Paths are arrays because keys contain dots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueChange {
    /// Where.
    pub path: Vec<String>,
    /// How.
    pub op: ValueOp,
    /// Before; absent when added.
    pub old: Option<Value>,
    /// After; absent when removed.
    pub new: Option<Value>,
    /// The layer that sets the new value.
    pub layer: Option<Layer>,
    /// Secrets stood in it; in their place stands `(sensitive #N)`, where equal secrets of a plan have equal numbers.
    pub sensitive: bool,
}

/// How a value changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueOp {
    /// Was not set.
    Add,
    /// Set differently.
    Replace,
    /// Back to the chart's default.
    Remove,
}

/// What happens to the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistryChange {
    /// How.
    pub action: RegistryAction,
    /// Key of the record.
    pub system_id: SystemId,
    /// Fields that change.
    pub changes: Vec<ValueChange>,
}

/// How a record changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistryAction {
    /// Made.
    Create,
    /// Written anew.
    Update,
    /// Removed.
    Delete,
    /// As it is.
    None,
}

/// A rule that holds an entry back until someone approves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// `MassRemoval`, `Protected`, `ClusterReplaced`, `SameCluster`.
    pub name: Reason,
    /// The exact command or change that lets it through.
    pub needs: String,
}

/// Chart versions of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChartChange {
    /// Released now.
    pub old: Option<String>,
    /// Wanted.
    pub new: Option<String>,
}

/// One exchange's line of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedExchange {
    /// Identity; none for a broken file nobody can attribute.
    pub id: Option<ExchangeId>,
    /// For people; the release name where no file gives one.
    pub name: String,
    /// From the repository's root; empty when not known.
    pub file: String,
    /// Where the document begins; 0 when not known.
    pub line: u32,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Why, in words.
    pub text: String,
    /// Something running or stored is taken away.
    pub destructive: bool,
    /// On running servers.
    pub effects: Vec<Effect>,
    /// What `effects` rest on; none where no server's objects change.
    pub effects_from: Option<EffectsFrom>,
    /// Servers and volumes.
    pub figures: Figures,
    /// In order.
    pub steps: Vec<StepKind>,
    /// Versions.
    pub chart: ChartChange,
    /// Values that change.
    pub values: Vec<ValueChange>,
    /// Who gains (`+`) or loses (`-`) which subject.
    pub subjects: Vec<String>,
    /// Routes, leafnodes and gateways that appear (`+`) or vanish (`-`).
    pub links: Vec<String>,
    /// What somebody changed at single objects.
    pub drift: Vec<Difference>,
    /// The record.
    pub registry: Option<RegistryChange>,
    /// What holds it back.
    pub guard: Option<Guard>,
    /// Warnings that belong to it.
    pub diagnostics: Vec<Diagnostic>,
    /// What it relies on.
    pub precondition: Precondition,
    /// SHA-256 (hex) over what is done and what it rests on; never of values.
    pub fingerprint: String,
}

/// The difference between desired and observed, as actions. Sorted by id; entries without an id last.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The commit planned for.
    pub commit: Option<CommitId>,
    /// One entry per exchange declared or observed as ours, and per unattributable broken file.
    pub exchanges: Vec<PlannedExchange>,
    /// Clusters (and the registry, under the name `registry`) that could not be read.
    pub unreadable: BTreeMap<String, Unreadable>,
    /// Findings that belong to no single exchange.
    pub diagnostics: Vec<Diagnostic>,
    /// When the first of the suspensions in force ends.
    pub until: Option<Timestamp>,
}

impl PlannedExchange {
    /// Whether nothing is to be done about it, and time alone changes nothing in that but the end of a suspension: a lock that
    /// is somebody's today is a stuck one later.
    pub fn is_settled(&self) -> bool {
        !self.action.is_change() && self.reason != Reason::ReleaseLocked
    }
}

impl Plan {
    /// Whether the same is planned `now`, as long as the same is wanted and seen, because there is nothing to be done.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
            && self.exchanges.iter().all(PlannedExchange::is_settled)
    }

    /// Whether nothing is to be done in a cluster.
    pub fn is_settled_in(&self, cluster: &ClusterId) -> bool {
        let is_there = |id: &ExchangeId| id.cluster == *cluster;
        let mut there = self.exchanges.iter();
        there.all(|entry| entry.is_settled() || !entry.id.as_ref().is_some_and(is_there))
    }

    /// The exchanges whose effects are estimates, which rendering would make exact; with `installs` also those to be
    /// installed, whose rendering says whether helm takes their values.
    pub fn to_render(&self, installs: bool) -> impl Iterator<Item = &ExchangeId> {
        self.exchanges
            .iter()
            .filter(move |entry| {
                entry.effects_from == Some(EffectsFrom::Table)
                    || (installs && entry.action == Action::Install)
            })
            .filter_map(|entry| entry.id.as_ref())
    }
}
