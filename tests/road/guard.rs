//! Nothing goes away by accident.

use crate::world::{EU, US, World, exchange};

#[test]
fn the_last_exchange_is_held_back_then_approved_then_gone_and_keeps_its_volume() {
    let world = World::new("last");
    let id = "us-east-cluster/road/nats-last";
    let values = "  config.jetstream.enabled: true\n  config.jetstream.fileStore.pvc.size: 1Gi\n";
    world.commit(&[
        ("exchanges/a.yaml", Some(&exchange(US, "nats-last", values))),
        ("README.md", Some("x")),
    ]);
    world.apply().expect(0);
    world.commit(&[("exchanges/a.yaml", None)]);

    let held = world.apply().expect(5);
    assert_eq!(held.entry(id)["result"], "blocked");
    assert_eq!(world.plan().expect(5).entry(id)["reason"], "MassRemoval");
    assert_eq!(
        world.latest(US, "nats-last"),
        Some((1, "deployed".to_owned()))
    );
    assert!(world.record("nats-last").is_some());

    world.run(&["approve", id]).expect(0);
    world.apply().expect(0);
    assert_eq!(world.latest(US, "nats-last"), None);
    assert_eq!(world.record("nats-last"), None);
    let claim = world
        .object(US, "pvc", "nats-last-js-nats-last-0")
        .expect("the volume is kept");
    assert_eq!(claim["status"]["phase"], "Bound");
}

#[test]
fn a_protected_exchange_stays_until_an_earlier_commit_unprotects_it() {
    let world = World::new("protected");
    let id = "eu-edge-cluster/road/nats-protected";
    let text = exchange(EU, "nats-protected", "");
    let other = exchange(EU, "nats-protected-other", "");
    let protected = format!("{text}protect: true\n");
    world.commit(&[
        ("exchanges/a.yaml", Some(&protected)),
        ("exchanges/b.yaml", Some(&other)),
    ]);
    world.apply().expect(0);
    world.commit(&[("exchanges/a.yaml", None)]);
    assert_eq!(world.plan().expect(5).entry(id)["reason"], "Protected");
    world.apply().expect(5);
    assert_eq!(
        world.latest(EU, "nats-protected"),
        Some((1, "deployed".to_owned()))
    );
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    world.commit(&[("exchanges/a.yaml", None)]);
    world.apply().expect(0);
    assert_eq!(world.latest(EU, "nats-protected"), None);
}
