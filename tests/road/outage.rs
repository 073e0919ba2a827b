//! An API server that stops, refuses or hangs delays its own cluster and takes nothing away.

use std::time::{Duration, Instant};

use crate::world::{EU, Front, Mood, US, World, eventually, exchange, inventory};

const CHANGE: &str = "  config.merge.max_connections: 5\n";

/// Two exchanges of one cluster and one of the other, and what becomes of them while the first cluster is in trouble.
struct Outage {
    world: World,
    upgraded: String,
    removed: String,
    elsewhere: String,
}

impl Outage {
    /// All installed.
    fn begin(name: &str, kubeconfig: impl FnOnce(&World) -> std::path::PathBuf) -> Self {
        let world = World::new(name);
        let clusters = [
            (US, world.cluster(US).kubeconfig()),
            (EU, &*kubeconfig(&world)),
        ];
        let clusters = inventory(&clusters);
        world.settings_with(&world.repository.url_file(), &clusters, "");
        let outage = Self {
            world,
            upgraded: format!("nats-{name}"),
            removed: format!("nats-{name}-gone"),
            elsewhere: format!("nats-{name}-us"),
        };
        outage.commit(Some(""), "", "");
        outage.world.apply().expect(0);
        outage
    }

    fn commit(&self, removed: Option<&str>, upgraded: &str, elsewhere: &str) {
        let removed = removed.map(|more| exchange(EU, &self.removed, more));
        self.world.commit(&[
            (
                "exchanges/a.yaml",
                Some(&exchange(EU, &self.upgraded, upgraded)),
            ),
            ("exchanges/b.yaml", removed.as_deref()),
            (
                "exchanges/c.yaml",
                Some(&exchange(US, &self.elsewhere, elsewhere)),
            ),
        ]);
    }

    /// Gives the exchange of the other cluster so many connections, and waits until its server says so.
    fn assert_goes_on_elsewhere(&self, connections: u32) -> Duration {
        let value = format!("  config.merge.max_connections: {connections}\n");
        let began = Instant::now();
        self.commit(Some(""), "", &value);
        let what = format!("{connections} connections elsewhere");
        eventually(&what, Duration::from_secs(60), || {
            let (configuration, _) = self.world.configuration(US, &self.elsewhere);
            configuration.contains(&connections.to_string())
        });
        began.elapsed()
    }

    /// Looked at past the trouble.
    fn assert_untouched(&self) {
        for release in [&self.upgraded, &self.removed] {
            let latest = self.world.latest(EU, release);
            assert_eq!(latest, Some((1, "deployed".to_owned())), "{release}");
            assert!(self.world.record(release).is_some(), "{release}");
        }
    }

    /// A pass that meets the trouble: the other cluster gets its `revision`, this one keeps what it has.
    fn assert_delays_itself(&self, elsewhere: &str, revision: u32) {
        self.commit(None, CHANGE, elsewhere);
        let plan = self.world.plan().expect(3).json();
        assert_eq!(plan["unreadable"][0]["cluster"], EU, "{plan:#}");
        assert_eq!(plan["unreadable"][0]["reason"], "ClusterUnreachable");
        self.world.apply().expect(3);
        let other = self.world.latest(US, &self.elsewhere);
        assert_eq!(other, Some((revision, "deployed".to_owned())));
        self.assert_untouched();
    }

    fn assert_recovers(&self) {
        self.world.apply().expect(0);
        assert_eq!(self.world.latest(EU, &self.removed), None);
        assert_eq!(self.world.record(&self.removed), None);
        let latest = self.world.latest(EU, &self.upgraded);
        assert_eq!(latest, Some((2, "deployed".to_owned())));
        assert_eq!(self.world.plan().expect(0).json()["summary"]["none"], 2);
    }
}

#[test]
fn an_api_server_stopped_in_the_middle_of_a_pass_delays_its_own_cluster() {
    let mut started = None;
    let outage = Outage::begin("outage", |world| {
        let folder = world.path("api");
        std::fs::create_dir(&folder).unwrap();
        let server = world.cluster(EU).another_api(&folder).unwrap();
        let kubeconfig = server.kubeconfig().to_owned();
        started = Some(server);
        kubeconfig
    });
    let (world, mut server) = (&outage.world, started.unwrap());

    // Both helms of that cluster have begun when it stops.
    let (held, go) = (world.path("held"), world.path("go"));
    let script = format!(
        "case \"$1 $*\" in \"upgrade \"*{release}*|uninstall*) echo >> {held}; while [ ! -e {go} ]; do sleep 0.05; done;; esac",
        release = format_args!("\"-- {} \"", outage.upgraded),
        held = held.display(),
        go = go.display(),
    );
    world.use_helm_after(&world.fleet.tools().helm3.clone(), &script);
    outage.commit(None, CHANGE, CHANGE);
    let begun = world.begin_apply();
    eventually("both helms", Duration::from_secs(60), || {
        std::fs::read(&held).is_ok_and(|lines| lines.len() == 2)
    });
    server.stop();
    std::fs::write(&go, "").unwrap();
    let ran = begun.finish().expect(1);
    assert_eq!(
        ran.entry(&format!("{US}/road/{}", outage.elsewhere))["result"],
        "done"
    );
    for release in [&outage.upgraded, &outage.removed] {
        let entry = ran.entry(&format!("{EU}/road/{release}"));
        assert_eq!(entry["result"], "failed", "{entry:#}");
        assert_eq!(entry["reason"], "ClusterUnreachable", "{entry:#}");
    }
    outage.assert_untouched();

    outage.assert_delays_itself("", 3);
    server.start().unwrap();
    outage.assert_recovers();
}

#[test]
fn an_api_server_that_refuses_or_hangs_delays_its_own_cluster() {
    let mut made = None;
    let outage = Outage::begin("unwell", |world| {
        let front = world.front(EU);
        let kubeconfig = front.kubeconfig.clone();
        made = Some(front);
        kubeconfig
    });
    let front: Front = made.unwrap();
    front.set(Mood::Refuses);
    outage.assert_delays_itself(CHANGE, 2);
    front.set(Mood::Hangs);
    let began = Instant::now();
    outage.assert_delays_itself("", 3);
    // A plan and an apply, each with its own patience.
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "{:?}",
        began.elapsed()
    );
    front.set(Mood::Passes);
    outage.assert_recovers();
}

#[test]
fn a_cluster_that_hangs_holds_the_daemon_up_once() {
    let mut made = None;
    let outage = Outage::begin("hung", |world| {
        let front = world.front(EU);
        let kubeconfig = front.kubeconfig.clone();
        made = Some(front);
        kubeconfig
    });
    let front: Front = made.unwrap();
    let id = format!("{EU}/road/{}", outage.upgraded);
    let daemon = outage.world.daemon();
    outage.world.until_phase(&id, "ready");
    front.set(Mood::Hangs);
    outage.assert_goes_on_elsewhere(1001);
    let took = outage.assert_goes_on_elsewhere(1002);
    assert!(
        took < Duration::from_secs(8),
        "{took:?}: it waits 10 s for one that hangs"
    );
    outage.assert_untouched();

    front.set(Mood::Passes);
    outage.commit(Some(""), CHANGE, "");
    eventually("the upgrade", Duration::from_secs(60), || {
        outage.world.latest(EU, &outage.upgraded) == Some((2, "deployed".to_owned()))
    });
    assert_eq!(daemon.stop(), 0);
}
