//! `kill -9` of the daemon at any moment of many commits on two clusters: it converges again without a person.

use std::time::{Duration, Instant, SystemTime};

use crate::world::{EU, US, World, exchange};

/// Unless `NATSX_KILLS` says another number; `cargo xtask bench daemon` does.
const KILLS: u32 = 10;
/// From the next start on, the time in which a helm runs aside: how long that takes is the cluster's affair.
const CONVERGED: Duration = Duration::from_secs(30);
const A: &str = "nats-churn-a";
const B: &str = "nats-churn-b";
const C: &str = "nats-churn-c";
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

/// Commits that are made one after the other, each round's values differing from the last.
struct Churn {
    world: World,
    seed: u64,
    chance: Chance,
}

/// How long a round took to converge.
#[derive(Clone, Copy, Default)]
struct Took {
    all: Duration,
    without_helm: Duration,
}

#[test]
fn killed_at_any_moment_of_many_commits_it_converges_with_one_release_and_one_record_each() {
    let kills = std::env::var("NATSX_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = u64::from(now.unwrap().subsec_nanos());
    let mut churn = Churn {
        world: World::new("churn"),
        seed,
        chance: Chance(seed),
    };
    let mut daemon = churn.world.daemon();
    let mut slowest = Took::default();
    for round in 1..=kills {
        let commit = churn.commit(round);
        std::thread::sleep(Duration::from_millis(churn.chance.below(2500)));
        daemon.kill();
        daemon = churn.world.daemon();
        let took = churn.wait(round, daemon.id(), &commit);
        churn.check(round);
        let (all, without_helm) = (took.all.as_secs_f64(), took.without_helm.as_secs_f64());
        println!("round {round} of {kills}: {all:.2} s, without helm {without_helm:.2} s");
        slowest.all = slowest.all.max(took.all);
        slowest.without_helm = slowest.without_helm.max(took.without_helm);
    }
    // Read by `cargo xtask bench daemon`.
    println!(
        "killed {kills} times: slowest {:.2} s, longest without helm {:.2} s",
        slowest.all.as_secs_f64(),
        slowest.without_helm.as_secs_f64()
    );
    assert_eq!(daemon.stop(), 0);
    churn.world.run(&["history", "--last", "1"]).expect(0);
}

impl Churn {
    /// Two exchanges change, a third comes and goes. Nothing that servers have to load: those wait a minute for the kubelet.
    fn commit(&self, round: u32) -> String {
        let more = format!("  service.merge.metadata.annotations: {{round: \"{round}\"}}\n");
        let comes_and_goes = is_there(round).then(|| exchange(EU, C, &more));
        self.world.commit(&[
            ("exchanges/a.yaml", Some(&exchange(US, A, &more))),
            ("exchanges/b.yaml", Some(&exchange(EU, B, &more))),
            ("exchanges/c.yaml", comes_and_goes.as_deref()),
        ])
    }

    /// Waits until the process says that all is well at the commit.
    fn wait(&self, round: u32, pid: u32, commit: &str) -> Took {
        let began = Instant::now();
        let mut without_helm = Duration::ZERO;
        let mut looked = began;
        while !converged(&self.world, pid, commit, 2 + usize::from(is_there(round))) {
            if without_helm > CONVERGED || began.elapsed() > LONGEST {
                let status = self.world.run(&["status"]).stdout;
                let log = std::fs::read_to_string(self.world.path("run.log")).unwrap_or_default();
                panic!(
                    "round {round}, seed {}, {without_helm:?} without helm:\n{status}\n{log}",
                    self.seed
                );
            }
            let helm = helm_runs(&self.world);
            std::thread::sleep(Duration::from_millis(100));
            let now = Instant::now();
            if !helm {
                without_helm += now - looked;
            }
            looked = now;
        }
        Took {
            all: began.elapsed(),
            without_helm,
        }
    }

    /// One release and one record of each, as the round wants them, and no helm.
    fn check(&self, round: u32) {
        let (world, seed) = (&self.world, self.seed);
        for (cluster, release) in [(US, A), (EU, B), (EU, C)] {
            let wanted = release != C || is_there(round);
            let latest = world.latest(cluster, release);
            let is_deployed = matches!(&latest, Some((_, status)) if status == "deployed");
            assert_eq!(
                is_deployed, wanted,
                "round {round}, seed {seed}: {latest:?}"
            );
            assert_eq!(
                latest.is_some(),
                wanted,
                "round {round}, seed {seed}: {latest:?}"
            );
            assert_eq!(
                world.record(release).is_some(),
                wanted,
                "round {round}, seed {seed}"
            );
            if wanted {
                let service = world.object(cluster, "service", release).unwrap();
                let told = &service["metadata"]["annotations"]["round"];
                assert_eq!(*told, round.to_string(), "{release}, seed {seed}");
            }
        }
        assert!(!helm_runs(world), "a helm is left, seed {seed}");
    }
}

/// Whether the third exchange is wanted.
fn is_there(round: u32) -> bool {
    round % 2 == 1
}

/// Whether a helm runs, of this daemon or of one that was killed.
fn helm_runs(world: &World) -> bool {
    let verbs = ["install", "upgrade", "uninstall"];
    let mut all = verbs
        .iter()
        .flat_map(|verb| [A, B, C].map(|release| (*verb, release)));
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
