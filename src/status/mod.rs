//! What we tell others about each exchange: phase, reason and figures. Written to `status.json`, read by `status`, `wait` and the
//! tests; never a secret in it.

mod phase;
mod rows;
mod table;
mod unfinished;

pub use phase::{Phase, phase_of};
pub use table::{frame, line, table};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, chain};
use crate::exchange::desired::Suspend;
use crate::id::{ClusterId, CommitId, ExchangeId, Namespace, SystemId};
use crate::mask::masked;
use crate::plan::action::Action;
use crate::reason::Reason;

/// The word for a health that is not known now.
const UNKNOWN: &str = "unknown";

/// `status.json`, and the result of `status --format json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// "1.0"; minor = additive.
    pub format_version: String,
    /// When it was written.
    pub written_at: Timestamp,
    /// Who wrote it.
    pub pid: u32,
    /// How many passes that process has made.
    pub pass: u64,
    /// How many it has tried, those that could not be made among them; `reconcile` is told this number.
    #[serde(default)]
    pub tried: u64,
    /// The commit of the last pass; none for a plain folder or before the first.
    pub commit: Option<CommitId>,
    /// Whether that pass could read all of clusters, registry and repository.
    #[serde(default)]
    pub complete: bool,
    /// Why the last pass could not be made, if it could not.
    pub trouble: Option<Trouble>,
    /// When the next pass begins unless something sets it off before; none when no daemon wrote this.
    #[serde(default)]
    pub next_pass: Option<Timestamp>,
    /// What somebody has to look at although passes are made.
    #[serde(default)]
    pub attention: Vec<Trouble>,
    /// Why settings that were read again are not in force, if they are not.
    #[serde(default)]
    pub settings: Option<Trouble>,
    /// Clusters that the last pass could not read, and the registry.
    #[serde(default)]
    pub unreadable: Vec<Unread>,
    /// Why a file may declare what is not listed, if one may: not all of them could be understood, and nothing is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Trouble>,
    /// Clusters that the last pass read: what is not listed and in one of these is not there.
    #[serde(default)]
    pub read: Vec<Read>,
    /// Clusters whose kubeconfig was written anew or removed and cannot be used.
    #[serde(default)]
    pub kubeconfigs: Vec<Kept>,
    /// How far events are told; empty when nobody is told any.
    #[serde(default)]
    pub events: Vec<Told>,
    /// Sorted by id.
    pub exchanges: Vec<StatusEntry>,
}

/// What a pass could not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// The cluster; none = the registry.
    pub cluster: Option<ClusterId>,
    /// Why.
    #[serde(flatten)]
    pub why: Trouble,
}

/// A cluster that a pass read, and that is the one it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// The cluster.
    pub cluster: ClusterId,
    /// The namespaces that are looked at; all, where there is none of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<BTreeSet<Namespace>>,
}

impl Unread {
    /// What it is, in a sentence.
    pub fn what(&self) -> String {
        let cluster = self.cluster.as_ref();
        cluster.map_or_else(|| "the registry".to_owned(), |id| format!("cluster {id}"))
    }
}

/// A cluster that is still worked with over the connection from before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The cluster.
    pub cluster: ClusterId,
    /// Why what its kubeconfig says now is not in force.
    #[serde(flatten)]
    pub why: Trouble,
}

impl Kept {
    /// What is so, in a sentence without its end.
    pub fn what(&self) -> String {
        let id = &self.cluster;
        format!(
            "the kubeconfig of cluster {id} was changed and is not in force, the old connection goes on"
        )
    }
}

/// How far one sink is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// `nats` or `webhook` for events, `commit_status` for what became of commits.
    pub sink: String,
    /// Bytes of the journal it has still to be told of; not all of them tell something.
    pub backlog: u64,
    /// Events it will never be told, because the backlog grew too large or the journal lost them.
    pub dropped: u64,
    /// Why it takes nothing, if it does not.
    pub trouble: Option<Trouble>,
}

/// Why there was no pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The stable word.
    pub reason: Reason,
    /// For people.
    pub text: String,
}

impl Trouble {
    /// An error with what led to it, without what has the shape of a secret.
    pub fn of(reason: Reason, error: &dyn std::error::Error) -> Self {
        let text = masked(&chain(error));
        Self { reason, text }
    }

    /// A finding with what to do about it.
    pub fn found(found: &Diagnostic) -> Self {
        let text = match &found.hint {
            Some(hint) => format!("{}; {hint}", found.text),
            None => found.text.clone(),
        };
        Self {
            reason: found.reason,
            text,
        }
    }
}

