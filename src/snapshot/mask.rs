//! Leaves out what is or may be a secret, and says where something was.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::id::ClusterId;
use crate::mask::{is_sensitive, masked};
use crate::observe::observed::{
    ClusterView, Hidden, Record, RegistryView, ReleaseView, StoredRelease, Unreadable,
};

type Paths = BTreeSet<Vec<String>>;

pub(super) fn cluster(id: &ClusterId, mut view: ClusterView, hidden: &mut Hidden) -> ClusterView {
    for (key, release) in &mut view.releases {
        let mut paths = Paths::new();
        mask_release(release, &mut paths);
        if !paths.is_empty() {
            hidden.values.insert(key.in_cluster(id), paths);
        }
    }
    view
}

fn mask_release(release: &mut ReleaseView, hidden: &mut Paths) {
    // Of others nothing is compared but that it is there.
    if release.stamp.is_none() {
        release.stored = None;
    }
    if let Some(mut stored) = release.stored.take() {
        stored.values = leaves_left(&stored.values, hidden);
        release.stored = Some(condensed(stored));
    }
    release.undecodable = release.undecodable.as_deref().map(masked);
}

/// Without what no picture shows of a release, whatever it holds.
pub fn condensed(mut stored: StoredRelease) -> StoredRelease {
    stored.stateful_sets = stored.stateful_sets.iter().map(lasting_part).collect();
    stored.configuration = Vec::new();
    stored
}

/// The values without sensitive leaves, and without the maps that held nothing else.
fn leaves_left(values: &Value, hidden: &mut Paths) -> Value {
    prune(values, &mut Vec::new(), hidden).unwrap_or_else(|| json!({}))
}

fn prune(value: &Value, path: &mut Vec<String>, hidden: &mut Paths) -> Option<Value> {
    let Some(fields) = value.as_object().filter(|fields| !fields.is_empty()) else {
        if is_sensitive(path, value) {
            hidden.insert(path.clone());
            return None;
        }
        return Some(value.clone());
    };
    let mut left = Map::new();
    for (key, inner) in fields {
        path.push(key.clone());
        if let Some(inner) = prune(inner, path, hidden) {
            left.insert(key.clone(), inner);
        }
        path.pop();
    }
    (!left.is_empty()).then_some(Value::Object(left))
}

/// What Kubernetes never lets change; the pods' template may hold passwords under names that do not tell.
fn lasting_part(set: &Value) -> Value {
    const LASTING: [&str; 5] = [
        "replicas",
        "serviceName",
        "podManagementPolicy",
        "selector",
        "volumeClaimTemplates",
    ];
    let at = |pointer: &str| set.pointer(pointer).cloned().unwrap_or(Value::Null);
    let spec: Map<String, Value> = LASTING
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), set.get("spec")?.get(key)?.clone())))
        .collect();
    json!({"kind": at("/kind"), "metadata": {"name": at("/metadata/name")}, "spec": spec})
}

pub(super) fn registry(mut view: RegistryView, hidden: &mut Hidden) -> RegistryView {
    for (key, records) in &mut view.records {
        let mut paths = Paths::new();
        for record in records {
            mask_record(record, &mut paths);
        }
        if !paths.is_empty() {
            hidden.records.insert(key.clone(), paths);
        }
    }
    view
}

fn mask_record(record: &mut Record, hidden: &mut Paths) {
    let fields = [
        ("org_ids", &mut record.org_ids),
        ("cluster_id", &mut record.cluster_id),
        ("public_url", &mut record.public_url),
        ("name", &mut record.name),
    ];
    for (field, text) in fields {
        let path = vec![field.to_owned()];
        if text
            .as_deref()
            .is_some_and(|text| is_sensitive(&path, &text.into()))
        {
            hidden.insert(path);
            *text = None;
        }
    }
    let metadata = "metadata".to_owned();
    record.metadata.change(|fields| {
        fields.retain(|key, value| {
            let path = vec![metadata.clone(), key.clone()];
            // As deep as records are compared.
            if let Value::Object(fields) = value {
                fields.retain(|key, value| {
                    keep(
                        [&path[..], std::slice::from_ref(key)].concat(),
                        value,
                        hidden,
                    )
                });
                return true;
            }
            keep(path, value, hidden)
        });
    });
}

fn keep(path: Vec<String>, value: &Value, hidden: &mut Paths) -> bool {
    let sensitive = is_sensitive(&path, value);
    if sensitive {
        hidden.insert(path);
    }
    !sensitive
}

pub(super) fn reason(why: &Unreadable) -> Unreadable {
    Unreadable {
        reason: why.reason,
        text: masked(&why.text),
    }
}
