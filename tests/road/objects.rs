//! What people change at single objects of a release is found, named and put back, where an exchange wants that.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{EU, World, eventually, exchange};

const MODE: &str = "sync_mode: continuous_with_drift_detection\n";

/// An exchange whose objects are compared; `more` is YAML below `helm_values`.
fn watched(release: &str, more: &str) -> String {
    format!("{}{MODE}", exchange(EU, release, more))
}

/// What differs, by place.
fn places(entry: &Value) -> Vec<String> {
    let found = entry["drift"].as_array().unwrap().iter();
    let place = |one: &Value| {
        let path: Vec<&str> = one["path"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key.as_str().unwrap())
            .collect();
        format!(
            "{} {} {}",
            one["kind"].as_str().unwrap(),
            path.join("."),
            one["change"].as_str().unwrap()
        )
    };
    found.map(place).collect()
}

fn patch(world: &World, kind: &str, name: &str, patch: &Value) {
    let patch = patch.to_string();
    world.kubectl(
        EU,
        &[
            "-n",
            "road",
            "patch",
            kind,
            name,
            "--type=json",
            "-p",
            &patch,
        ],
    );
}

/// One change of each sort, as people make them.
fn edit(world: &World, release: &str) {
    let container = "/spec/template/spec/containers/0";
    patch(
        world,
        "statefulset",
        release,
        &json!([
            {"op": "replace", "path": "/spec/replicas", "value": 2},
            {"op": "add", "path": format!("{container}/env/-"), "value": {"name": "ADDED", "value": "hunter2"}},
        ]),
    );
    let config = format!("{release}-config");
    patch(
        world,
        "configmap",
        &config,
        &json!([
            {"op": "replace", "path": "/data/nats.conf", "value": "authorization: {password: hunter2}\n"},
            {"op": "add", "path": "/data/more.conf", "value": "hunter2"},
        ]),
    );
    // helm itself fails on this one.
    patch(
        world,
        "service",
        release,
        &json!([
            {"op": "replace", "path": "/spec/ports/0/port", "value": 4333},
        ]),
    );
    world.kubectl(
        EU,
        &[
            "-n",
            "road",
            "delete",
            "service",
            &format!("{release}-headless"),
        ],
    );
    // No drift: a note of somebody's, and a restart that was meant.
    world.kubectl(
        EU,
        &[
            "-n",
            "road",
            "annotate",
            "statefulset",
            release,
            "note=mine",
        ],
    );
    world.kubectl(
        EU,
        &[
            "-n",
            "road",
            "rollout",
            "restart",
            &format!("statefulset/{release}"),
        ],
    );
}

fn edited_objects_are_named_and_put_back(world: &World, release: &str) {
    let id = format!("{EU}/road/{release}");
    world.commit(&[("exchanges/a.yaml", Some(&watched(release, "")))]);
    world.apply().expect(0);
    let entry = world.plan().expect(0).entry(&id);
    assert_eq!(entry["action"], "none", "{entry:#}");
    assert!(!entry.to_string().contains("DriftUnknown"), "{entry:#}");
    let before = world.configuration(EU, release).0;

    edit(world, release);
    let plan = world.plan().expect(0);
    let entry = plan.entry(&id);
    assert_eq!(entry["action"], "repair", "{entry:#}");
    assert_eq!(entry["reason"], "ObjectsDrifted");
    assert_eq!(
        places(&entry),
        [
            "ConfigMap data.more.conf added",
            "ConfigMap data.nats.conf changed",
            "Service  removed",
            "Service spec.ports.nats.port changed",
            "StatefulSet spec.replicas changed",
            "StatefulSet spec.template.spec.containers.nats.env.ADDED added",
        ]
    );
    assert_eq!(
        entry["effects"],
        json!(["restarts_pods", "scales_down", "reloads_config"])
    );
    assert!(!plan.stdout.contains("hunter2"), "{}", plan.stdout);
    let told = world.run(&["plan", "--revision", "main"]).expect(0).stdout;
    assert!(
        told.contains("StatefulSet/spec/replicas of") && !told.contains("hunter2"),
        "{told}"
    );

    world.apply().expect(0);
    let set = world.object(EU, "statefulset", release).unwrap();
    assert_eq!(set["spec"]["replicas"], 1);
    assert!(!set.to_string().contains("ADDED"), "{set:#}");
    assert_eq!(set["metadata"]["annotations"]["note"], "mine");
    let template = &set["spec"]["template"]["metadata"]["annotations"];
    assert!(
        template["kubectl.kubernetes.io/restartedAt"].is_string(),
        "{template}"
    );
    let map = world
        .object(EU, "configmap", &format!("{release}-config"))
        .unwrap();
    assert_eq!(map["data"]["nats.conf"], before.as_str());
    assert!(map["data"]["more.conf"].is_null());
    let service = world.object(EU, "service", release).unwrap();
    assert_eq!(service["spec"]["ports"][0]["port"], 4222);
    assert!(
        world
            .object(EU, "service", &format!("{release}-headless"))
            .is_some()
    );
    let entry = world.plan().expect(0).entry(&id);
    assert_eq!(entry["action"], "none", "{entry:#}");
}

