//! The record of an exchange: what it should say, and what it says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::action::{RegistryAction, RegistryChange, ValueChange, ValueOp};
use super::scene::Scene;
use super::values::{is_same, unseen};
use crate::exchange::canonical_json;
use crate::exchange::desired::DesiredExchange;
use crate::id::{CommitId, Digest, ExchangeId, Instance, SystemId};
use crate::observe::observed::{Observed, Record};
use crate::packed::Packed;
use crate::reason::Reason;

/// Parts of our mark that change without the exchange changing: moving a file is no change, and health writes `state`.
const VOLATILE: [&str; 3] = ["commit", "file", "state"];

/// Places in a record.
type Paths = BTreeSet<Vec<String>>;

/// How a record compares with what is wanted.
pub(super) enum Standing {
    /// The registry was not read.
    Unread,
    /// Not there.
    Missing,
    /// As wanted.
    Same,
    /// Ours to write, and different; the fields.
    Differs(Vec<ValueChange>),
    /// Not ours to write: `RecordNotOurs` or `OtherInstance`.
    Foreign(Reason),
}

impl Standing {
    /// Whether it was not written since the release changed.
    pub(super) fn is_behind(&self) -> bool {
        match self {
            Self::Missing => true,
            Self::Differs(fields) => fields
                .iter()
                .any(|field| field.path == ["metadata", "natsx", "digest"]),
            Self::Unread | Self::Same | Self::Foreign(_) => false,
        }
    }
}

/// The record of an exchange as the registry should have it.
pub fn wanted_record(
    exchange: &DesiredExchange,
    instance: &Instance,
    commit: Option<&CommitId>,
    state: &str,
) -> Record {
    let mut mark = Map::new();
    let mut set = |key: &str, value: &str| mark.insert(key.to_owned(), Value::from(value));
    set("instance", instance.as_str());
    set("namespace", exchange.id.namespace.as_str());
    set("release", exchange.id.release.as_str());
    set("file", &exchange.file);
    set("digest", exchange.digest.label());
    set(
        "chart",
        &format!("{}-{}", exchange.chart.name, exchange.chart.version),
    );
    set("state", state);
    if let Some(commit) = commit {
        set("commit", commit.as_str());
    }
    let mut metadata = exchange.metadata.open();
    metadata.insert("natsx".to_owned(), Value::Object(mark));
    Record {
        system_id: exchange.system_id.to_string(),
        org_ids: Some(exchange.org_ids.join(",")),
        cluster_id: Some(exchange.id.cluster.to_string()),
        public_url: exchange.public_url.clone(),
        name: Some(exchange.name.clone()),
        metadata: Packed::of(&metadata),
    }
}

/// SHA-256 (hex) of the records of one key in any order, without what changes while the exchange stays as it is.
pub fn record_digest(records: &[Record]) -> String {
    let lasting = |record: &Record| {
        let mut record = record.clone();
        record.metadata.change(|metadata| {
            if let Some(Value::Object(mark)) = metadata.get_mut("natsx") {
                mark.retain(|key, _| !VOLATILE.contains(&key.as_str()));
            }
        });
        canonical_json(&serde_json::to_value(record).unwrap_or(Value::Null))
    };
    let mut all: Vec<String> = records.iter().map(lasting).collect();
    // The original has no order, and answers with another one each time.
    all.sort_unstable();
    Digest::of(format!("[{}]", all.join(",")).as_bytes()).to_string()
}

/// Compares the record of a declared exchange.
pub(super) fn standing(scene: &Scene<'_>, exchange: &DesiredExchange) -> Standing {
    let Ok(view) = &scene.observed.registry else {
        return Standing::Unread;
    };
    let none = Vec::new();
    let records = view
        .records
        .get(exchange.system_id.as_str())
        .unwrap_or(&none);
    let Some(first) = records.first() else {
        return Standing::Missing;
    };
    for record in records {
        match record.mark() {
            Some(mark) if mark.is_of(&scene.policy.instance) => {}
            Some(mark) if mark.text("instance").is_some() => {
                return Standing::Foreign(Reason::OtherInstance);
            }
            None if exchange.adopts_record => {}
            // Something that names nobody stands where our mark would: it is not taken over either.
            Some(_) | None => return Standing::Foreign(Reason::RecordNotOurs),
        }
    }
    let wanted = wanted_record(exchange, &scene.policy.instance, None, "");
    let hidden = scene.hidden_of_record(&exchange.system_id);
    let mut changes = changes(first, &wanted, hidden);
    if records.len() > 1 {
        let (old, new) = (Value::from(records.len()), Value::from(1));
        changes.push(change(&["records".to_owned()], Some(&old), Some(&new)));
    }
    if changes.is_empty() {
        Standing::Same
    } else {
        Standing::Differs(changes)
    }
}

