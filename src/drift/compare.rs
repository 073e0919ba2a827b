//! Holds a live object against a wanted one, both as the API server shows them, so that its defaults are in both.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::path::IgnoredPath;
use super::{Change, Difference};

/// What tells elements of a list apart, the first that is there and differs in all.
const NAMES: [&str; 2] = ["name", "mountPath"];
/// The annotation of `kubectl rollout restart`: taking it away would restart everything again.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";
/// What clusters themselves write into service accounts.
const OF_ACCOUNTS: [&str; 2] = ["secrets", "imagePullSecrets"];
/// Kinds whose values are never shown.
const SECRETIVE: [&str; 2] = ["Secret", "ConfigMap"];

/// `wanted` with everything that is not for the release to say as it is in `live`: what the API server and controllers
/// keep in an object, and what is ignored. A live object that has not drifted is equal to it.
pub fn settled(live: &Value, wanted: &Value, ignored: &[IgnoredPath]) -> Value {
    let rules = Rules {
        kind: text(wanted, "kind"),
        ignored,
    };
    rules
        .settle(&mut Vec::new(), Some(live), Some(wanted))
        .unwrap_or(Value::Null)
}

/// Where a live object differs from a settled one.
pub fn differences(live: &Value, settled: &Value) -> Vec<Difference> {
    let kind = text(settled, "kind");
    let name = settled.pointer("/metadata/name").and_then(Value::as_str);
    let mut found = Found {
        kind,
        name: name.unwrap_or_default(),
        all: Vec::new(),
    };
    found.compare(&mut Vec::new(), Some(live), Some(settled));
    found.all
}

struct Rules<'a> {
    kind: &'a str,
    ignored: &'a [IgnoredPath],
}

impl Rules<'_> {
    fn is_left(&self, path: &[String], is_added: bool) -> bool {
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        let of_others = match keys.as_slice() {
            ["status"] => true,
            // Names, versions, owners, finalizers.
            ["metadata", part] => !matches!(*part, "labels" | "annotations"),
            // Controllers leave notes there, and helm leaves them alone.
            ["metadata", "labels" | "annotations", _] => is_added,
            ["spec", "template", "metadata", "annotations", key] => is_added && *key == RESTARTED,
            [part] => self.kind == "ServiceAccount" && OF_ACCOUNTS.contains(part),
            _ => false,
        };
        of_others || self.ignored.iter().any(|one| one.covers(self.kind, path))
    }

    fn settle(
        &self,
        path: &mut Vec<String>,
        live: Option<&Value>,
        wanted: Option<&Value>,
    ) -> Option<Value> {
        if self.is_left(path, wanted.is_none()) {
            return live.cloned();
        }
        let settled = match (live, wanted) {
            (Some(Value::Object(live)), Some(Value::Object(wanted))) => {
                self.settle_map(path, live, wanted)
            }
            (Some(Value::Object(live)), None) => self.settle_map(path, live, &Map::new()),
            (None, Some(Value::Object(wanted))) => self.settle_map(path, &Map::new(), wanted),
            (Some(Value::Array(live)), Some(Value::Array(wanted))) => {
                self.settle_list(path, live, wanted)
            }
            (Some(Value::Array(live)), None) => self.settle_list(path, live, &[]),
            (None, Some(Value::Array(wanted))) => self.settle_list(path, &[], wanted),
            (_, wanted) => return wanted.cloned(),
        };
        // What is empty because all of it was left is as absent as it was.
        let keeps = !is_void(&settled) || wanted.is_some_and(|one| live.is_some() || is_void(one));
        keeps.then_some(settled)
    }

    fn settle_map(
        &self,
        path: &mut Vec<String>,
        live: &Map<String, Value>,
        wanted: &Map<String, Value>,
    ) -> Value {
        let mut settled = Map::new();
        for key in keys(live, wanted) {
            path.push(key.clone());
            if let Some(value) = self.settle(path, there(live.get(key)), there(wanted.get(key))) {
                settled.insert(key.clone(), value);
            }
            path.pop();
        }
        Value::Object(settled)
    }

    fn settle_list(&self, path: &mut Vec<String>, live: &[Value], wanted: &[Value]) -> Value {
        let mut settled = Vec::new();
        for (name, live, wanted) in pairs(live, wanted) {
            path.push(name);
            settled.extend(self.settle(path, live, wanted));
            path.pop();
        }
        Value::Array(settled)
    }
}

