//! What is being deleted is never written over: helm would say `deployed`, and then it vanishes.

use serde_json::Value;

use crate::world::{Begun, EU, World, exchange};

const FINALIZER: &str = "natsx.test/stays";

/// Sets the finalizers of a release's `StatefulSet`: with one it is there until it is taken away, however it is deleted.
fn finalize(world: &World, release: &str, finalizers: &[&str]) {
    let patch = serde_json::json!({"metadata": {"finalizers": finalizers}}).to_string();
    world.kubectl(
        EU,
        &[
            "-n",
            "road",
            "patch",
            "statefulset",
            release,
            "--type=merge",
            "-p",
            &patch,
        ],
    );
}

fn terminating_set(world: &World, release: &str) -> Value {
    let set = world.object(EU, "statefulset", release).unwrap();
    assert!(set["metadata"]["deletionTimestamp"].is_string(), "{set:#}");
    set
}

/// The `apply` waits without a helm; once the old one is gone the new one comes up.
fn assert_waits_for(world: &World, release: &str, old: &Value, mut begun: Begun) {
    let helms = world.helm_calls();
    begun.until_said(&format!("still terminating: StatefulSet/{release}"));
    assert_eq!(world.latest(EU, release), None);
    assert_eq!(world.helm_calls(), helms, "no helm yet");
    finalize(world, release, &[]);
    begun.finish().expect(0);
    let new = world.object(EU, "statefulset", release).unwrap();
    assert_ne!(new["metadata"]["uid"], old["metadata"]["uid"]);
    assert!(new["metadata"]["deletionTimestamp"].is_null());
    assert_eq!(new["status"]["readyReplicas"], 1);
    assert_eq!(world.latest(EU, release), Some((1, "deployed".to_owned())));
    let record = world.record(release).unwrap();
    assert_eq!(record["metadata"]["natsx"]["state"], "ready");
}

#[test]
fn an_install_waits_for_what_somebody_else_is_removing() {
    let (world, release) = (World::new("ending"), "nats-ending");
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, release, "")))]);
    world.apply().expect(0);
    finalize(&world, release, &[FINALIZER]);
    world.helm(EU, &["uninstall", release]);
    let old = terminating_set(&world, release);
    assert_waits_for(&world, release, &old, world.begin_apply());
}

#[test]
fn what_is_declared_again_waits_for_its_own_removal() {
    let (world, release) = (World::new("terminating"), "nats-terminating");
    let text = exchange(EU, release, "");
    let other = exchange(EU, "nats-terminating-b", "");
    world.commit(&[
        ("exchanges/a.yaml", Some(&text)),
        ("exchanges/b.yaml", Some(&other)),
    ]);
    world.apply().expect(0);
    finalize(&world, release, &[FINALIZER]);
    world.commit(&[("exchanges/a.yaml", None)]);
    let mut removal = world.begin_apply();
    removal.until_said(&format!("StatefulSet/{release}"));
    let old = terminating_set(&world, release);
    assert!(world.record(release).is_some(), "until it is really gone");
    removal.kill();

    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    assert_waits_for(&world, release, &old, world.begin_apply());
}
