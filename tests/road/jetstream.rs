//! What Kubernetes cannot change in place is said beforehand, and not begun.

use std::time::Duration;

use crate::world::{EU, World, eventually, exchange};

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

#[test]
fn what_is_told_to_be_done_by_hand_lets_it_go_on() {
    let world = World::new("remade");
    let (id, release) = ("eu-edge-cluster/road/nats-remade", "nats-remade");
    let file = "exchanges/a.yaml";
    world.commit(&[(file, Some(&exchange(EU, release, "")))]);
    let daemon = world.daemon();
    world.until_phase(id, "ready");
    let with = "  config.jetstream.enabled: true\n  config.jetstream.fileStore.pvc.size: 1Gi\n";
    world.commit(&[(file, Some(&exchange(EU, release, with)))]);
    world.until_phase(id, "blocked");
    let said = world.run(&["why", release]).expect(0).stdout;
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, procedure) = said.split_once("`kubectl ").expect(&said);
    let (procedure, _) = procedure.split_once('`').unwrap();
    let words: Vec<_> = procedure.split(' ').collect();
    assert_eq!(words[..2], ["-n", "road"], "{procedure}");
    world.kubectl(EU, &words);
    // Nobody has to say it again: that the set is gone is told by the cluster.
    eventually("the set is made anew", Duration::from_secs(60), || {
        world.latest(EU, release) == Some((2, "deployed".to_owned()))
    });
    let pod = "nats-remade-0";
    assert!(world.object(EU, "pod", pod).is_some(), "it was left");
    world.kubectl(EU, &["-n", "road", "delete", "pod", pod]);
    world.until_phase(id, "ready");
    let set = world.object(EU, "statefulset", release).unwrap();
    assert_eq!(
        set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"],
        "nats-remade-js"
    );
    assert_eq!(world.latest(EU, release), Some((2, "deployed".to_owned())));
    assert!(
        world
            .object(EU, "pvc", "nats-remade-js-nats-remade-0")
            .is_some()
    );
    assert_eq!(daemon.stop(), 0);
}
