//! What Kubernetes cannot change in place is said beforehand, and not begun.

use crate::world::{EU, World, exchange};

#[test]
fn jetstream_enabled_or_disabled_later_is_blocked_and_the_configuration_untouched() {
    let world = World::new("stream");
    let with = "  config.jetstream.enabled: true\n  config.jetstream.fileStore.pvc.size: 1Gi\n";
    let (memory, stored) = (
        exchange(EU, "nats-stream-a", ""),
        exchange(EU, "nats-stream-b", with),
    );
    world.commit(&[
        ("exchanges/a.yaml", Some(&memory)),
        ("exchanges/b.yaml", Some(&stored)),
    ]);
    world.apply().expect(0);
    let before = [
        world.configuration(EU, "nats-stream-a"),
        world.configuration(EU, "nats-stream-b"),
    ];
    let (now_with, now_plain) = (
        exchange(EU, "nats-stream-a", with),
        exchange(EU, "nats-stream-b", ""),
    );
    world.commit(&[
        ("exchanges/a.yaml", Some(&now_with)),
        ("exchanges/b.yaml", Some(&now_plain)),
    ]);
    let plan = world.plan().expect(3);
    for release in ["nats-stream-a", "nats-stream-b"] {
        let entry = plan.entry(&format!("eu-edge-cluster/road/{release}"));
        assert_eq!(entry["action"], "blocked", "{entry:#}");
        assert_eq!(entry["reason"], "StatefulSetImmutable");
    }
    world.apply().expect(3);
    let after = [
        world.configuration(EU, "nats-stream-a"),
        world.configuration(EU, "nats-stream-b"),
    ];
    assert_eq!(before, after);
    assert_eq!(
        world.latest(EU, "nats-stream-a"),
        Some((1, "deployed".to_owned()))
    );
}
