//! A broken file and a rewritten history never take anything away.

use crate::world::{EU, World, exchange};

#[test]
fn a_broken_file_leaves_its_release_alone_even_without_a_state_folder() {
    let world = World::new("broken");
    // Its records are no part of what is deleted.
    let (_served, registry) = world.serve_registry();
    world.settings(
        &world.repository.url_file(),
        &format!("registry: {{url: '{registry}'}}\n"),
    );
    let id = "eu-edge-cluster/road/nats-broken";
    let (good, other) = (
        exchange(EU, "nats-broken", ""),
        exchange(EU, "nats-broken-b", ""),
    );
    world.commit(&[
        ("exchanges/a.yaml", Some(&good)),
        ("exchanges/b.yaml", Some(&other)),
    ]);
    world.apply().expect(0);
    let (record, helms) = (world.record("nats-broken"), world.helm_calls());
    assert!(record.is_some());
    // Nothing in it names the exchange any more.
    world.commit(&[("exchanges/a.yaml", Some("release_name: [broken\n"))]);
    for _ in 0..2 {
        let ran = world.apply().expect(1);
        assert_eq!(ran.entry(id)["result"], "blocked", "{}", ran.stdout);
        assert_eq!(ran.entry(id)["reason"], "FileInvalid");
        assert_eq!(
            world.latest(EU, "nats-broken"),
            Some((1, "deployed".to_owned()))
        );
        assert_eq!(world.record("nats-broken"), record);
        assert_eq!(world.helm_calls(), helms);
        std::fs::remove_dir_all(world.state()).unwrap();
    }
}

#[test]
fn a_history_that_does_not_know_a_release_does_not_remove_it() {
    let world = World::new("rewritten");
    let keep = exchange(EU, "nats-rewritten-b", "");
    world.commit(&[("exchanges/b.yaml", Some(&keep))]);
    let base = world.repository.head().unwrap().unwrap();
    world.commit(&[(
        "exchanges/a.yaml",
        Some(&exchange(EU, "nats-rewritten", "")),
    )]);
    world.apply().expect(0);
    world.repository.rewrite_to(&base).unwrap();
    world.commit(&[(
        "exchanges/b.yaml",
        Some(&format!("{keep}# another line of history\n")),
    )]);
    let ran = world.apply();
    assert_eq!(ran.code, 3, "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(
        ran.entry("eu-edge-cluster/road/nats-rewritten")["reason"],
        "NotFromThisHistory"
    );
    assert_eq!(
        world.latest(EU, "nats-rewritten"),
        Some((1, "deployed".to_owned()))
    );
    assert!(world.record("nats-rewritten").is_some());
}