/// One exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusEntry {
    /// Identity; none for a broken file nobody can attribute.
    pub id: Option<ExchangeId>,
    /// For people.
    pub name: String,
    /// From the repository's root.
    pub file: String,
    /// What the last plan says.
    pub action: Action,
    /// Why the plan says so.
    #[serde(default)]
    pub planned: Option<Reason>,
    /// The plan is from before or amid our own change, so what it finds missing or different may be that change.
    #[serde(default)]
    pub midway: bool,
    /// What is being done to it now, which may be from before the plan.
    #[serde(default)]
    pub under_way: Option<Action>,
    /// When that gives up what it waits for.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// What lets it through, when a guard holds it.
    #[serde(default)]
    pub needs: Option<String>,
    /// Why a person holds it and until when, by command or in its file, also while something else is why.
    #[serde(default)]
    pub suspended: Option<Suspend>,
    /// When it is tried again; none when nothing failed, or only after something changed.
    #[serde(default)]
    pub next: Option<Timestamp>,
    /// Where it stands.
    pub phase: Phase,
    /// Why.
    pub reason: Reason,
    /// Why, in words.
    pub text: String,
    /// What is wrong in its file, when that is why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
    /// Helm's revision.
    pub revision: Option<u32>,
    /// Of the release.
    pub chart_version: Option<String>,
    /// `healthy`, `waiting`, `failed`, `limited`, `unknown`.
    pub health: String,
    /// What it was when that was known last, where it is not known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_health: Option<LastHealth>,
    /// It was not well more than once in a row.
    #[serde(default)]
    pub degraded: bool,
    /// The commit it was last acted on for.
    pub commit: Option<CommitId>,
    /// Since when it has been in this phase.
    pub since: Timestamp,
    /// Where services find it.
    pub public_url: Option<String>,
    /// For clients within the cluster; shared, for each status tells them again.
    pub client_urls: Arc<[String]>,
    /// Key of its record.
    pub system_id: Option<SystemId>,
}

/// How servers were when they could be asked last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastHealth {
    /// One of the words of `health`.
    pub health: String,
    /// When a status last said so.
    pub at: Timestamp,
}

impl StatusEntry {
    /// Whether its servers said how they are, and nothing was done to them since.
    fn knows_health(&self) -> bool {
        self.health != UNKNOWN
    }

    /// What is known of its health when nobody asks any more; `at` is when this was so.
    fn health_of(&self, at: Timestamp) -> Option<LastHealth> {
        if !self.knows_health() {
            return self.last_health.clone();
        }
        let health = self.health.clone();
        Some(LastHealth { health, at })
    }

    /// Its health in words.
    pub fn health_text(&self) -> String {
        match &self.last_health {
            Some(LastHealth { health, at }) if !self.knows_health() => {
                format!(
                    "{}; {health} when it was known last, at {at:.0}",
                    self.health
                )
            }
            Some(_) | None => self.health.clone(),
        }
    }

    /// Why a person holds it, where its phase does not say so.
    pub fn hold(&self) -> Option<String> {
        let hold = self.suspended.as_ref()?;
        (self.phase != Phase::Suspended).then(|| held(hold))
    }
}

/// Why, and until when.
pub fn held(hold: &Suspend) -> String {
    let reason = &hold.reason;
    match hold.until {
        Some(until) => format!("{reason}, until {until:.0}"),
        None => format!("{reason}, without end"),
    }
}

impl Status {
    /// Before the first pass.
    pub fn new(pid: u32, now: Timestamp) -> Self {
        Self {
            format_version: "1.0".to_owned(),
            written_at: now,
            pid,
            pass: 0,
            tried: 0,
            commit: None,
            complete: false,
            trouble: None,
            next_pass: None,
            attention: Vec::new(),
            settings: None,
            unreadable: Vec::new(),
            source: None,
            read: Vec::new(),
            kubeconfigs: Vec::new(),
            events: Vec::new(),
            exchanges: Vec::new(),
        }
    }

    /// Takes over `since` where the phase has not changed, so that it says how long something lasts; the health that was known
    /// last where none is known now; and the chart of a release that is still the one it was: a broken file does not say it.
    pub fn keep_since(&mut self, before: &Self) {
        let known: BTreeMap<_, _> = before
            .exchanges
            .iter()
            .map(|entry| ((&entry.id, &entry.file), entry))
            .collect();
        for entry in &mut self.exchanges {
            let Some(old) = known.get(&(&entry.id, &entry.file)) else {
                continue;
            };
            if old.phase == entry.phase && old.reason == entry.reason {
                entry.since = old.since;
            }
            if !entry.knows_health() {
                entry.last_health = old.health_of(before.written_at);
            }
            // Of what was to be changed, the old one may name the chart it was to have.
            let is_released =
                old.action == Action::None || old.planned == Some(Reason::FileInvalid);
            if entry.chart_version.is_none() && is_released && old.revision == entry.revision {
                entry.chart_version.clone_from(&old.chart_version);
            }
        }
    }
}
