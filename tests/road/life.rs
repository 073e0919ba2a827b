//! Install, upgrade, uninstall; and nothing where nothing is to be done.

use crate::world::{EU, US, World, exchange, inventory};

#[test]
fn exchanges_come_change_and_go_on_two_clusters() {
    let world = World::new("life");
    let (us, eu) = (
        exchange(US, "nats-life-us", ""),
        exchange(EU, "nats-life-eu", ""),
    );
    let first = world.commit(&[
        ("exchanges/us.yaml", Some(&us)),
        ("exchanges/eu.yaml", Some(&eu)),
    ]);
    let plan = world.plan().expect(0);
    assert_eq!(plan.json()["summary"]["install"], 2);
    let outcome = world.apply().expect(0);
    assert_eq!(
        outcome.entry("us-east-cluster/road/nats-life-us")["result"],
        "done"
    );
    for (cluster, release) in [(US, "nats-life-us"), (EU, "nats-life-eu")] {
        assert_eq!(
            world.latest(cluster, release),
            Some((1, "deployed".to_owned()))
        );
        let record = world.record(release).unwrap();
        assert_eq!(record["cluster_id"], cluster);
        assert_eq!(record["org_ids"], "org001,org002");
        assert_eq!(record["metadata"]["natsx"]["commit"], first.as_str());
        let set = world.object(cluster, "statefulset", release).unwrap();
        assert_eq!(set["status"]["readyReplicas"], 1);
    }

    let changed = exchange(US, "nats-life-us", "  config.merge.max_connections: 77\n");
    world.commit(&[("exchanges/us.yaml", Some(&changed))]);
    let plan = world.plan().expect(0);
    assert_eq!(plan.json()["summary"]["upgrade"], 1);
    assert_eq!(
        plan.entry("us-east-cluster/road/nats-life-us")["values"][0]["new"],
        77
    );
    let pod = world.object(US, "pod", "nats-life-us-0").unwrap();
    world.apply().expect(0);
    assert_eq!(
        world.latest(US, "nats-life-us"),
        Some((2, "deployed".to_owned()))
    );
    assert!(world.configuration(US, "nats-life-us").0.contains("77"));
    let after = world.object(US, "pod", "nats-life-us-0").unwrap();
    assert_eq!(
        pod["metadata"]["uid"], after["metadata"]["uid"],
        "a reload restarts no pod"
    );

    world.commit(&[("exchanges/us.yaml", None)]);
    assert_eq!(world.plan().expect(0).json()["summary"]["uninstall"], 1);
    world.apply().expect(0);
    assert_eq!(world.latest(US, "nats-life-us"), None);
    assert_eq!(world.object(US, "statefulset", "nats-life-us"), None);
    assert_eq!(world.record("nats-life-us"), None);
    assert_eq!(
        world.latest(EU, "nats-life-eu"),
        Some((1, "deployed".to_owned()))
    );
}

#[test]
fn the_same_commit_again_starts_no_helm_and_changes_nothing() {
    let world = World::new("again");
    let account = world.administrator(EU, "again");
    let clusters = inventory(&[(EU, &account.kubeconfig)]);
    world.settings_with(&world.repository.url_file(), &clusters, "");
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, "nats-again", "")))]);
    world.apply().expect(0);
    let (helms, changes) = (world.helm_calls(), world.changes_by(EU, &account));
    assert_eq!(helms, ["install"]);
    // The counter counts.
    for one in [
        "create secrets/sh.helm.release.v1.nats-again.v1",
        "create statefulsets/nats-again",
        "create configmaps/nats-again-config",
    ] {
        let mut all = changes.iter();
        assert!(all.any(|change| change == one), "no {one}: {changes:#?}");
    }
    assert_eq!(world.plan().expect(0).json()["summary"]["none"], 1);
    world.apply().expect(0);
    // Another host, another day: nothing is remembered but what the cluster says.
    std::fs::remove_dir_all(world.state().join("journal")).unwrap();
    world.apply().expect(0);
    assert_eq!(world.helm_calls(), helms);
    assert_eq!(world.changes_by(EU, &account), changes);
}

#[test]
fn a_moved_file_is_no_change() {
    let world = World::new("moved");
    let text = exchange(EU, "nats-moved", "");
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    world.apply().expect(0);
    let helms = world.helm_calls();
    world.commit(&[
        ("exchanges/a.yaml", None),
        ("exchanges/deep/er/b.yml", Some(&text)),
    ]);
    assert_eq!(
        world
            .plan()
            .expect(0)
            .entry("eu-edge-cluster/road/nats-moved")["action"],
        "none"
    );
    world.apply().expect(0);
    assert_eq!(world.helm_calls(), helms);
}