struct Found<'a> {
    kind: &'a str,
    name: &'a str,
    all: Vec<Difference>,
}

impl Found<'_> {
    fn compare(&mut self, path: &mut Vec<String>, live: Option<&Value>, settled: Option<&Value>) {
        match (live, settled) {
            (Some(Value::Object(live)), Some(Value::Object(settled))) => {
                for key in keys(live, settled) {
                    path.push(key.clone());
                    self.compare(path, there(live.get(key)), there(settled.get(key)));
                    path.pop();
                }
            }
            (Some(Value::Array(live)), Some(Value::Array(settled))) => {
                for (name, live, settled) in pairs(live, settled) {
                    path.push(name);
                    self.compare(path, live, settled);
                    path.pop();
                }
            }
            (Some(live), Some(settled)) if live == settled => {}
            (Some(_), Some(_)) => self.add(path, Change::Changed, live, settled),
            (Some(_), None) => self.add(path, Change::Added, live, settled),
            (None, Some(_)) => self.add(path, Change::Removed, live, settled),
            (None, None) => {}
        }
    }

    fn add(
        &mut self,
        path: &[String],
        change: Change,
        live: Option<&Value>,
        settled: Option<&Value>,
    ) {
        let shown = |value: Option<&Value>| {
            let value = value.filter(|one| one.is_number() || one.is_boolean());
            value.filter(|_| !SECRETIVE.contains(&self.kind)).cloned()
        };
        self.all.push(Difference {
            kind: self.kind.to_owned(),
            name: self.name.to_owned(),
            path: path.to_vec(),
            change,
            live: shown(live),
            wanted: shown(settled),
        });
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// To Kubernetes a null is as good as nothing.
fn there(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn is_void(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn keys<'v>(one: &'v Map<String, Value>, other: &'v Map<String, Value>) -> BTreeSet<&'v String> {
    one.keys().chain(other.keys()).collect()
}

/// Elements of two lists that stand for the same, in the order of the second, then what only the first has: by name
/// where all have one, else by number.
fn pairs<'v>(
    live: &'v [Value],
    wanted: &'v [Value],
) -> Vec<(String, Option<&'v Value>, Option<&'v Value>)> {
    let named = NAMES
        .iter()
        .find_map(|key| Some((names(live, key)?, names(wanted, key)?)));
    let Some((of_live, of_wanted)) = named else {
        let count = live.len().max(wanted.len());
        let at = |index: usize| (index.to_string(), live.get(index), wanted.get(index));
        return (0..count).map(at).collect();
    };
    let in_live = |name: &str| {
        let mut both = of_live.iter().zip(live);
        both.find(|(one, _)| **one == name).map(|(_, value)| value)
    };
    let both = of_wanted.iter().zip(wanted);
    let both = both.map(|(name, value)| ((*name).to_owned(), in_live(name), Some(value)));
    let added = of_live
        .iter()
        .zip(live)
        .filter(|(name, _)| !of_wanted.contains(name));
    let added = added.map(|(name, value)| ((*name).to_owned(), Some(value), None));
    both.chain(added).collect()
}

/// The names of all elements; none where one has none or two have the same.
fn names<'v>(list: &'v [Value], key: &str) -> Option<Vec<&'v str>> {
    let names: Option<Vec<&str>> = list.iter().map(|one| one.get(key)?.as_str()).collect();
    let names = names?;
    let distinct: BTreeSet<_> = names.iter().collect();
    (distinct.len() == names.len()).then_some(names)
}

#[cfg(test)]
mod tests;
