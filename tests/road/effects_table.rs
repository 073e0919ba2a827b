//! The table effects are estimated from, row by row against what helm renders. No cluster is asked.

use std::collections::BTreeSet;
use std::path::Path;

use natsx_sync::exchange::desired::Provenance;
use natsx_sync::observe::manifest::{configuration, stateful_sets};
use natsx_sync::plan::difference;
use natsx_sync::plan::reach::{Reach, TABLE, is_dormant, of, row_of};
use serde_json::{Value, json};

use crate::world::template;

/// What is set before, and one value that changes: a case for every row of the table.
#[expect(clippy::too_many_lines, reason = "a table, a case a line")]
fn cases() -> Vec<(Value, &'static str, Value)> {
    let tls = json!({"config": {"nats": {"tls": {"enabled": true, "secretName": "a"}}}});
    let cluster = json!({"config": {"cluster": {"enabled": true, "replicas": 3}}});
    let memory = json!({"config": {"jetstream": {"enabled": true, "fileStore": {"enabled": false}, "memoryStore": {"enabled": true}}}});
    let file = json!({"config": {"jetstream": {"enabled": true, "fileStore": {"maxSize": "1Gi"}}}});
    let ingress = json!({"config": {"websocket": {"enabled": true, "ingress": {"enabled": true, "hosts": ["a"]}}}});
    let exporter = json!({"promExporter": {"enabled": true, "podMonitor": {"enabled": true}}});
    let account = json!({"serviceAccount": {"enabled": true}});
    let ca = json!({"config": {"nats": {"tls": {"enabled": true, "secretName": "a"}}}, "tlsCA": {"enabled": true, "secretName": "a"}});
    let gateway = json!({"config": {"gateway": {"enabled": true}}});
    vec![
        (json!({}), "config/merge/00$include", json!("more.conf")),
        (
            tls.clone(),
            "config/nats/tls/merge/ca_file",
            json!("/etc/a"),
        ),
        (
            gateway.clone(),
            "config/gateway/merge/tls/cert_file",
            json!("/etc/a"),
        ),
        (
            gateway.clone(),
            "config/gateway/merge/tls/key_file",
            json!("/etc/a"),
        ),
        (ingress, "config/websocket/ingress/hosts", json!(["b"])),
        (json!({}), "config/merge/max_payload", json!(1024)),
        (cluster.clone(), "config/cluster/merge/pool_size", json!(5)),
        (
            json!({}),
            "config/patch",
            json!([{"op": "add", "path": "/debug", "value": true}]),
        ),
        (cluster.clone(), "config/cluster/replicas", json!(5)),
        (cluster.clone(), "config/cluster/noAdvertise", json!(false)),
        (
            cluster.clone(),
            "config/cluster/routeURLs/useFQDN",
            json!(true),
        ),
        (memory.clone(), "config/jetstream/enabled", json!(false)),
        (memory, "config/jetstream/memoryStore/maxSize", json!("2Gi")),
        (file, "config/jetstream/fileStore/maxSize", json!("2Gi")),
        (json!({}), "config/nats/port", json!(4333)),
        (json!({}), "config/leafnodes/enabled", json!(true)),
        (json!({}), "config/leafnodes/port", json!(7433)),
        (json!({}), "config/monitor/port", json!(8333)),
        (json!({}), "config/serverNamePrefix", json!("a-")),
        (tls.clone(), "config/nats/tls/cert", json!("other.crt")),
        (tls, "config/nats/tls/secretName", json!("b")),
        (
            exporter.clone(),
            "promExporter/podMonitor/merge/metadata/labels/a",
            json!("b"),
        ),
        (
            json!({}),
            "headlessService/merge/metadata/labels/a",
            json!("b"),
        ),
        (
            json!({}),
            "statefulSet/merge/metadata/annotations/a",
            json!("b"),
        ),
        (
            json!({}),
            "statefulSet/merge/spec/updateStrategy/type",
            json!("OnDelete"),
        ),
        (json!({}), "configMap/merge/metadata/labels/a", json!("b")),
        (
            json!({}),
            "configMap/merge/data/more.conf",
            json!("debug: true"),
        ),
        (
            account.clone(),
            "serviceAccount/merge/metadata/labels/a",
            json!("b"),
        ),
        (json!({}), "natsBox/enabled", json!(false)),
        (json!({}), "podDisruptionBudget/enabled", json!(false)),
        (json!({}), "service/ports/monitor/enabled", json!(true)),
        (
            json!({}),
            "extraResources",
            json!([{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}]),
        ),
        (json!({}), "container/env/A", json!("b")),
        (json!({}), "reloader/env/A", json!("b")),
        (json!({}), "reloader/enabled", json!(false)),
        (exporter, "promExporter/port", json!(7778)),
        (json!({}), "promExporter/port", json!(7778)),
        (
            json!({}),
            "podTemplate/topologySpreadConstraints/zone/maxSkew",
            json!(1),
        ),
        (account, "serviceAccount/name", json!("other")),
        (
            json!({}),
            "statefulSet/merge/spec/template/metadata/labels/a",
            json!("b"),
        ),
        (json!({}), "configMap/name", json!("other")),
        (ca, "tlsCA/secretName", json!("b")),
        (json!({}), "global/labels/a", json!("b")),
    ]
}

fn set(values: &Value, path: &str, value: Value) -> Value {
    let mut values = values.clone();
    let mut at = &mut values;
    for key in path.split('/') {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[key];
    }
    *at = value;
    values
}

/// The template of the pods, and the configuration.
fn rendered(helm: &Path, values: &Value) -> (Value, Vec<Value>) {
    let objects = template(helm, "nats-table", values);
    let sets = stateful_sets(&objects);
    (sets[0]["spec"]["template"].clone(), configuration(&objects))
}

#[test]
fn every_row_says_what_helm_renders() {
    let cache = fleet::cache::Cache::open().unwrap();
    let helm = fleet::Tools::install(&cache).unwrap().helm3;
    let mut rows = BTreeSet::new();
    for (old, path, value) in cases() {
        let new = set(&old, path, value);
        let changes = difference(&old, &new, &Provenance::default());
        let mut foreseen = Reach::Nothing;
        for change in &changes {
            let row = row_of(&change.path).unwrap_or_else(|| panic!("{path} is in no row"));
            rows.insert(row.0);
            if !is_dormant(&change.path, &old, &new) {
                foreseen = foreseen.max(of(&change.path));
            }
        }
        let ((pods, config), (new_pods, new_config)) =
            (rendered(&helm, &old), rendered(&helm, &new));
        let real = if pods != new_pods {
            Reach::Pods
        } else if config != new_config {
            Reach::Config
        } else {
            Reach::Nothing
        };
        assert_eq!(foreseen, real, "{path} in {old}");
    }
    for (pattern, _) in TABLE {
        assert!(rows.contains(pattern), "no case for {pattern}");
    }
}
