//! Names the chart knows, and the types it wants.

use serde_json::Value;

use super::Bench;
use crate::diagnostic::nearest;
use crate::exchange::chart_values::{Keys, Kind, VALUES, find, names};
use crate::exchange::tree::Tree;
use crate::reason::Reason;

/// Names before chart 1.0 with those of today.
const RENAMED: &[(&[&str], &str)] = &[
    (
        &["nats", "jetstream", "memStorage"],
        "config.jetstream.memoryStore",
    ),
    (
        &["nats", "jetstream", "memoryStorage"],
        "config.jetstream.memoryStore",
    ),
    (
        &["nats", "jetstream", "fileStorage"],
        "config.jetstream.fileStore",
    ),
    (&["nats", "jetstream"], "config.jetstream"),
    (&["nats", "tls"], "config.nats.tls"),
    (
        &["nats", "limits"],
        "config.merge (max_connections, max_payload, …)",
    ),
    (&["nats", "resources"], "container.resources"),
    (&["nats", "image"], "container.image"),
    (&["nats", "serviceAccount"], "serviceAccount"),
    (&["nats", "logging"], "config.merge (debug, trace, logtime)"),
    (&["nats"], "config and container"),
    (&["cluster"], "config.cluster"),
    (&["jetstream", "memStorage"], "config.jetstream.memoryStore"),
    (&["jetstream", "fileStorage"], "config.jetstream.fileStore"),
    (&["jetstream"], "config.jetstream"),
    (&["memStorage"], "config.jetstream.memoryStore"),
    (&["fileStorage"], "config.jetstream.fileStore"),
    (
        &["storageClassName"],
        "config.jetstream.fileStore.pvc.storageClassName",
    ),
    (
        &["auth"],
        "config.merge.authorization, config.merge.accounts or config.resolver",
    ),
    (&["exporter"], "promExporter"),
    (&["natsbox"], "natsBox"),
    (&["resources"], "container.resources"),
    (&["image"], "container.image"),
    (&["leafnodes"], "config.leafnodes"),
    (&["gateway"], "config.gateway"),
    (&["websocket"], "config.websocket"),
    (&["mqtt"], "config.mqtt"),
    (&["replicas"], "config.cluster.replicas"),
    (&["replicaCount"], "config.cluster.replicas"),
    (
        &["topologySpreadConstraints"],
        "podTemplate.topologySpreadConstraints, a map by topology key",
    ),
    (&["affinity"], "podTemplate.merge.spec.affinity"),
    (&["nodeSelector"], "podTemplate.merge.spec.nodeSelector"),
    (&["tolerations"], "podTemplate.merge.spec.tolerations"),
    (
        &["priorityClassName"],
        "podTemplate.merge.spec.priorityClassName",
    ),
    (
        &["securityContext"],
        "podTemplate.merge.spec.securityContext",
    ),
    (
        &["podAnnotations"],
        "podTemplate.merge.metadata.annotations",
    ),
    (
        &["statefulSetAnnotations"],
        "statefulSet.merge.metadata.annotations",
    ),
    (
        &["serviceAnnotations"],
        "service.merge.metadata.annotations",
    ),
    (&["imagePullSecrets"], "global.image.pullSecretNames"),
    (&["commonLabels"], "global.labels"),
    (&["additionalContainers"], "podTemplate.patch"),
    (&["additionalVolumes"], "podTemplate.patch"),
    (&["additionalVolumeMounts"], "container.patch"),
];

pub(super) fn examine(bench: &mut Bench<'_>) {
    for (key, part) in bench.tree.children() {
        if find(VALUES, key).is_none() {
            refuse(bench, key, part);
        }
    }
    let mut path = Vec::new();
    look(bench, bench.tree, VALUES, &mut path);
    refuse_listed_constraints(bench);
}

/// Holds a map to the keys the chart knows.
fn look(bench: &mut Bench<'_>, tree: &Tree, keys: Keys, path: &mut Vec<String>) {
    for (name, part) in tree.children() {
        path.push(name.clone());
        match find(keys, name) {
            Some(key) => {
                if let Some(since) = bench.version.and_then(|version| key.too_new_for(version)) {
                    bench.error(
                        Reason::UnknownValue,
                        part.origin.at_key(),
                        format!(
                            "charts before {since} have no value {} and ignore it",
                            path.join(".")
                        ),
                        format!("take it away, or take chart {since} or later"),
                    );
                }
                hold(bench, part, key.kind, path);
            }
            // The outermost were told with the names of old charts.
            None if path.len() > 1 => unknown(bench, part, keys, path),
            None => {}
        }
        path.pop();
    }
}

fn unknown(bench: &mut Bench<'_>, part: &Tree, keys: Keys, path: &[String]) {
    let (name, above) = match path {
        [above @ .., name] => (name.as_str(), above.join(".")),
        [] => return,
    };
    let hint = match nearest(name, names(keys)) {
        Some(known) => format!("did you mean {above}.{known}?"),
        None if above == "config" => {
            format!("server options stand below config.merge, as in `config.merge.{name}`")
        }
        None => {
            let known: Vec<_> = names(keys).collect();
            format!("the values there are: {}", known.join(", "))
        }
    };
    let text = format!("the chart has no value {above}.{name} and would ignore it");
    bench.unknown(part.origin.at_key(), text, hint);
}

