//! What clusters and registry say, made from what was released.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use natsx_sync::exchange::desired::{Desired, DesiredExchange, SecretKey};
use natsx_sync::id::{CommitId, Namespace};
use natsx_sync::observe::observed::{
    Ancestry, ClusterView, Complaint, Observed, Proof, ReleaseKey, ReleaseStatus, ReleaseView,
    Render, Rendered, SecretIdentity, ServerStored, Stamp, Stored, StoredRelease, Trial,
    Unreadable,
};
use natsx_sync::plan::wanted_record;
use natsx_sync::reason::Reason;
use serde::Deserialize;
use serde_json::Value;

use crate::fixture::Fixture;

/// What is unusual about a cluster.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClusterTweak {
    /// Not in the inventory.
    absent: bool,
    /// It did not answer.
    unreachable: Option<String>,
    /// It did not let us read.
    forbidden: Option<String>,
    /// The uid it had before.
    replaced: Option<String>,
    scope: Option<BTreeSet<Namespace>>,
    missing_namespaces: BTreeSet<Namespace>,
    terminating_namespaces: BTreeSet<Namespace>,
    /// `SECRET` or `SECRET/KEY` in the usual namespace.
    missing_secrets: Vec<String>,
}

/// What is unusual about a release.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ReleaseTweak {
    /// Only its record is there.
    gone: bool,
    status: Option<ReleaseStatus>,
    revision: Option<u32>,
    deployed: Option<u32>,
    /// Without our labels.
    unmarked: bool,
    instance: Option<String>,
    /// `none`, or `elsewhere`: not in this history.
    commit: Option<String>,
    /// `unread`, `damaged`, or `theirs`: somebody else made this revision.
    stored: Option<String>,
    /// Its values, where a file could not have them.
    values: Option<Value>,
    stateful_sets: Vec<Value>,
    /// When its Secret was made; just now unless said.
    created: Option<String>,
    /// `none`, `unmarked`, `other` (instance) or `twice`.
    record: Option<String>,
    /// The name in its record.
    record_name: Option<String>,
    /// `none`, `elsewhere` or `shallow`.
    proof: Option<String>,
    removed_in: Option<CommitId>,
    render: Option<RenderTweak>,
    /// What its servers said they store.
    store: Option<StoreTweak>,
}

/// What JetStream stores, or why nobody knows.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoreTweak {
    Unknown(String),
    /// By pod: streams, and bytes in files and memory.
    Servers(BTreeMap<String, [u64; 3]>),
}

impl StoreTweak {
    fn stored(&self) -> Result<Stored, Unreadable> {
        match self {
            Self::Unknown(text) => Err(unreadable(Reason::StoreUnknown, text)),
            Self::Servers(servers) => Ok(Stored {
                servers: servers
                    .iter()
                    .map(|(pod, [streams, file, memory])| {
                        let (streams, file, memory) = (*streams, *file, *memory);
                        let held = ServerStored {
                            streams,
                            file,
                            memory,
                        };
                        (pod.clone(), held)
                    })
                    .collect(),
            }),
        }
    }
}

/// What helm makes of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RenderTweak {
    Refused(String),
    Missing(String),
    StatefulSets(Vec<Value>),
    /// What a server says of options of its configuration.
    ServerRefuses(BTreeMap<String, String>),
}

impl RenderTweak {
    fn render(&self) -> Render {
        match self {
            Self::Refused(text) => Render::Refused(text.clone()),
            Self::Missing(text) => Render::Missing(text.clone()),
            Self::StatefulSets(sets) => Render::Rendered(Rendered {
                stateful_sets: sets.clone(),
                ..Rendered::default()
            }),
            Self::ServerRefuses(options) => {
                let complaint = |(option, text): (&String, &String)| Complaint {
                    path: option.split('.').map(str::to_owned).collect(),
                    text: text.clone(),
                };
                Render::Rendered(Rendered {
                    trial: Trial::Refused(options.iter().map(complaint).collect()),
                    ..Rendered::default()
                })
            }
        }
    }
}

pub(crate) fn unreachable(text: &str) -> Unreadable {
    unreadable(Reason::ClusterUnreachable, text)
}

fn unreadable(reason: Reason, text: &str) -> Unreadable {
    Unreadable {
        reason,
        text: text.to_owned(),
    }
}

/// The clusters the settings name.
pub(crate) fn inventory(fixture: &Fixture) -> impl Iterator<Item = (&str, ClusterTweak)> {
    let names = fixture.clusters.keys().map(String::as_str);
    let names: BTreeSet<_> = names.chain(["east", "west"]).collect();
    let tweak = |name: &str| fixture.clusters.get(name).cloned().unwrap_or_default();
    let all = names.into_iter().map(move |name| (name, tweak(name)));
    all.filter(|(_, tweak)| !tweak.absent)
}

pub(crate) fn build(fixture: &Fixture, desired: &Desired, released: &Desired) -> Observed {
    let mut world = Observed::new(BTreeMap::new(), Ok(Arc::default()));
    for (name, tweak) in inventory(fixture) {
        world.clusters.insert(name.parse().unwrap(), view(&tweak));
    }
    for exchange in released.exchanges.values() {
        let name = exchange.id.release.as_str();
        let tweak = fixture.releases.get(name).cloned().unwrap_or_default();
        put(&mut world, exchange, &tweak, desired);
    }
    if let Some(text) = &fixture.registry {
        world.registry = Err(unreadable(Reason::RegistryUnreadable, text));
    }
    world
}

