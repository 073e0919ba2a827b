use serde_json::json;

use super::*;
use crate::drift::name_of;

fn set() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            "name": "nats", "namespace": "ns", "uid": "1", "resourceVersion": "5", "generation": 1,
            "labels": {"app": "nats"}, "annotations": {"meta.helm.sh/release-name": "nats"},
        },
        "spec": {
            "replicas": 3,
            "template": {
                "metadata": {"labels": {"app": "nats"}},
                "spec": {"containers": [
                    {"name": "nats", "image": "nats:2", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                     "args": ["--config", "/etc/nats.conf"]},
                    {"name": "reloader", "image": "reloader:1"},
                ]},
            },
        },
        "status": {"replicas": 3},
    })
}

/// A live object after a JSON merge patch of the test's.
fn edited(edit: impl FnOnce(&mut Value)) -> Value {
    let mut live = set();
    live["metadata"]["uid"] = json!("2");
    live["metadata"]["resourceVersion"] = json!("77");
    live["metadata"]["managedFields"] = json!([{"manager": "helm"}]);
    live["status"] = json!({"replicas": 1});
    edit(&mut live);
    live
}

fn ignoring(places: &[&str]) -> Vec<IgnoredPath> {
    places.iter().map(|place| place.parse().unwrap()).collect()
}

fn found(live: &Value, ignored: &[&str]) -> Vec<String> {
    let settled = settled(live, &set(), &ignoring(ignored));
    let found = differences(live, &settled);
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn what_the_cluster_itself_writes_is_no_drift() {
    let live = edited(|live| {
        live["metadata"]["finalizers"] = json!(["x"]);
        live["metadata"]["labels"]["added"] = json!("x");
        live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("2");
        live["spec"]["template"]["metadata"]["annotations"] =
            json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"});
        live["spec"]["paused"] = Value::Null;
    });
    assert_eq!(found(&live, &[]), Vec::<String>::new());
    assert_eq!(
        settled(&live, &set(), &[]).pointer("/metadata"),
        live.pointer("/metadata")
    );
}

#[test]
fn each_change_is_named_by_its_place() {
    let live = edited(|live| {
        live["spec"]["replicas"] = json!(1);
        live["metadata"]["labels"]["app"] = json!("other");
        live["metadata"]["annotations"]
            .as_object_mut()
            .unwrap()
            .clear();
        let container = &mut live["spec"]["template"]["spec"]["containers"][0];
        container["env"] =
            json!([{"name": "B", "value": "3"}, {"name": "ADDED", "value": "hunter2"}]);
        container["args"] = json!(["--config", "/etc/nats.conf", "-DV"]);
        live["spec"]["template"]["metadata"]["annotations"] = json!({"seen": "yes"});
    });
    let env = "StatefulSet/spec/template/spec/containers/nats/env";
    let told = found(&live, &[]);
    assert_eq!(
        told,
        [
            "StatefulSet/metadata/annotations/meta.helm.sh~1release-name of nats was taken away"
                .to_owned(),
            "StatefulSet/metadata/labels/app of nats was changed".to_owned(),
            "StatefulSet/spec/replicas of nats is 1, not 3".to_owned(),
            "StatefulSet/spec/template/metadata/annotations of nats was added".to_owned(),
            "StatefulSet/spec/template/spec/containers/nats/args/2 of nats was added".to_owned(),
            format!("{env}/A of nats was taken away"),
            format!("{env}/B/value of nats was changed"),
            format!("{env}/ADDED of nats was added"),
        ]
    );
}

#[test]
fn what_is_settled_undoes_everything_but_what_is_left() {
    let live = edited(|live| {
        live["spec"]["replicas"] = json!(1);
        live["metadata"]["labels"]["added"] = json!("x");
        let containers = live["spec"]["template"]["spec"]["containers"]
            .as_array_mut()
            .unwrap();
        containers[0]["env"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "ADDED", "value": "1"}));
        containers.push(json!({"name": "odd", "image": "x"}));
    });
    let settled = settled(&live, &set(), &[]);
    assert_eq!(settled["spec"], set()["spec"]);
    assert_eq!(settled["metadata"]["labels"]["added"], "x");
    assert_eq!(settled["metadata"]["resourceVersion"], "77");
    assert!(differences(&settled, &super::settled(&settled, &set(), &[])).is_empty());
}

