//! `kill -9` of the daemon at any moment of many commits on two clusters: it converges again without a person.

use std::time::{Duration, Instant, SystemTime};

use crate::world::{EU, US, World, exchange};

const ROUNDS: u32 = 10;
/// From the next start on, the time in which a helm runs aside: how long that takes is the cluster's affair.
const CONVERGED: Duration = Duration::from_secs(30);
/// A helm does not run for ever either.
const LONGEST: Duration = Duration::from_secs(120);

/// Moments that differ from run to run; the seed is told when something fails.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn killed_at_any_moment_of_many_commits_it_converges_with_one_release_and_one_record_each() {
    let world = World::new("churn");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = u64::from(now.unwrap().subsec_nanos());
    let mut chance = Chance(seed);
    let mut daemon = world.daemon();
    let (mut slowest, mut slowest_alone) = (Duration::ZERO, Duration::ZERO);
    for round in 1..=ROUNDS {
        // Nothing that servers have to load: those wait a minute for the kubelet.
        let more = format!("  service.merge.metadata.annotations: {{round: \"{round}\"}}\n");
        let comes_and_goes = (round % 2 == 1).then(|| exchange(EU, "nats-churn-c", &more));
        let commit = world.commit(&[
            (
                "exchanges/a.yaml",
                Some(&exchange(US, "nats-churn-a", &more)),
            ),
            (
                "exchanges/b.yaml",
                Some(&exchange(EU, "nats-churn-b", &more)),
            ),
            ("exchanges/c.yaml", comes_and_goes.as_deref()),
        ]);
        std::thread::sleep(Duration::from_millis(chance.below(2500)));
        daemon.kill();
        daemon = world.daemon();
        let began = Instant::now();
        let mut without_helm = Duration::ZERO;
        let mut looked = began;
        while !converged(
            &world,
            daemon.id(),
            &commit,
            2 + comes_and_goes.iter().count(),
        ) {
            if without_helm > CONVERGED || began.elapsed() > LONGEST {
                let status = world.run(&["status"]).stdout;
                let log = std::fs::read_to_string(world.path("run.log")).unwrap_or_default();
                panic!(
                    "round {round}, seed {seed}, {without_helm:?} without helm:\n{status}\n{log}"
                );
            }
            let helm = helm_runs(&world);
            std::thread::sleep(Duration::from_millis(100));
            let now = Instant::now();
            if !helm {
                without_helm += now - looked;
            }
            looked = now;
        }
        slowest = slowest.max(began.elapsed());
        slowest_alone = slowest_alone.max(without_helm);
    }
    println!(
        "the slowest of {ROUNDS} rounds took {slowest:?}, the longest time without helm {slowest_alone:?}"
    );
    for (cluster, release) in [(US, "nats-churn-a"), (EU, "nats-churn-b")] {
        let latest = world.latest(cluster, release);
        assert!(
            matches!(&latest, Some((_, status)) if status == "deployed"),
            "seed {seed}: {latest:?}"
        );
        let service = world.object(cluster, "service", release).unwrap();
        assert_eq!(service["metadata"]["annotations"]["round"], "10");
        assert!(world.record(release).is_some());
    }
    assert_eq!(world.latest(EU, "nats-churn-c"), None);
    assert!(world.record("nats-churn-c").is_none());
    assert!(!helm_runs(&world), "a helm is left");
    assert_eq!(daemon.stop(), 0);
    world.run(&["history", "--last", "1"]).expect(0);
}

/// Whether a helm runs, of this daemon or of one that was killed.
fn helm_runs(world: &World) -> bool {
    let verbs = ["install", "upgrade", "uninstall"];
    let releases = ["nats-churn-a", "nats-churn-b", "nats-churn-c"];
    let mut all = verbs
        .iter()
        .flat_map(|verb| releases.map(|release| (*verb, release)));
    all.any(|(verb, release)| world.running_helm(verb, release).is_some())
}

/// Whether this process says that all is well at the commit.
fn converged(world: &World, pid: u32, commit: &str, exchanges: usize) -> bool {
    let text = std::fs::read_to_string(world.state().join("status.json")).unwrap_or_default();
    let status: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let entries = status["exchanges"].as_array();
    status["pid"] == pid
        && status["commit"] == commit
        && entries.is_some_and(|entries| {
            entries.len() == exchanges && entries.iter().all(|entry| entry["phase"] == "ready")
        })
}