#[test]
fn edited_objects_are_named_and_put_back_with_helm_3() {
    let world = World::new("objects");
    edited_objects_are_named_and_put_back(&world, "nats-objects");
}

#[test]
fn edited_objects_are_named_and_put_back_with_helm_4() {
    let world = World::new("objects-4");
    world.use_helm(&world.fleet.tools().helm4.clone());
    edited_objects_are_named_and_put_back(&world, "nats-objects-4");
}

#[test]
fn what_was_only_added_is_taken_out_without_any_helm_and_what_is_ignored_stays() {
    let world = World::new("added");
    let release = "nats-added";
    let id = format!("{EU}/road/{release}");
    let ignore = "drift_ignore: [StatefulSet/spec/replicas, 'ConfigMap/data/*.conf~1x', Service/spec/publishNotReadyAddresses]\n";
    let text = format!("{}{ignore}", watched(release, ""));
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    world.apply().expect(0);
    let helms = world.helm_calls();
    patch(
        &world,
        "statefulset",
        release,
        &json!([
            {"op": "replace", "path": "/spec/replicas", "value": 2},
            {"op": "add", "path": "/spec/template/spec/nodeSelector", "value": {"kubernetes.io/os": "linux"}},
        ]),
    );
    let entry = world.plan().expect(0).entry(&id);
    assert_eq!(
        places(&entry),
        ["StatefulSet spec.template.spec.nodeSelector added"]
    );
    assert_eq!(
        entry["steps"],
        json!(["patch_objects", "wait_ready", "register"])
    );
    world.apply().expect(0);
    let set = world.object(EU, "statefulset", release).unwrap();
    assert!(set["spec"]["template"]["spec"]["nodeSelector"].is_null());
    assert_eq!(set["spec"]["replicas"], 2);
    assert_eq!(world.helm_calls(), helms);
    assert_eq!(world.latest(EU, release), Some((1, "deployed".to_owned())));

    // Without the mode nobody looks.
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, release, "")))]);
    patch(
        &world,
        "statefulset",
        release,
        &json!([{"op": "replace", "path": "/spec/replicas", "value": 0}]),
    );
    assert_eq!(world.plan().expect(0).entry(&id)["action"], "none");
}

#[test]
fn a_repair_that_fails_is_not_forgotten() {
    let world = World::new("unmended");
    let release = "nats-unmended";
    let id = format!("{EU}/road/{release}");
    let helm = world.fleet.tools().helm3.clone();
    let fails = "if [ \"$1\" = upgrade ]; then echo broken >&2; exit 1; fi";
    world.use_helm_after(&helm, fails);
    world.settings(&world.repository.url_file(), "drift: {interval: 1s}\n");
    world.commit(&[("exchanges/a.yaml", Some(&watched(release, "")))]);
    let daemon = world.daemon();
    world.until_phase(&id, "ready");
    world.kubectl(EU, &["-n", "road", "delete", "service", release]);
    world.until_phase(&id, "failed");
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        let status = world.run(&["status", "--format", "json"]).entry(&id);
        let phase = status["phase"].as_str().unwrap();
        assert!(
            ["failed", "progressing", "waiting"].contains(&phase),
            "{status:#}"
        );
        assert_eq!(status["planned"], "ObjectsDrifted", "{status:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
    world.use_helm(&helm);
    world
        .run(&["reconcile", release, "--wait", "--timeout", "1m"])
        .expect(0);
    assert!(world.object(EU, "service", release).is_some());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_daemon_puts_back_what_it_sees_and_stops_where_it_comes_again() {
    let world = World::new("returns");
    let release = "nats-returns";
    let id = format!("{EU}/road/{release}");
    // Nobody compares at an interval here: that the set was edited is told.
    world.settings(&world.repository.url_file(), "drift: {interval: 1h}\n");
    let text = watched(release, "  config.cluster.enabled: false\n");
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    let daemon = world.daemon();
    world.until_phase(&id, "ready");
    let replicas = || world.object(EU, "statefulset", release).unwrap()["spec"]["replicas"].clone();
    let scale = || world.scale_to_nothing(EU, "road", release);
    let minute = Duration::from_secs(60);
    for _ in 0..2 {
        scale();
        eventually("put back", minute, || replicas() == 1);
        world.until_phase(&id, "ready");
    }
    assert_eq!(daemon.stop(), 0);

    // The third time is one too often, also for the next daemon.
    scale();
    let daemon = world.daemon();
    world.until_phase(&id, "blocked");
    let status = world
        .run(&["status", "--format", "json"])
        .expect(0)
        .entry(&id);
    assert_eq!(status["reason"], "DriftReturns", "{status:#}");
    assert!(
        status["text"].as_str().unwrap().contains("spec/replicas"),
        "{status:#}"
    );
    assert_eq!(world.plan().expect(3).entry(&id)["reason"], "DriftReturns");
    assert_eq!(replicas(), 0);

    // Somebody insists.
    world
        .run(&["reconcile", release, "--wait", "--timeout", "1m"])
        .expect(0);
    assert_eq!(replicas(), 1);
    world.until_phase(&id, "ready");
    assert_eq!(daemon.stop(), 0);
}
