//! What is not ours, or cannot be read, is left alone.

use crate::world::{EU, World, exchange};

#[test]
fn a_release_of_somebody_else_is_a_conflict_and_stays_as_it_is() {
    let world = World::new("foreign");
    let chart = world.fleet.chart();
    world.helm(
        EU,
        &[
            "install",
            "nats-foreign",
            &chart.to_string_lossy(),
            "--create-namespace",
            "--set",
            "natsBox.enabled=false",
        ],
    );
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, "nats-foreign", "")))]);
    let ran = world.apply().expect(3);
    let entry = ran.entry("eu-edge-cluster/road/nats-foreign");
    assert_eq!(
        (&entry["result"], &entry["reason"]),
        (&"blocked".into(), &"NotOurs".into())
    );
    assert_eq!(
        world.latest(EU, "nats-foreign"),
        Some((1, "deployed".to_owned()))
    );
    assert_eq!(world.record("nats-foreign"), None);
    assert!(world.helm_calls().is_empty());
    world.helm(EU, &["uninstall", "nats-foreign"]);
}

#[test]
fn a_release_that_cannot_be_decoded_is_unreadable_and_never_absent() {
    let world = World::new("garbled");
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, "nats-garbled", "")))]);
    world.apply().expect(0);
    let helms = world.helm_calls();
    let patch = r#"{"data":{"release":"Z2FyYmxlZA=="}}"#;
    world.kubectl(
        EU,
        &[
            "-n",
            "road",
            "patch",
            "secret",
            "sh.helm.release.v1.nats-garbled.v1",
            "-p",
            patch,
        ],
    );
    // Only a change makes anybody look inside.
    world.commit(&[(
        "exchanges/a.yaml",
        Some(&exchange(
            EU,
            "nats-garbled",
            "  config.merge.max_connections: 8\n",
        )),
    )]);
    let ran = world.apply().expect(3);
    assert_eq!(
        ran.entry("eu-edge-cluster/road/nats-garbled")["reason"],
        "ReleaseUnreadable"
    );
    assert_eq!(world.helm_calls(), helms);
    assert!(world.object(EU, "statefulset", "nats-garbled").is_some());
}
