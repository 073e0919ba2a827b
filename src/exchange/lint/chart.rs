//! Names the chart knows, and the types it wants.

use super::Bench;
use crate::exchange::finding::nearest;
use crate::exchange::tree::Tree;
use crate::reason::Reason;

/// The chart's outermost values.
const OUTERMOST: &[&str] = &[
    "config",
    "configMap",
    "container",
    "extraResources",
    "fullnameOverride",
    "global",
    "headlessService",
    "nameOverride",
    "namespaceOverride",
    "natsBox",
    "podDisruptionBudget",
    "podTemplate",
    "promExporter",
    "reloader",
    "service",
    "serviceAccount",
    "statefulSet",
    "tlsCA",
];
/// Below `config`.
const CONFIG: &[&str] = &[
    "cluster",
    "gateway",
    "jetstream",
    "leafnodes",
    "merge",
    "monitor",
    "mqtt",
    "nats",
    "patch",
    "profiling",
    "resolver",
    "serverNamePrefix",
    "websocket",
];
/// Keys that are booleans wherever the chart has them.
const BOOLEANS: &[&str] = &[
    "enabled",
    "noAdvertise",
    "useFQDN",
    "configChecksumAnnotation",
];

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
        if !OUTERMOST.contains(&key.as_str()) {
            refuse(bench, key, part);
        }
    }
    if let Some(config) = bench.get(&["config"]) {
        for (key, part) in config.children() {
            if CONFIG.contains(&key.as_str()) {
                continue;
            }
            let hint = match nearest(key, CONFIG.iter().copied()) {
                Some(known) => format!("did you mean config.{known}?"),
                None => {
                    format!("server options stand below config.merge, as in `config.merge.{key}`")
                }
            };
            let text = format!("the chart has no value config.{key} and would ignore it");
            bench.error(Reason::UnknownValue, part.origin, text, hint);
        }
    }
    refuse_text_booleans(bench);
    refuse_listed_constraints(bench);
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
            there.origin,
            format!(
                "{} is a name of charts before 1.0; the chart of today ignores it",
                old.join(".")
            ),
            format!("write {new}"),
        );
    }
    if !renamed {
        let hint = match nearest(key, OUTERMOST.iter().copied()) {
            Some(known) => format!("did you mean {known}?"),
            None if CONFIG.contains(&key) => format!("write config.{key}"),
            None => format!("the chart's values are: {}", OUTERMOST.join(", ")),
        };
        let text = format!("the chart has no value {key} and would ignore it");
        bench.error(Reason::UnknownValue, part.origin, text, hint);
    }
}

/// Whether a longer old name below this one has been reported.
fn is_told(bench: &Bench<'_>, old: &[&str]) -> bool {
    RENAMED.iter().any(|(longer, _)| {
        longer.len() > old.len() && longer.starts_with(old) && bench.get(longer).is_some()
    })
}

fn refuse_text_booleans(bench: &mut Bench<'_>) {
    let mut found = Vec::new();
    bench.tree.walk(&mut Vec::new(), &mut |path, part| {
        // Below `merge` and `patch` stand other programs' options.
        let free = path
            .iter()
            .any(|key| ["merge", "patch", "extraResources"].contains(&key.as_str()));
        let boolean = path
            .last()
            .is_some_and(|key| BOOLEANS.contains(&key.as_str()));
        let Some(leaf) = part.leaf() else {
            return;
        };
        if boolean && !free && !(leaf.is_boolean() || leaf.is_null()) {
            found.push((part.origin, path.join(".")));
        }
    });
    for (origin, path) in found {
        bench.error(
            Reason::StringForBoolean,
            origin,
            format!("{path} is no boolean; the chart takes any text or number for true"),
            "write true or false, without quotes",
        );
    }
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