fn view(tweak: &ClusterTweak) -> Result<Arc<ClusterView>, Unreadable> {
    if let Some(text) = &tweak.unreachable {
        return Err(unreachable(text));
    }
    if let Some(text) = &tweak.forbidden {
        return Err(unreadable(Reason::ClusterForbidden, text));
    }
    let secret = |text: &String| {
        let (name, key) = match text.split_once('/') {
            Some((name, key)) => (name, Some(key.to_owned())),
            None => (text.as_str(), None),
        };
        let name = name.to_owned();
        ("communication".parse().unwrap(), SecretKey { name, key })
    };
    Ok(Arc::new(ClusterView {
        uid: Some("uid-now".to_owned()),
        replaced: tweak.replaced.clone(),
        scope: tweak.scope.clone(),
        missing_namespaces: tweak.missing_namespaces.clone(),
        terminating_namespaces: tweak.terminating_namespaces.clone(),
        missing_secrets: tweak.missing_secrets.iter().map(secret).collect(),
        ..ClusterView::default()
    }))
}

fn put(world: &mut Observed, exchange: &DesiredExchange, tweak: &ReleaseTweak, desired: &Desired) {
    let commit: CommitId = match tweak.commit.as_deref() {
        Some("elsewhere") => "e".repeat(40).parse().unwrap(),
        Some(_) | None => "a".repeat(40).parse().unwrap(),
    };
    if tweak.commit.as_deref() == Some("elsewhere") {
        world.ancestry.insert(commit.clone(), Ancestry::Elsewhere);
    }
    if let Some(Ok(view)) = world.clusters.get_mut(&exchange.id.cluster)
        && !tweak.gone
    {
        let key = ReleaseKey::of(&exchange.id);
        let releases = &mut Arc::make_mut(view).releases;
        releases.insert(key, release(exchange, tweak, &commit));
    }
    if let (Ok(registry), false) = (&mut world.registry, tweak.record.as_deref() == Some("none")) {
        let instance = match tweak.record.as_deref() {
            Some("other") => "other".parse().unwrap(),
            Some(_) | None => natsx_sync::id::Instance::default(),
        };
        let mut record = wanted_record(exchange, &instance, Some(&commit), "ready");
        if tweak.record.as_deref() == Some("unmarked") {
            record
                .metadata
                .change(|metadata| drop(metadata.remove("natsx")));
        }
        if let Some(name) = &tweak.record_name {
            record.name = Some(name.clone());
        }
        let count = if tweak.record.as_deref() == Some("twice") {
            2
        } else {
            1
        };
        let key = exchange.system_id.to_string();
        let records = &mut Arc::make_mut(registry).records;
        records.insert(key, vec![record; count]);
    }
    let proof = match tweak.proof.as_deref() {
        Some("none") => None,
        Some("elsewhere") => Some(Proof::NotProved(unreadable(
            Reason::NotFromThisHistory,
            "commit eeeeeeeee is not in this history",
        ))),
        Some("shallow") => Some(Proof::NotProved(unreadable(
            Reason::HistoryIncomplete,
            "the repository is shallow",
        ))),
        Some(other) => panic!("no proof is {other}"),
        None => Some(Proof::Declared {
            terms: exchange.terms.clone(),
            file: exchange.file.clone(),
            removed_in: tweak.removed_in.clone(),
        }),
    };
    if let (Some(proof), false) = (proof, desired.exchanges.contains_key(&exchange.id)) {
        world.proofs.insert(exchange.id.clone(), proof);
    }
    if let Some(store) = &tweak.store {
        world.stored.insert(exchange.id.clone(), store.stored());
    }
    if let Some(render) = &tweak.render {
        world.renders.insert(exchange.id.clone(), render.render());
    }
}

fn release(exchange: &DesiredExchange, tweak: &ReleaseTweak, commit: &CommitId) -> ReleaseView {
    let revision = tweak.revision.unwrap_or(1);
    let stamped = match tweak.stored.as_deref() {
        // Helm copies our labels to a revision that somebody else makes.
        Some("theirs") => revision.saturating_sub(1),
        Some(_) | None => revision,
    };
    let stamp = Stamp {
        instance: tweak
            .instance
            .as_deref()
            .unwrap_or("default")
            .parse()
            .unwrap(),
        system_id: exchange.system_id.clone(),
        digest: exchange.digest.label().to_owned(),
        chart: None,
        commit: (tweak.commit.as_deref() != Some("none")).then(|| commit.clone()),
        revision: stamped,
    };
    let created = tweak.created.as_deref().unwrap_or("2026-01-01T11:59:30Z");
    ReleaseView {
        revision,
        status: tweak.status.unwrap_or(ReleaseStatus::Deployed),
        secret: SecretIdentity {
            name: format!("sh.helm.release.v1.{}.v{revision}", exchange.id.release).into(),
            uid: "uid".into(),
            resource_version: "1".into(),
            created: Some(created.parse().unwrap()),
        },
        stamp: (!tweak.unmarked).then_some(stamp),
        stored: (!["unread", "damaged"].contains(&tweak.stored.as_deref().unwrap_or_default()))
            .then(|| StoredRelease {
                chart: exchange.chart.name.clone(),
                chart_version: exchange.chart.version.clone(),
                values: tweak
                    .values
                    .clone()
                    .unwrap_or_else(|| exchange.values.open()),
                stateful_sets: tweak.stateful_sets.clone(),
                objects: Vec::new(),
                configuration: Vec::new(),
            }),
        undecodable: (tweak.stored.as_deref() == Some("damaged"))
            .then(|| "the gzip stream is damaged".to_owned()),
        last_deployed: tweak.deployed,
    }
}
