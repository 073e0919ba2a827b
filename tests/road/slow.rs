//! A cluster that answers, but late, delays itself: nobody else waits for it, and nothing of it is taken for gone or changed.

use std::time::Duration;

use crate::world::{EU, Mood, US, World, eventually, exchange, inventory};

const SLOW: &str = "nats-slow";
const OTHER: &str = "nats-slow-us";
/// Of the slow one alone: what others do in its cluster would have to be looked at.
const APART: &str = "slow";
/// Each piece of what it says, so that no look at it takes less.
const LATE: Duration = Duration::from_secs(2);
/// Still late; a helm asks a few dozen times.
const LESS_LATE: Duration = Duration::from_millis(150);

/// Gives each so many connections.
fn commit(world: &World, slow: u32, other: u32) -> String {
    let more = |connections: u32| format!("  config.merge.max_connections: {connections}\n");
    let slow = exchange(EU, SLOW, &more(slow));
    let slow = slow.replace("namespace: road", &format!("namespace: {APART}"));
    world.commit(&[
        ("exchanges/a.yaml", Some(&slow)),
        ("exchanges/b.yaml", Some(&exchange(US, OTHER, &more(other)))),
    ])
}

/// Waits until a release was upgraded once, looked at past what makes its cluster slow.
fn until_upgraded(world: &World, cluster: &str, namespace: &str, release: &str) {
    eventually(release, Duration::from_secs(30), || {
        let revisions = world.revisions_in(cluster, namespace, release);
        let last = revisions.last().unwrap();
        last["version"] == "2" && last["status"] == "deployed"
    });
}

/// What each pass so far took, with the beginning of its commit, as the daemon logs it.
fn passes(world: &World) -> Vec<(String, Duration)> {
    let log = std::fs::read_to_string(world.path("run.log")).unwrap();
    let lines = log.lines().filter_map(|line| {
        let (_, told) = line.split_once(" pass commit=\"")?;
        let (commit, told) = told.split_once('"')?;
        let seconds = told.split_once(" seconds=")?.1.trim().parse().ok()?;
        Some((commit.to_owned(), Duration::from_secs_f64(seconds)))
    });
    lines.collect()
}

#[test]
fn a_slow_cluster_keeps_nobody_else_waiting_and_is_served_all_the_same() {
    let world = World::new("slow");
    let front = world.front(EU);
    let clusters = format!(
        "{}  {EU}: {{kubeconfig: {}, namespaces: [{APART}]}}\n",
        inventory(&[(US, world.cluster(US).kubeconfig())]),
        front.kubeconfig.display()
    );
    world.kubectl(EU, &["create", "namespace", APART]);
    world.settings_with(&world.repository.url_file(), &clusters, "");
    commit(&world, 1001, 1001);
    let daemon = world.daemon();
    for id in [format!("{EU}/{APART}/{SLOW}"), format!("{US}/road/{OTHER}")] {
        world.until_phase(&id, "ready");
    }

    front.set(Mood::Late(LATE));
    eventually("a pass that waits", Duration::from_secs(20), || {
        passes(&world).iter().any(|(_, took)| *took >= LATE)
    });
    let elsewhere = commit(&world, 1001, 1002);
    until_upgraded(&world, US, "road", OTHER);
    let all = passes(&world);
    let (_, took) = all
        .iter()
        .find(|(commit, _)| elsewhere.starts_with(commit))
        .unwrap();
    assert!(*took < LATE, "{took:?}: the pass waited for the slow one");

    front.set(Mood::Late(LESS_LATE));
    commit(&world, 1003, 1002);
    until_upgraded(&world, EU, APART, SLOW);

    let history = world.run(&["history", "--format", "json"]).expect(0).json();
    let mut done: Vec<_> = history["deeds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|deed| deed["action"].as_str().unwrap().to_owned())
        .collect();
    done.sort_unstable();
    assert_eq!(done, ["install", "install", "upgrade", "upgrade"]);
    for release in [SLOW, OTHER] {
        assert!(world.record(release).is_some(), "{release}");
    }
    let log = std::fs::read_to_string(world.path("run.log")).unwrap();
    assert!(!log.contains("ClusterUnreachable"), "{log}");
    assert_eq!(daemon.stop(), 0);
}
