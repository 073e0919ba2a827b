//! Somebody asks for an exchange whose cluster cannot be read: it is served once it can, and nobody has to ask again.

use std::time::Duration;

use crate::world::{EU, Mood, US, World, eventually, exchange, inventory};

#[test]
fn what_was_asked_for_while_its_cluster_was_away_is_served_when_it_is_back() {
    let (world, release) = (World::new("unseen"), "nats-unseen");
    let id = format!("{EU}/road/{release}");
    let front = world.front(EU);
    let clusters = inventory(&[
        (US, world.cluster(US).kubeconfig()),
        (EU, &front.kubeconfig),
    ]);
    world.settings_with(&world.repository.url_file(), &clusters, "");
    // What is refused so is not tried again by itself.
    let mended = world.path("mended");
    let refuse = format!(
        "if [ \"$1\" = install ] && [ ! -e {} ]; then echo 'Error: field is immutable' >&2; exit 1; fi",
        mended.display()
    );
    world.use_helm_after(&world.fleet.tools().helm3.clone(), &refuse);
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, release, "")))]);
    let daemon = world.daemon();
    world.until_phase(&id, "failed");
    std::fs::write(&mended, "").unwrap();

    front.set(Mood::Refuses);
    world.until_phase(&id, "unknown");
    let asked = world.run(&["reconcile", release, "--format", "json"]);
    let pass = asked.expect(0).json()["pass"].as_u64().unwrap();
    eventually("the pass that serves it", Duration::from_secs(20), || {
        let status = world.run(&["status", "--format", "json"]).json();
        status["tried"].as_u64().unwrap() >= pass
    });
    world.until_phase(&id, "unknown");
    let helms = world.helm_calls();

    front.set(Mood::Passes);
    eventually("another helm", Duration::from_secs(20), || {
        world.helm_calls().len() > helms.len()
    });
    world.until_phase(&id, "ready");
    assert_eq!(daemon.stop(), 0);
}
