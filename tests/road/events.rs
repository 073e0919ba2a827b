//! What a daemon did is told in order, to a stream, across a crash.

use std::time::Duration;

use crate::stream::{Server, stored};
use crate::world::{EU, World, eventually, exchange};

#[test]
fn what_became_of_an_exchange_is_told_from_its_install_to_its_removal() {
    let world = World::new("events");
    let server = Server::start(&world.fleet.tools().nats_server_old);
    let events = format!(
        "events: {{nats: {{url: '{}', stream: ROAD}}}}\n",
        server.url()
    );
    world.settings(&world.repository.url_file(), &events);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let told = || -> Vec<String> {
        let all = runtime.block_on(stored(&server.url(), "ROAD"));
        let subject = "natsx.v1.eu-edge-cluster.road.nats-events.";
        let ours = all.iter().filter_map(|(one, _, event)| {
            let data = &event["data"];
            Some(format!(
                "{} {} {}",
                one.strip_prefix(subject)?,
                data["action"],
                data["reason"]
            ))
        });
        ours.collect()
    };
    let until_told = |last: &str| {
        let told = || told().iter().any(|one| one == last);
        eventually(last, Duration::from_secs(120), told);
    };
    let id = "eu-edge-cluster/road/nats-events";
    let values = "  config.merge.max_connections: 50\n";
    world.commit(&[
        (
            "exchanges/a.yaml",
            Some(&exchange(EU, "nats-events", values)),
        ),
        ("exchanges/b.yaml", Some(&exchange(EU, "nats-events-b", ""))),
    ]);
    let daemon = world.daemon();
    world.until_phase(id, "ready");
    until_told("healthy null \"Ready\"");

    let chart = world.fleet.chart();
    let by_hand = [
        "upgrade",
        "nats-events",
        &chart.to_string_lossy(),
        "--reuse-values",
        "--set",
        "config.merge.max_connections=51",
    ];
    world.helm(EU, &by_hand);
    until_told("restored null null");
    daemon.kill();

    let daemon = world.daemon();
    world.commit(&[("exchanges/a.yaml", None)]);
    world.until_gone(id);
    until_told("removed \"uninstall\" \"FileRemoved\"");
    assert_eq!(daemon.stop(), 0);

    // How it was in between is up to its servers; and what a pass finds may be acted on before it is told.
    let mut story = told();
    let drifted = "drifted null \"ChangedByOthers\"";
    let place = |wanted: &str| story.iter().position(|one| one == wanted);
    assert!(place(drifted).is_some(), "{story:?}");
    assert!(place(drifted) < place("restored null null"), "{story:?}");
    // A pass may come while the helm by hand still runs, and is held back until it is done.
    let locked = "blocked null \"ReleaseLocked\"";
    if story.iter().any(|one| one == locked) {
        let unblocked = "unblocked null null";
        assert!(place(locked) < place(unblocked), "{story:?}");
        story.retain(|one| one != locked && one != unblocked);
    }
    story.retain(|one| {
        one != drifted && !one.starts_with("healthy") && !one.starts_with("degraded")
    });
    assert_eq!(
        story,
        [
            "applying \"install\" null",
            "applied \"install\" \"FileAdded\"",
            "applying \"upgrade\" null",
            "applied \"upgrade\" \"ChangedByOthers\"",
            "restored null null",
            "applying \"uninstall\" null",
            "removed \"uninstall\" \"FileRemoved\"",
        ]
    );
}