/// Holds a value to its kind. What a template makes is not known.
fn hold(bench: &mut Bench<'_>, part: &Tree, kind: Kind, path: &mut Vec<String>) {
    let made = part.children().any(|(key, _)| key.starts_with("$tplYaml"));
    if made || part.leaf() == Some(&Value::Null) {
        return;
    }
    let scalar = part.leaf().is_some();
    let fits = match kind {
        Kind::Flag(_) => {
            if part.leaf().is_none_or(|leaf| !leaf.is_boolean()) {
                bench.error(
                    Reason::StringForBoolean,
                    part.origin,
                    format!(
                        "{} is not a boolean; the chart takes any text or number for true",
                        path.join(".")
                    ),
                    "write true or false, without quotes",
                );
            }
            return;
        }
        Kind::Number(_) => part.leaf().is_some_and(|leaf| match leaf {
            Value::Number(_) => true,
            Value::String(text) => text.trim().parse::<u64>().is_ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
        }),
        Kind::Text(_) => scalar,
        Kind::List => !part.is_map() && !scalar,
        Kind::Free => part.is_map(),
        Kind::FreeWith(keys) => {
            for (name, below) in part.children() {
                if let Some(key) = find(keys, name) {
                    path.push(name.clone());
                    hold(bench, below, key.kind, path);
                    path.pop();
                }
            }
            part.is_map()
        }
        Kind::Variables => {
            refuse_numbers(bench, part, path);
            part.is_map()
        }
        Kind::Map(keys) => {
            look(bench, part, keys, path);
            part.is_map()
        }
        Kind::Named(keys) => {
            for (name, below) in part.children() {
                path.push(name.clone());
                look(bench, below, keys, path);
                path.pop();
            }
            part.is_map()
        }
    };
    // Told with what to write instead.
    let listed =
        path.ends_with(&["topologySpreadConstraints".to_owned()]) && !part.items().is_empty();
    let replicas = path.ends_with(&["replicas".to_owned()]);
    if !fits && !listed && !replicas {
        let (wanted, example) = kind.words();
        bench.error(
            Reason::WrongType,
            part.origin,
            format!(
                "{} is not {wanted}, which the chart wants there",
                path.join(".")
            ),
            format!("write {example}"),
        );
    }
}

impl Kind {
    /// What is wanted, and what it looks like.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Flag(_) => ("a boolean", "true or false"),
            Self::Number(_) => ("a whole number", "it without quotes, as in 3"),
            Self::Text(_) => ("text", "one text or number"),
            Self::List => ("a list", "it as `[a, b]`, or a line with `- ` for each"),
            Self::Free | Self::FreeWith(_) | Self::Variables | Self::Map(_) | Self::Named(_) => {
                ("a map", "keys below it, as in `{key: value}`")
            }
        }
    }
}

/// The chart does not render with them.
fn refuse_numbers(bench: &mut Bench<'_>, variables: &Tree, path: &[String]) {
    for (name, part) in variables.children() {
        let wrong = part
            .leaf()
            .is_some_and(|leaf| leaf.is_number() || leaf.is_boolean());
        if wrong || !part.items().is_empty() {
            bench.error(
                Reason::VariableNotText,
                part.origin,
                format!("{}.{name} is not text; the chart does not render with it", path.join(".")),
                "put it into quotes, as in \"3\"; a value of a Secret is a map: `valueFrom: {secretKeyRef: …}`",
            );
        }
    }
}

fn refuse(bench: &mut Bench<'_>, key: &str, part: &Tree) {
    let mut renamed = false;
    for (old, new) in RENAMED {
        let Some(there) = bench.get(old) else {
            continue;
        };
        // The longest old name speaks for what is below it.
        if old.first() != Some(&key) || (old.len() == 1 && renamed) || is_told(bench, old) {
            continue;
        }
        renamed = true;
        bench.error(
            Reason::RenamedValue,
            there.origin.at_key(),
            format!(
                "{} is a name of charts before 1.0; the chart of today ignores it",
                old.join(".")
            ),
            format!("write {new}"),
        );
    }
    if !renamed {
        let hint = match nearest(key, names(VALUES)) {
            Some(known) => format!("did you mean {known}?"),
            None if find(config(), key).is_some() => format!("write config.{key}"),
            None => {
                let known: Vec<_> = names(VALUES).collect();
                format!("the chart's values are: {}", known.join(", "))
            }
        };
        let text = format!("the chart has no value {key} and would ignore it");
        bench.unknown(part.origin.at_key(), text, hint);
    }
}

/// The keys below `config`.
fn config() -> Keys {
    match find(VALUES, "config").map(|key| key.kind) {
        Some(Kind::Map(keys)) => keys,
        Some(_) | None => &[],
    }
}

/// Whether a longer old name below this one has been reported.
fn is_told(bench: &Bench<'_>, old: &[&str]) -> bool {
    RENAMED.iter().any(|(longer, _)| {
        longer.len() > old.len() && longer.starts_with(old) && bench.get(longer).is_some()
    })
}

fn refuse_listed_constraints(bench: &mut Bench<'_>) {
    let path = ["podTemplate", "topologySpreadConstraints"];
    if let Some(part) = bench.get(&path).filter(|part| !part.items().is_empty()) {
        bench.error(
            Reason::RenamedValue,
            part.origin,
            "podTemplate.topologySpreadConstraints is a list; the chart wants a map by topology key",
            "write `kubernetes.io/hostname: {maxSkew: 1, whenUnsatisfiable: DoNotSchedule}` below it",
        );
    }
}
