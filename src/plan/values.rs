//! The difference of two trees of values, leaf by leaf.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::action::{ValueChange, ValueOp};
use crate::exchange::desired::Provenance;

/// What changes from `old` to `new`, secrets still among it. Lists are leaves, because charts replace them whole.
pub fn difference(old: &Value, new: &Value, provenance: &Provenance) -> Vec<ValueChange> {
    known_difference(old, new, provenance, &BTreeSet::new())
}

/// The same where `old` lacks the leaves at `hidden`: one that is still set may be as it was, one that is not goes.
pub(super) fn known_difference(
    old: &Value,
    new: &Value,
    provenance: &Provenance,
    hidden: &BTreeSet<Vec<String>>,
) -> Vec<ValueChange> {
    if hidden.is_empty() && old == new {
        return Vec::new();
    }
    let old = leaves(old);
    let new = leaves(new);
    let paths: BTreeSet<&Vec<String>> = old.keys().chain(new.keys()).chain(hidden).collect();
    paths
        .into_iter()
        .filter_map(|path| {
            let (before, after) = (old.get(path).copied(), new.get(path).copied());
            if hidden.contains(path) {
                return after.is_none().then(|| unseen(path, ValueOp::Remove));
            }
            let op = match (before, after) {
                (None, None) => return None,
                (Some(before), Some(after)) if is_same(before, after) => return None,
                (None, Some(_)) => ValueOp::Add,
                (Some(_), None) => ValueOp::Remove,
                (Some(_), Some(_)) => ValueOp::Replace,
            };
            Some(ValueChange {
                path: path.clone(),
                op,
                old: before.cloned(),
                new: after.cloned(),
                layer: after
                    .and_then(|_| provenance.of(path))
                    .map(|origin| origin.layer.clone()),
                sensitive: false,
            })
        })
        .collect()
}

/// A change of a value that is left out of what was seen.
pub(super) fn unseen(path: &[String], op: ValueOp) -> ValueChange {
    ValueChange {
        path: path.to_vec(),
        op,
        old: None,
        new: None,
        layer: None,
        sensitive: true,
    }
}

/// Whether two values mean the same to a chart: Helm keeps numbers as floating point.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || (one.as_f64().is_some() && one.as_f64() == other.as_f64())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, one)| other.get(key).is_some_and(|other| is_same(one, other)))
        }
        (one, other) => one == other,
    }
}

/// The value at `path`.
pub(super) fn at<'a>(values: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(values, |value, key| value.get(key))
}

fn leaves(values: &Value) -> BTreeMap<Vec<String>, &Value> {
    let mut found = BTreeMap::new();
    if !values.is_null() {
        collect(values, &mut Vec::new(), &mut found);
    }
    found
}

fn collect<'a>(
    value: &'a Value,
    path: &mut Vec<String>,
    found: &mut BTreeMap<Vec<String>, &'a Value>,
) {
    match value.as_object() {
        Some(fields) if !fields.is_empty() => {
            for (key, inner) in fields {
                path.push(key.clone());
                collect(inner, path, found);
                path.pop();
            }
        }
        // An empty tree is no value.
        Some(_) if path.is_empty() => {}
        Some(_) | None => {
            found.insert(path.clone(), value);
        }
    }
}
