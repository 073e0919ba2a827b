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
    world.scale_to_nothing(EU, "road", "nats-scaled");
    let changed = exchange(EU, "nats-scaled", "  config.merge.max_connections: 9\n");
    world.commit(&[("exchanges/a.yaml", Some(&changed))]);
    // helm 4 applies on the server and takes fields back; helm 3 compares with the old manifest only.
    world.use_helm(&world.fleet.tools().helm4.clone());
    world.apply().expect(0);
    let set = world.object(EU, "statefulset", "nats-scaled").unwrap();
    assert_eq!(set["spec"]["replicas"], 1);
}

#[test]
fn a_release_whose_secret_was_deleted_is_taken_up_again() {
    let world = World::new("secretless");
    let (id, release) = ("eu-edge-cluster/road/nats-secretless", "nats-secretless");
    let text = |connections: u32| {
        let values = format!("  config.merge.max_connections: {connections}\n");
        exchange(EU, release, &values)
    };
    world.commit(&[("exchanges/a.yaml", Some(&text(5)))]);
    world.apply().expect(0);
    let pod = world.object(EU, "pod", "nats-secretless-0").unwrap();
    let delete = |revision: u32| {
        let secret = format!("sh.helm.release.v1.{release}.v{revision}");
        world.kubectl(EU, &["-n", "road", "delete", "secret", &secret]);
    };
    delete(1);
    assert_eq!(world.plan().expect(0).entry(id)["action"], "install");
    world.apply().expect(0);
    assert_eq!(world.latest(EU, release), Some((1, "deployed".to_owned())));

    // With an older revision still there.
    world.commit(&[("exchanges/a.yaml", Some(&text(6)))]);
    world.apply().expect(0);
    delete(2);
    let entry = world.plan().expect(0).entry(id);
    assert_eq!(entry["action"], "upgrade", "{entry:#}");
    world.apply().expect(0);
    let (_, status) = world.latest(EU, release).unwrap();
    assert_eq!(status, "deployed");
    assert!(world.configuration(EU, release).0.contains('6'));
    assert_eq!(world.plan().expect(0).entry(id)["action"], "none");
    let after = world.object(EU, "pod", "nats-secretless-0").unwrap();
    assert_eq!(
        pod["metadata"]["uid"], after["metadata"]["uid"],
        "its servers never noticed"
    );
}

#[test]
fn a_namespace_that_was_deleted_is_made_anew_with_everything_in_it() {
    let world = World::new("homeless");
    let id = "eu-edge-cluster/homeless/nats-homeless";
    let text = exchange(EU, "nats-homeless", "").replace("namespace: road", "namespace: homeless");
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    let daemon = world.daemon();
    world.until_phase(id, "ready");
    let uid = || {
        let get = [
            "get",
            "namespace",
            "homeless",
            "--ignore-not-found",
            "-o",
            "jsonpath={.metadata.uid}",
        ];
        world.kubectl(EU, &get)
    };
    let (before, record) = (uid(), world.record("nats-homeless").unwrap());
    world.kubectl(EU, &["delete", "namespace", "homeless"]);
    let minutes = std::time::Duration::from_secs(120);
    crate::world::eventually("made anew", minutes, || {
        let now = uid();
        !now.is_empty() && now != before
    });
    world.until_phase(id, "ready");
    let revisions = world.revisions_in(EU, "homeless", "nats-homeless");
    assert_eq!(revisions.len(), 1);
    assert_eq!(revisions[0]["status"], "deployed");
    assert_eq!(world.record("nats-homeless").unwrap(), record);
    assert_eq!(daemon.stop(), 0);
}