/// What would be written, if anything may be.
pub(super) fn change_of(standing: &Standing, system_id: &SystemId) -> Option<RegistryChange> {
    let (action, changes) = match standing {
        Standing::Unread | Standing::Foreign(_) => return None,
        Standing::Missing => (RegistryAction::Create, Vec::new()),
        Standing::Same => (RegistryAction::None, Vec::new()),
        Standing::Differs(changes) => (RegistryAction::Update, changes.clone()),
    };
    Some(RegistryChange {
        action,
        system_id: system_id.clone(),
        changes,
    })
}

/// Our records, by the exchange they were written for: indexed once, because every exchange asks.
pub(super) fn marked<'a>(
    observed: &'a Observed,
    instance: &Instance,
) -> BTreeMap<ExchangeId, Vec<&'a Record>> {
    let views = observed.registry.iter();
    let mut marked: BTreeMap<ExchangeId, Vec<&Record>> = BTreeMap::new();
    for record in views.flat_map(|view| view.records.values().flatten()) {
        if let Some(mark) = record.mark()
            && mark.is_of(instance)
            && let Some(id) = record.marked_for(&mark)
        {
            marked.entry(id).or_default().push(record);
        }
    }
    marked
}

fn changes(seen: &Record, wanted: &Record, hidden: &Paths) -> Vec<ValueChange> {
    let mut changes = Vec::new();
    let fields = [
        ("org_ids", &seen.org_ids, &wanted.org_ids),
        ("cluster_id", &seen.cluster_id, &wanted.cluster_id),
        ("public_url", &seen.public_url, &wanted.public_url),
        ("name", &seen.name, &wanted.name),
    ];
    for (field, old, new) in fields {
        let known = !hidden.contains(&vec![field.to_owned()]);
        if known && old.as_deref().unwrap_or_default() != new.as_deref().unwrap_or_default() {
            let value = |text: &Option<String>| text.as_deref().map(Value::from);
            changes.push(change(
                &[field.to_owned()],
                value(old).as_ref(),
                value(new).as_ref(),
            ));
        }
    }
    compare(
        &["metadata".to_owned()],
        &seen.metadata.open(),
        &wanted.metadata.open(),
        hidden,
        &mut changes,
    );
    changes
}

fn compare(
    path: &[String],
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    hidden: &Paths,
    changes: &mut Vec<ValueChange>,
) {
    let left_out = hidden
        .iter()
        .filter_map(|hidden| match hidden.split_last() {
            Some((key, parent)) if parent == path => Some(key),
            Some(_) | None => None,
        });
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).chain(left_out).collect();
    let in_mark = path.last().is_some_and(|last| last == "natsx");
    for key in keys {
        if in_mark && VOLATILE.contains(&key.as_str()) {
            continue;
        }
        let inner: Vec<String> = path.iter().chain([key]).cloned().collect();
        match (old.get(key), new.get(key)) {
            // It may be as it was.
            (None, Some(_)) if hidden.contains(&inner) => {}
            (None, None) => changes.push(unseen(&inner, ValueOp::Remove)),
            (Some(Value::Object(old)), Some(Value::Object(new))) if path.len() == 1 => {
                compare(&inner, old, new, hidden, changes);
            }
            (Some(old), Some(new)) if is_same(old, new) => {}
            (old, new) => changes.push(change(&inner, old, new)),
        }
    }
}

fn change(path: &[String], old: Option<&Value>, new: Option<&Value>) -> ValueChange {
    ValueChange {
        path: path.to_vec(),
        op: match (old, new) {
            (None, _) => ValueOp::Add,
            (Some(_), None) => ValueOp::Remove,
            (Some(_), Some(_)) => ValueOp::Replace,
        },
        old: old.cloned(),
        new: new.cloned(),
        layer: None,
        sensitive: false,
    }
}
