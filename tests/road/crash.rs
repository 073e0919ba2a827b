//! kill -9 at any moment: the next run ends with one release and one record, or none.
//!
//! Each helm is stopped in the middle, its release locked, before anybody is killed: no kill misses.

use crate::world::{Begun, EU, Hold, World, exchange};

/// What helm is doing when somebody is killed, and what its release says then.
#[derive(Clone, Copy, Debug)]
struct Moment {
    verb: &'static str,
    status: &'static str,
    revision: u32,
}

/// The life of one release.
const MOMENTS: [Moment; 3] = [
    Moment {
        verb: "install",
        status: "pending-install",
        revision: 1,
    },
    Moment {
        verb: "upgrade",
        status: "pending-upgrade",
        revision: 2,
    },
    Moment {
        verb: "uninstall",
        status: "uninstalling",
        revision: 2,
    },
];

impl Moment {
    /// Commits what leads to it; another exchange stays, so that no guard holds the removal back.
    fn commit(self, world: &World, release: &str) {
        let text = match self.verb {
            "install" => Some(exchange(EU, release, "")),
            "upgrade" => Some(exchange(
                EU,
                release,
                "  config.merge.max_connections: 21\n",
            )),
            _ => None,
        };
        let stays = exchange(EU, &format!("{release}-b"), "");
        world.commit(&[
            ("exchanges/a.yaml", text.as_deref()),
            ("exchanges/b.yaml", Some(&stays)),
        ]);
    }

    /// An `apply` whose helm is in the middle of it.
    fn reach<'w>(self, world: &'w World, release: &str) -> (Begun, Hold<'w>) {
        self.commit(world, release);
        let mut hold = world.hold(EU, release);
        let begun = world.begin_apply();
        hold.until_held();
        self.assert_locked(world, release);
        assert!(world.running_helm(self.verb, release).is_some(), "{self:?}");
        (begun, hold)
    }

    fn assert_locked(self, world: &World, release: &str) {
        let latest = world.latest(EU, release);
        assert_eq!(latest, Some((self.revision, self.status.to_owned())));
    }

    /// One release and one record, or neither; and nothing is left to do.
    fn assert_converged(self, world: &World, release: &str) {
        let gone = self.verb == "uninstall";
        let latest = world.latest(EU, release);
        if gone {
            assert_eq!(latest, None);
            assert_eq!(world.object(EU, "statefulset", release), None);
            assert_eq!(
                world.object(EU, "configmap", &format!("{release}-config")),
                None
            );
        } else {
            let (_, status) = latest.unwrap();
            assert_eq!(status, "deployed", "{self:?}");
            let set = world.object(EU, "statefulset", release).unwrap();
            assert_eq!(set["status"]["readyReplicas"], 1, "{self:?}");
            let changed = world.configuration(EU, release).0.contains("21");
            assert_eq!(changed, self.verb == "upgrade");
        }
        assert_eq!(world.record(release).is_none(), gone, "{self:?}");
        let summary = &world.plan().expect(0).json()["summary"];
        assert_eq!(summary["none"], if gone { 1 } else { 2 }, "{summary:#}");
    }
}

#[test]
fn natsx_sync_killed_while_its_helm_lives_on_waits_for_that_helm() {
    let (world, release) = (World::new("crash"), "nats-crash");
    for moment in MOMENTS {
        let (begun, hold) = moment.reach(&world, release);
        begun.kill();
        let helm = world
            .running_helm(moment.verb, release)
            .expect("helm outlives it");
        moment.assert_locked(&world, release);
        let before = world.helm_calls();

        let mut next = world.begin_apply();
        next.until_said("a helm of ours still runs");
        assert!(helm.is_running());
        assert_eq!(world.helm_calls(), before, "no second helm beside it");
        drop(hold);
        next.finish().expect(0);
        assert!(!helm.is_running());
        moment.assert_converged(&world, release);
    }
}

#[test]
fn natsx_sync_and_its_helm_killed_at_once_leave_a_lock_that_is_taken_away() {
    let (world, release) = (World::new("power"), "nats-power");
    world.use_helm(&world.fleet.tools().helm4.clone());
    for moment in MOMENTS {
        let (begun, hold) = moment.reach(&world, release);
        let helm = world.running_helm(moment.verb, release).unwrap();
        begun.kill();
        helm.signal(rustix::process::Signal::KILL);
        drop(hold);
        moment.assert_locked(&world, release);
        world.apply().expect(0);
        moment.assert_converged(&world, release);
    }
}

#[test]
fn a_helm_killed_alone_is_followed_by_another_in_the_same_run() {
    let (world, release) = (World::new("orphan"), "nats-orphan");
    for moment in MOMENTS {
        let (begun, hold) = moment.reach(&world, release);
        let helm = world.running_helm(moment.verb, release).unwrap();
        helm.signal(rustix::process::Signal::KILL);
        drop(hold);
        let ran = begun.finish().expect(0);
        let id = format!("{EU}/road/{release}");
        assert_eq!(ran.entry(&id)["result"], "done", "{}", ran.stdout);
        moment.assert_converged(&world, release);
    }
}
