//! What Kubernetes lets change in a StatefulSet, from renderings or from values.

use serde_json::{Map, Value};

use super::values::{at, is_same};
use crate::exchange::{chart_number, chart_switch, chart_text};

/// Fields of a StatefulSet's spec that may change while it lives.
const MUTABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// What to do by hand where a StatefulSet has to be made anew.
pub(super) fn procedure(namespace: &str, set: &str) -> String {
    format!(
        "expand the claims first if only their size grows, then `kubectl -n {namespace} delete statefulset {set} --cascade=orphan` \
         (pods and volumes stay) and `natsx-sync reconcile`, which makes it anew; a pod whose volumes come or go Kubernetes does \
         not replace: delete those one after the other then"
    )
}

/// The first field that differs and may not, as `NAME spec.FIELD`.
pub(super) fn immutable_change(old: &[Value], new: &[Value]) -> Option<String> {
    old.iter().find_map(|before| {
        let name = name_of(before);
        let Some(after) = new.iter().find(|after| name_of(after) == name) else {
            return Some(format!("{name} is renamed or removed"));
        };
        let (before, after) = (spec(before), spec(after));
        let keys = before
            .into_iter()
            .flat_map(Map::keys)
            .chain(after.into_iter().flat_map(Map::keys));
        keys.filter(|key| !MUTABLE.contains(&key.as_str()))
            .find(|key| !is_equal(field(before, key), field(after, key)))
            .map(|key| format!("{name} spec.{key}"))
    })
}

/// Whether the pods' template differs anywhere.
pub(super) fn template_changes(old: &[Value], new: &[Value]) -> bool {
    old.iter().any(|before| {
        new.iter()
            .find(|after| name_of(after) == name_of(before))
            .is_some_and(|after| {
                !is_equal(
                    field(spec(before), "template"),
                    field(spec(after), "template"),
                )
            })
    })
}

/// Servers of all StatefulSets; Kubernetes takes one where nothing is said.
pub(super) fn replicas(sets: &[Value]) -> u64 {
    sets.iter()
        .map(|set| {
            field(spec(set), "replicas")
                .and_then(Value::as_u64)
                .unwrap_or(1)
        })
        .sum()
}

/// Servers the chart makes of these values.
pub(super) fn servers(values: &Value) -> u64 {
    if is_on(values, &["config", "cluster", "enabled"]) {
        let path = ["config", "cluster", "replicas"];
        let wanted = at(values, &path).and_then(Value::as_u64);
        wanted.or_else(|| chart_number(&path)).unwrap_or(1)
    } else {
        1
    }
}

/// Whether these values switch JetStream on.
pub(super) fn has_jetstream(values: &Value) -> bool {
    is_on(values, &["config", "jetstream", "enabled"])
}

/// What each server of these values claims for its streams.
pub(super) fn jetstream_claim(values: &Value) -> Option<Value> {
    let store = ["config", "jetstream", "fileStore", "enabled"];
    let on = has_jetstream(values) && is_on(values, &store);
    on.then(|| claim(values, &["config", "jetstream", "fileStore", "pvc"]))
        .flatten()
}

/// What each server of these values claims for accounts.
pub(super) fn resolver_claim(values: &Value) -> Option<Value> {
    is_on(values, &["config", "resolver", "enabled"])
        .then(|| claim(values, &["config", "resolver", "pvc"]))
        .flatten()
}

/// The first value that would change the StatefulSet's volume templates or name.
pub(super) fn immutable_value(old: &Value, new: &Value) -> Option<&'static str> {
    let other = |path: &[&str]| !is_equal(at(old, path), at(new, path));
    if jetstream_claim(old) != jetstream_claim(new) {
        Some("config.jetstream.fileStore.pvc")
    } else if resolver_claim(old) != resolver_claim(new) {
        Some("config.resolver.pvc")
    } else if other(&["statefulSet", "name"]) {
        Some("statefulSet.name")
    } else if other(&["statefulSet", "merge", "spec", "volumeClaimTemplates"]) {
        Some("statefulSet.merge.spec.volumeClaimTemplates")
    } else if other(&["fullnameOverride"]) || other(&["nameOverride"]) {
        Some("nameOverride")
    } else {
        None
    }
}

/// A claim as the chart makes it, with the chart's size where none is given only if both sides leave it out.
fn claim(values: &Value, path: &[&str]) -> Option<Value> {
    let claim = at(values, path).cloned().unwrap_or(Value::Null);
    is_on(values, &[path, &["enabled"]].concat()).then(|| {
        let mut fields = claim.as_object().cloned().unwrap_or_default();
        fields.remove("enabled");
        let size = chart_text(&[path, &["size"]].concat());
        fields.entry("size").or_insert_with(|| Value::from(size));
        fields.retain(|_, value| !is_void(value));
        Value::Object(fields)
    })
}

fn is_void(value: &Value) -> bool {
    value.is_null()
        || value.as_object().is_some_and(Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty)
        || value.as_str().is_some_and(str::is_empty)
}

/// Whether a switch is on, `default` being the chart's.
pub(super) fn is_on(values: &Value, path: &[&str]) -> bool {
    at(values, path).map_or_else(|| chart_switch(path), is_true)
}

/// As the chart's templates see it: any text but the empty one is true.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

fn is_equal(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => is_same(one, other),
        (Some(value), None) | (None, Some(value)) => is_void(value),
    }
}

pub(super) fn name_of(set: &Value) -> &str {
    at(set, &["metadata", "name"])
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn spec(set: &Value) -> Option<&Map<String, Value>> {
    set.get("spec").and_then(Value::as_object)
}

fn field<'a>(spec: Option<&'a Map<String, Value>>, key: &str) -> Option<&'a Value> {
    spec.and_then(|spec| spec.get(key))
}
