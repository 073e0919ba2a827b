//! A dead cluster or registry delays itself and takes nothing away.

use crate::world::{EU, US, World, exchange};

#[test]
fn a_dead_cluster_keeps_nobody_waiting_and_loses_nothing() {
    let world = World::new("dead");
    let (us, eu) = (
        exchange(US, "nats-dead-us", ""),
        exchange(EU, "nats-dead-eu", ""),
    );
    world.commit(&[
        ("exchanges/us.yaml", Some(&us)),
        ("exchanges/eu.yaml", Some(&eu)),
    ]);
    world.apply().expect(0);

    // The same cluster behind an address where nobody listens.
    let dead = std::fs::read_to_string(world.cluster(US).kubeconfig()).unwrap();
    let server = dead
        .split('"')
        .find(|part| part.starts_with("https://127.0.0.1:"))
        .unwrap()
        .to_owned();
    std::fs::write(
        world.path("dead"),
        dead.replace(&server, "https://127.0.0.1:1"),
    )
    .unwrap();
    let inventory = |us: &str| {
        let eu = world.cluster(EU).kubeconfig().display().to_string();
        format!("  {US}: {{kubeconfig: {us}}}\n  {EU}: {{kubeconfig: {eu}}}\n")
    };
    world.settings_with(
        &world.repository.url_file(),
        &inventory(&world.path("dead").to_string_lossy()),
        "",
    );
    let changed = exchange(EU, "nats-dead-eu", "  config.merge.max_connections: 5\n");
    world.commit(&[
        ("exchanges/us.yaml", None),
        ("exchanges/eu.yaml", Some(&changed)),
    ]);
    let ran = world.apply().expect(3);
    assert_eq!(
        ran.entry("eu-edge-cluster/road/nats-dead-eu")["result"],
        "done"
    );
    assert_eq!(
        world.latest(US, "nats-dead-us"),
        Some((1, "deployed".to_owned()))
    );
    assert!(world.record("nats-dead-us").is_some(), "its record stays");

    // Taken out of the inventory: nothing of it is touched either.
    let eu_only = format!(
        "  {EU}: {{kubeconfig: {}}}\n",
        world.cluster(EU).kubeconfig().display()
    );
    world.settings_with(&world.repository.url_file(), &eu_only, "");
    world.apply();
    assert_eq!(
        world.latest(US, "nats-dead-us"),
        Some((1, "deployed".to_owned()))
    );
    assert!(world.record("nats-dead-us").is_some());

    // Back again: now it goes.
    world.settings(&world.repository.url_file(), "");
    world.apply().expect(0);
    assert_eq!(world.latest(US, "nats-dead-us"), None);
    assert_eq!(world.record("nats-dead-us"), None);
}

#[test]
fn a_dead_registry_keeps_no_release_from_running_and_is_tried_again() {
    let world = World::new("unlisted");
    world.settings(
        &world.repository.url_file(),
        "registry: {url: 'http://127.0.0.1:1'}\n",
    );
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, "nats-unlisted", "")))]);
    let ran = world.apply();
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    assert_eq!(
        world.latest(EU, "nats-unlisted"),
        Some((1, "deployed".to_owned()))
    );
    let helms = world.helm_calls();
    world.settings(&world.repository.url_file(), "");
    world.apply().expect(0);
    assert!(world.record("nats-unlisted").is_some());
    assert_eq!(world.helm_calls(), helms, "only the record was missing");
}
