//! What makes the daemon look, with an interval that never comes: pushes, and what others do in a cluster.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::world::{EU, World, eventually, exchange};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// So many commits are timed.
const COMMITS: usize = 30;

/// Nothing is ever looked at because it is time.
fn without_interval(world: &World) {
    let path = world.path("config.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace("interval: 1s", "interval: 1h");
    fs::write(path, text.replace("interval: 2s", "interval: 1h")).unwrap();
}

fn tried(world: &World) -> u64 {
    let status = world.run(&["status", "--format", "json"]);
    if status.code == 0 {
        status.json()["tried"].as_u64().unwrap()
    } else {
        0
    }
}

/// Waits until no pass is made for three seconds; how many there were.
fn until_quiet(world: &World) -> u64 {
    let mut last = tried(world);
    let mut since = std::time::Instant::now();
    eventually("no pass for three seconds", Duration::from_secs(60), || {
        let now = tried(world);
        if now != last {
            last = now;
            since = std::time::Instant::now();
        }
        since.elapsed() > Duration::from_secs(3)
    });
    last
}

#[test]
fn what_others_do_in_a_cluster_is_seen_as_it_happens() {
    let world = World::new("watched");
    without_interval(&world);
    let (id, release) = ("eu-edge-cluster/road/nats-watched", "nats-watched");
    let text = exchange(EU, release, "  config.merge.max_connections: 50\n");
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    let daemon = world.daemon();
    world.until_phase(id, "ready");
    // What it does itself sets off no pass after pass.
    let passes = until_quiet(&world);
    assert!(passes <= 4, "{passes} passes for one install");

    let chart = world.fleet.chart();
    let chart = chart.to_string_lossy();
    let more = "config.merge.max_connections=51";
    world.helm(
        EU,
        &["upgrade", release, &chart, "--reuse-values", "--set", more],
    );
    eventually("put back", Duration::from_secs(20), || {
        world.latest(EU, release) == Some((3, "deployed".to_owned()))
    });
    world.until_phase(id, "ready");

    // A swarm of changes is one look, or two.
    let before = until_quiet(&world);
    for number in 0..20 {
        let label = format!("swarm={number}");
        let secret = format!("sh.helm.release.v1.{release}.v3");
        let set = ["label", "secret", &secret, "--overwrite", &label];
        world.kubectl(EU, &[&["-n", "road"], &set[..]].concat());
    }
    let after = until_quiet(&world);
    assert!((1..=3).contains(&(after - before)), "{}", after - before);

    // Nobody's health is asked at an interval here; that the set is gone is told.
    world.kubectl(EU, &["-n", "road", "delete", "statefulset", release]);
    world.until_phase(id, "waiting");

    world.helm(EU, &["uninstall", release]);
    eventually("installed again", Duration::from_secs(60), || {
        world.latest(EU, release) == Some((1, "deployed".to_owned()))
    });
    world.until_phase(id, "ready");

    // Who asks waits for what its servers say now.
    let asked = ["reconcile", release, "--wait", "--timeout", "1m"];
    let asked = world.run(&asked).expect(0);
    assert!(asked.stderr.contains("ready"), "{}", asked.stderr);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_failed_is_tried_again_when_somebody_says_so() {
    let world = World::new("retried");
    without_interval(&world);
    let (id, release) = ("eu-edge-cluster/road/nats-retried", "nats-retried");
    let broken = world.path("broken");
    fs::write(&broken, "").unwrap();
    let fails = format!(
        "if [ \"$1\" = install ] && [ -e {} ]; then echo broken >&2; exit 1; fi",
        broken.display()
    );
    let helm = world.fleet.tools().helm3.clone();
    world.use_helm_after(&helm, &fails);
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, release, "")))]);
    let daemon = world.daemon();
    world.until_phase(id, "failed");
    until_quiet(&world);
    fs::remove_file(&broken).unwrap();
    let again = ["reconcile", release, "--wait", "--timeout", "1m"];
    world.run(&again).expect(0);
    world.until_phase(id, "ready");
    assert_eq!(daemon.stop(), 0);
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// A helm that writes down when it was started, and does nothing.
fn use_clock(world: &World) {
    let calls = world.path("clock");
    let clock = format!(
        "case \"$1\" in version) ;; *) echo \"$(date +%s%N) $*\" >> {}; exit 1;; esac",
        calls.display()
    );
    let helm = world.fleet.tools().helm3.clone();
    world.use_helm_after(&helm, &clock);
}

/// When a helm was first started for this release.
fn started(world: &World, release: &str) -> Option<Duration> {
    let text = fs::read_to_string(world.path("clock")).ok()?;
    let line = text
        .lines()
        .find(|line| line.split(' ').any(|word| word == release))?;
    let time = line.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(time))
}

/// From the moment a commit is pushed to the first helm for it, for each of many.
fn times(world: &World, name: &str, mut pushed: impl FnMut(usize)) -> Vec<Duration> {
    let mut times = Vec::new();
    for number in 0..COMMITS {
        let release = format!("nats-{name}-{number}");
        let text = exchange(EU, &release, "");
        world.commit(&[("exchanges/a.yaml", Some(&text))]);
        let at = now();
        pushed(number);
        let mut began = None;
        let limit = Duration::from_secs(20);
        eventually(&format!("helm for {release}"), limit, || {
            began = started(world, &release);
            began.is_some()
        });
        times.push(began.unwrap().saturating_sub(at));
        // Not in step with anything.
        let pause = 400 + u64::try_from(number * 137 % 700).unwrap();
        std::thread::sleep(Duration::from_millis(pause));
    }
    times.sort();
    times
}

#[expect(clippy::print_stdout, reason = "the figure is worth reading")]
fn judge(what: &str, times: &[Duration]) {
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what}: {COMMITS} commits, from push to helm: median {median:?}, p99 {longest:?}");
    // The figure is a second; beside everything else that is tested here it may take longer now and then.
    assert!(median < Duration::from_secs(1), "{what}: {times:?}");
    assert!(longest < Duration::from_secs(3), "{what}: {times:?}");
}

#[test]
fn a_commit_in_a_repository_of_this_host_starts_helm_within_a_second() {
    let world = World::new("pushed");
    without_interval(&world);
    use_clock(&world);
    world.commit(&[("exchanges/README.md", Some("none yet"))]);
    let daemon = world.daemon();
    eventually("the first pass", Duration::from_secs(30), || {
        tried(&world) > 0
    });
    judge("file events", &times(&world, "pushed", |_| {}));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_push_told_by_webhook_starts_helm_within_a_second() {
    let world = World::new("hooked");
    fs::write(world.path("secret"), SECRET).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    let secret = world.path("secret");
    let more = format!("webhook: {{secret_file: {}}}\n", secret.display());
    world.settings(&world.repository.url_http(), &more);
    let path = world.path("config.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let listen = format!("listen: {{webhook: '{address}', ");
    fs::write(path, text.replace("listen: {", &listen)).unwrap();
    without_interval(&world);
    use_clock(&world);
    world.commit(&[("exchanges/README.md", Some("none yet"))]);
    drop(free);
    let daemon = world.daemon();
    eventually("the first pass", Duration::from_secs(30), || {
        tried(&world) > 0
    });
    let tell = |number: usize| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "POST /hook HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Gitlab-Token: {SECRET}\r\nX-Gitlab-Event-UUID: {number}\r\nContent-Length: 4\r\n\r\n{number:04}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 202 "), "{answer}");
    };
    judge("webhook and git over http", &times(&world, "hooked", tell));
    assert_eq!(daemon.stop(), 0);
}
