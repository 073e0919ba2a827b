//! The daemon follows the branch, says what it does, and ends when told.

use crate::world::{EU, World, exchange};

#[test]
fn it_follows_commits_keeps_what_it_knows_and_ends_when_told() {
    let world = World::new("daemon");
    let id = "eu-edge-cluster/road/nats-daemon";
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, "nats-daemon", "")))]);
    let daemon = world.daemon();
    world.until_phase(id, "ready");
    assert!(world.record("nats-daemon").is_some());

    // Beside it nobody else works from this state folder, and the refusal says what to do.
    let refused = world.apply().expect(6);
    assert!(
        refused.stderr.contains(&daemon.id().to_string()) && refused.stderr.contains("reconcile"),
        "{}",
        refused.stderr
    );

    let commit = world.commit(&[
        (
            "exchanges/a.yaml",
            Some(&exchange(
                EU,
                "nats-daemon",
                "  config.merge.max_connections: 12\n",
            )),
        ),
        ("exchanges/b.yaml", Some(&exchange(EU, "nats-daemon-b", ""))),
    ]);
    world
        .run(&[
            "wait",
            "--commit",
            &commit,
            "--for",
            "ready",
            "--timeout",
            "2m",
        ])
        .expect(0);
    assert!(world.configuration(EU, "nats-daemon").0.contains("12"));

    world.commit(&[("exchanges/b.yaml", None)]);
    world.until_gone("eu-edge-cluster/road/nats-daemon-b");
    assert_eq!(world.latest(EU, "nats-daemon-b"), None);
    assert_eq!(world.record("nats-daemon-b"), None);

    assert_eq!(daemon.stop(), 0);
    let status = world.run(&["status"]).expect(0);
    assert!(
        status.stdout.contains("no daemon runs"),
        "{}",
        status.stdout
    );
}

#[test]
fn killed_and_started_again_it_goes_on_where_it_was() {
    let world = World::new("restart");
    let id = "eu-edge-cluster/road/nats-restart";
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, "nats-restart", "")))]);
    let daemon = world.daemon();
    crate::world::eventually("helm began", std::time::Duration::from_secs(60), || {
        !world.helm_calls().is_empty()
    });
    daemon.kill();
    let daemon = world.daemon();
    world.until_phase(id, "ready");
    assert!(matches!(world.latest(EU, "nats-restart"), Some((_, status)) if status == "deployed"));
    assert!(world.record("nats-restart").is_some());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_record_says_degraded_while_an_exchange_is_unwell() {
    let world = World::new("degraded");
    let id = "eu-edge-cluster/road/nats-degraded";
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, "nats-degraded", "")))]);
    let daemon = world.daemon();
    world.until_phase(id, "ready");
    let state = || world.record("nats-degraded").unwrap()["metadata"]["natsx"]["state"].clone();
    assert_eq!(state(), "ready");
    let before = world.record("nats-degraded").unwrap();

    let set = "statefulset/nats-degraded";
    let image = |name: &str| {
        let container = format!("nats={name}");
        world.kubectl(EU, &["-n", "road", "set", "image", set, &container]);
        world.kubectl(
            EU,
            &[
                "-n",
                "road",
                "delete",
                "pod",
                "nats-degraded-0",
                "--wait=false",
            ],
        );
    };
    let healthy = world.object(EU, "statefulset", "nats-degraded").unwrap();
    let healthy = &healthy["spec"]["template"]["spec"]["containers"][0]["image"];
    image("localhost/not-there:1");
    let minute = std::time::Duration::from_secs(60);
    crate::world::eventually("degraded", minute, || state() == "degraded");
    let during = world.record("nats-degraded").unwrap();
    assert_eq!(during["public_url"], before["public_url"]);

    image(healthy.as_str().unwrap());
    crate::world::eventually("ready again", minute, || state() == "ready");
    assert_eq!(world.record("nats-degraded").unwrap(), before);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_suspended_exchange_waits_for_its_person_and_history_tells_all_of_it() {
    let world = World::new("suspended");
    let id = "eu-edge-cluster/road/nats-suspended";
    world.commit(&[(
        "exchanges/a.yaml",
        Some(&exchange(EU, "nats-suspended", "")),
    )]);
    let daemon = world.daemon();
    world.until_phase(id, "ready");

    let reason = "--reason=storage is moved";
    world.run(&["suspend", "nats-suspended", reason]).expect(0);
    let more = "  config.merge.max_connections: 12\n";
    let commit = world.commit(&[(
        "exchanges/a.yaml",
        Some(&exchange(EU, "nats-suspended", more)),
    )]);
    world.until_phase(id, "suspended");
    let why = world.run(&["why", id]).expect(0);
    assert!(why.stdout.contains("storage is moved"), "{}", why.stdout);
    assert_eq!(
        world.latest(EU, "nats-suspended"),
        Some((1, "deployed".to_owned()))
    );
    world.run(&["resume", "nats-suspended"]).expect(0);
    world.run(&["resume", "nats-suspended"]).expect(7);
    let wait = ["wait", "--commit", &commit, "--timeout", "2m"];
    world.run(&wait).expect(0);

    let history = world
        .run(&["history", "nats-suspended", "--format", "json"])
        .expect(0)
        .json();
    let deeds = history["deeds"].as_array().unwrap();
    let told: Vec<_> = deeds
        .iter()
        .map(|deed| (deed["action"].clone(), deed["result"].clone()))
        .collect();
    let done = ["install", "suspend", "resume", "upgrade"];
    assert_eq!(told, done.map(|action| (action.into(), "done".into())));
    assert_eq!(deeds[3]["commit"], commit.as_str());
    assert_eq!(deeds[0]["after"], deeds[3]["before"]);
    assert_eq!(deeds[0]["actor"], "run as root");
    assert_eq!(daemon.stop(), 0);

    let path = world.state().join("journal/000001.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("FileAdded", "FileAddXX", 1)).unwrap();
    let broken = world.run(&["history"]).expect(1);
    assert!(broken.stderr.contains("broken"), "{}", broken.stderr);
}
