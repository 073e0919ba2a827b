//! What people change by hand is put back.

use crate::world::{EU, World, exchange};

#[test]
fn an_upgrade_and_a_rollback_by_hand_are_put_back() {
    let world = World::new("drift");
    let id = "eu-edge-cluster/road/nats-drift";
    let text = exchange(EU, "nats-drift", "  config.merge.max_connections: 50\n");
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    world.apply().expect(0);
    let chart = world.fleet.chart();
    world.helm(
        EU,
        &[
            "upgrade",
            "nats-drift",
            &chart.to_string_lossy(),
            "--reuse-values",
            "--set",
            "config.merge.max_connections=51",
        ],
    );
    let plan = world.plan().expect(0);
    assert_eq!(
        plan.entry(id)["reason"],
        "ChangedByOthers",
        "{}",
        plan.stdout
    );
    assert_eq!(plan.entry(id)["action"], "upgrade");
    world.apply().expect(0);
    world.until_connections(EU, "nats-drift-0", 50);

    // Back to what a person had made of it.
    world.helm(EU, &["rollback", "nats-drift", "2"]);
    // Put back at once: the server may never see what stood between, and has nothing to load again.
    assert_eq!(
        world.plan().expect(0).entry(id)["reason"],
        "ChangedByOthers"
    );
    world.apply().expect(0);
    world.until_connections(EU, "nats-drift-0", 50);

    // An upgrade that changes nothing needs no helm of ours, only its stamp.
    world.helm(
        EU,
        &[
            "upgrade",
            "nats-drift",
            &chart.to_string_lossy(),
            "--reuse-values",
        ],
    );
    let helms = world.helm_calls();
    assert_eq!(world.plan().expect(0).entry(id)["action"], "repair");
    world.apply().expect(0);
    assert_eq!(world.helm_calls(), helms);
    assert_eq!(world.plan().expect(0).entry(id)["action"], "none");
}

#[test]
fn a_set_scaled_by_hand_is_put_back_by_the_next_change() {
    let world = World::new("scaled");
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, "nats-scaled", "")))]);
    world.apply().expect(0);
    world.kubectl(
        EU,
        &[
            "-n",
            "road",
            "scale",
            "statefulset",
            "nats-scaled",
            "--replicas=0",
        ],
    );
    let changed = exchange(EU, "nats-scaled", "  config.merge.max_connections: 9\n");
    world.commit(&[("exchanges/a.yaml", Some(&changed))]);
    // helm 4 applies on the server and takes fields back; helm 3 compares with the old manifest only.
    world.use_helm(&world.fleet.tools().helm4.clone());
    world.apply().expect(0);
    let set = world.object(EU, "statefulset", "nats-scaled").unwrap();
    assert_eq!(set["spec"]["replicas"], 1);
}