#[test]
fn ignored_places_stay_as_they_are() {
    let live = edited(|live| {
        live["spec"]["replicas"] = json!(5);
        let container = &mut live["spec"]["template"]["spec"]["containers"][0];
        container["image"] = json!("nats:3");
        container["env"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "ADDED", "value": "1"}));
    });
    let container = "StatefulSet/spec/template/spec/containers";
    let told = found(
        &live,
        &[
            "StatefulSet/spec/replicas",
            "*/spec/template/spec/containers/*/env",
        ],
    );
    assert_eq!(
        told,
        [format!("{container}/nats/image of nats was changed")]
    );
    let all = ["StatefulSet/spec"];
    assert_eq!(found(&live, &all), Vec::<String>::new());
    assert_eq!(
        settled(&live, &set(), &ignoring(&all))["spec"],
        live["spec"]
    );
    // What is ignored and was taken away is not put back.
    let gone = edited(|live| {
        live["spec"].as_object_mut().unwrap().remove("replicas");
        live["spec"]["template"]["spec"]["containers"][0]
            .as_object_mut()
            .unwrap()
            .remove("env");
    });
    let told = found(
        &gone,
        &[
            "StatefulSet/spec/replicas",
            "StatefulSet/spec/template/spec/containers/nats/env/A",
        ],
    );
    assert_eq!(
        told,
        [format!("{container}/nats/env of nats was taken away")]
    );
}

#[test]
fn lists_without_names_are_compared_by_number_and_order_of_names_is_none() {
    let wanted = json!({"kind": "Service", "metadata": {"name": "nats"},
        "spec": {"ports": [{"name": "nats", "port": 4222}, {"name": "ws", "port": 8080}], "ips": ["a", "b"]}});
    let mut live = wanted.clone();
    live["spec"]["ports"].as_array_mut().unwrap().reverse();
    let settled_live = settled(&live, &wanted, &[]);
    assert!(differences(&live, &settled_live).is_empty());
    live["spec"]["ips"] = json!(["b", "b"]);
    live["spec"]["ports"][0]["port"] = json!(9);
    let told: Vec<String> = differences(&live, &settled(&live, &wanted, &[]))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "Service/spec/ips/0 of nats was changed",
            "Service/spec/ports/ws/port of nats is 9, not 8080"
        ]
    );
}

#[test]
fn values_of_secrets_and_configuration_are_never_shown() {
    for kind in ["Secret", "ConfigMap"] {
        let wanted =
            json!({"kind": kind, "metadata": {"name": "x"}, "data": {"a": 1, "b": "s3cret"}});
        let live = json!({"kind": kind, "metadata": {"name": "x"}, "data": {"a": 2, "b": "hunter2", "c": "x"}});
        let found = differences(&live, &settled(&live, &wanted, &[]));
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(found.len(), 3);
        assert!(
            !text.contains("hunter2") && !text.contains("s3cret") && !text.contains(":2"),
            "{text}"
        );
    }
}

#[test]
fn accounts_keep_what_clusters_give_them() {
    let wanted = json!({"kind": "ServiceAccount", "metadata": {"name": "nats"}});
    let live = json!({"kind": "ServiceAccount", "metadata": {"name": "nats"}, "secrets": [{"name": "x"}],
        "automountServiceAccountToken": false});
    let told = differences(&live, &settled(&live, &wanted, &[]));
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].place(),
        "ServiceAccount/automountServiceAccountToken"
    );
}

#[test]
fn a_drift_is_named_by_places_and_not_by_values() {
    let once = |replicas: i32| {
        let live = edited(|live| live["spec"]["replicas"] = json!(replicas));
        differences(&live, &settled(&live, &set(), &[]))
    };
    assert_eq!(name_of(&once(1)), name_of(&once(2)));
    assert_ne!(
        name_of(&once(1)),
        name_of(&[Difference::gone("StatefulSet", "nats")])
    );
    assert_eq!(name_of(&[]), None);
}
