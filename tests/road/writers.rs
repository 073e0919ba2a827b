//! Two hosts that work as the same instance: one writes, the other waits, and takes over when the first is gone.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{US, World, eventually, exchange};

fn lease(world: &World, name: &str) -> Value {
    let text = world.kubectl(
        US,
        &["-n", "kube-system", "get", "lease", name, "-o", "json"],
    );
    let lease: Value = serde_json::from_str(&text).unwrap();
    lease["spec"].clone()
}

#[test]
fn the_second_of_two_waits_and_takes_over_when_the_first_is_killed() {
    let (world, release) = (World::new("writers"), "nats-writers");
    let id = format!("{US}/road/{release}");
    let (_registry, address) = world.serve_registry();
    world.settings(
        &world.repository.url_file(),
        &format!("registry: {{url: {address}}}\n"),
    );
    // The other host: its own state folder and helm, the same repository, registry, cluster and instance.
    let helm = world.fleet.tools().helm3.clone();
    let settings = std::fs::read_to_string(world.path("config.yaml")).unwrap();
    let other = settings
        .replace(
            &format!("state: {}", world.state().display()),
            &format!("state: {}", world.path("other").display()),
        )
        .replace(
            &format!("helm: {{path: {}}}", world.path("helm").display()),
            &format!("helm: {{path: {}}}", helm.display()),
        );
    assert_ne!(other, settings);
    std::fs::write(world.path("other.yaml"), other).unwrap();
    let other = world.path("other.yaml").to_string_lossy().into_owned();
    let other = ["--config", &other];

    // The first one's helm has begun, and does not get anywhere.
    let script = "[ \"$1\" = install ] && while :; do sleep 0.2; done";
    world.use_helm_after(&helm, script);
    world.commit(&[("exchanges/a.yaml", Some(&exchange(US, release, "")))]);
    let first = world.daemon();
    let mut begun = None;
    eventually("the first begins", Duration::from_secs(60), || {
        begun = world.running_helm("install", release);
        begun.is_some()
    });
    let holder = lease(&world, "natsx-sync-writers")["holderIdentity"].clone();
    assert!(holder.is_string());

    let second = world.begin(&[other.as_slice(), &["run", "-v"]].concat());
    let status = || {
        let ran = world.run(&[other.as_slice(), &["status", "--format", "json"]].concat());
        let all = if ran.code == 0 {
            ran.json()
        } else {
            Value::Null
        };
        let entries = all["exchanges"].as_array().cloned().unwrap_or_default();
        entries.into_iter().find(|entry| entry["id"] == id.as_str())
    };
    let is = |entry: &Option<Value>, field: &str, wanted: &str| {
        entry.as_ref().is_some_and(|entry| entry[field] == wanted)
    };
    eventually("the second waits", Duration::from_secs(60), || {
        is(&status(), "reason", "LeaseHeld")
    });
    let waits = status();
    assert!(is(&waits, "phase", "waiting"), "{waits:#?}");
    // A plan and a status take nothing from anybody.
    let plan = ["plan", "--format", "json"];
    world
        .run(&[other.as_slice(), plan.as_slice()].concat())
        .expect(0);
    std::thread::sleep(Duration::from_secs(12));
    let renewed = lease(&world, "natsx-sync-writers");
    assert_eq!(renewed["holderIdentity"], holder);
    assert!(is(&status(), "reason", "LeaseHeld"));
    assert_eq!(world.latest(US, release), None);

    let killed = Instant::now();
    first.kill();
    begun.unwrap().signal(rustix::process::Signal::KILL);
    eventually("the second begins", Duration::from_secs(60), || {
        world.latest(US, release).is_some()
    });
    let waited = killed.elapsed();
    println!("taken over {waited:?} after the kill");
    assert!(waited < Duration::from_secs(45), "{waited:?}");
    eventually("the second is done", Duration::from_secs(120), || {
        is(&status(), "phase", "ready")
    });
    assert_eq!(world.latest(US, release), Some((1, "deployed".to_owned())));
    assert!(world.record(release).is_some());

    // With nothing to do nobody holds it.
    eventually("it lets go", Duration::from_secs(20), || {
        lease(&world, "natsx-sync-writers")["holderIdentity"].is_null()
    });
    assert_eq!(lease(&world, "natsx-sync-writers")["leaseTransitions"], 1);
    second.kill();
}
