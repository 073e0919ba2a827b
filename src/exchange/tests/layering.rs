//! Values of several layers.

use serde_json::{Value, json};

use super::{exchange, resolved};
use crate::reason::Reason;

fn values(base: &str, profile: &str, own: &str) -> Value {
    let file = exchange("nats", &format!("profiles: [p]\nhelm_values:\n{own}"));
    let desired = resolved(&[
        ("values.yaml", base),
        ("profiles/p.yaml", profile),
        ("exchanges/a.yaml", &file),
    ]);
    assert!(desired.broken.is_empty(), "{:#?}", desired.broken);
    desired
        .exchanges
        .into_values()
        .next()
        .unwrap()
        .values
        .open()
}

#[test]
fn later_layers_win() {
    let values = values(
        "config: {merge: {a: 1, b: 1, c: 1}}\n",
        "config.merge.b: 2\nconfig.merge.list: [1, 2, 3]\n",
        "  config.merge.c: 3\n  config: {merge: {list: [4], gone: null}}\n",
    );
    assert_eq!(
        values,
        json!({"config": {"merge": {"a": 1, "b": 2, "c": 3, "list": [4], "gone": null}}})
    );
}

#[test]
fn dotted_keys_follow_helm() {
    let values = values(
        "config.merge.list: [{a: 1}, {b: 2}]\n",
        "",
        concat!(
            "  config.merge.list[1].b: 3\n",
            "  config.merge.more[1]: x\n",
            "  podTemplate.topologySpreadConstraints.kubernetes\\.io/hostname.maxSkew: 1\n",
        ),
    );
    assert_eq!(
        values["config"]["merge"],
        json!({"list": [{"a": 1}, {"b": 3}], "more": [null, "x"]})
    );
    assert_eq!(
        values["podTemplate"]["topologySpreadConstraints"],
        json!({"kubernetes.io/hostname": {"maxSkew": 1}})
    );
}

#[test]
fn values_keep_their_type() {
    let values = values(
        "",
        "",
        "  config.merge.a: \"3\"\n  config.merge.b: 3\n  config.merge.c: 007a\n",
    );
    assert_eq!(
        values["config"]["merge"],
        json!({"a": "3", "b": 3, "c": "007a"})
    );
}

#[test]
fn lints_stand_where_the_layer_set_the_value() {
    let file = exchange(
        "nats",
        "profiles: [p]\nhelm_values: {config.jetstream.enabled: true}\n",
    );
    let profile = "config:\n  cluster.enabled: true\nconfig.cluster.replicas: 1\n";
    let desired = resolved(&[("profiles/p.yaml", profile), ("exchanges/a.yaml", &file)]);
    let found: Vec<_> = desired
        .diagnostics
        .iter()
        .filter(|found| found.reason != Reason::OpenExchange)
        .map(|found| {
            (
                found.reason,
                found.file.as_deref(),
                found.line,
                found.column,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (
                Reason::UnknownValue,
                Some("profiles/p.yaml"),
                Some(2),
                Some(3)
            ),
            (
                Reason::ReplicasWithoutCluster,
                Some("profiles/p.yaml"),
                Some(3),
                Some(26)
            ),
        ]
    );
}
