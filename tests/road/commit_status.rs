//! What the forge is told of commits that a cluster converges.

use std::fs;
use std::time::Duration;

use crate::inbox::Inbox;
use crate::world::{EU, World, eventually, exchange};

#[test]
fn a_commit_is_pending_until_it_is_rolled_out_and_then_done_whatever_happens() {
    let world = World::new("commit-status");
    let forge = Inbox::start(0);
    fs::write(world.path("token"), "t0ken-of-the-forge").unwrap();
    let more = format!(
        "events: {{commit_status: {{forge: github, repository: team/exchanges, url: 'http://{}', token_file: {}}}}}\n",
        forge.address,
        world.path("token").display()
    );
    world.settings(&world.repository.url_file(), &more);
    // `STATE TEXT` of what is told next, of this commit.
    let next = |commit: &str| {
        let (first, _, body) = forge.next();
        assert_eq!(
            first,
            format!("POST /repos/team/exchanges/statuses/{commit} HTTP/1.1")
        );
        assert_eq!(body["context"], "natsx-sync/commit-status");
        let text = |key: &str| body[key].as_str().unwrap().to_owned();
        format!("{} {}", text("state"), text("description"))
    };
    // Words in between depend on how long the servers take.
    let until_done = |commit: &str| loop {
        let told = next(commit);
        if !told.starts_with("pending ") {
            return told;
        }
    };
    let good = exchange(EU, "nats-commit-status", "");
    let first = world.commit(&[
        ("exchanges/a.yaml", Some(&good)),
        (
            "exchanges/b.yaml",
            Some(&exchange(EU, "nats-commit-status-b", "")),
        ),
    ]);
    let daemon = world.daemon();
    assert_eq!(next(&first), "pending 0 of 2 exchanges ready");
    assert_eq!(until_done(&first), "success 2 exchanges ready");

    // Drift is no news of the commit, and what repairs it is none.
    let chart = world.fleet.chart();
    let by_hand = [
        "upgrade",
        "nats-commit-status",
        &chart.to_string_lossy(),
        "--reuse-values",
        "--set",
        "config.merge.max_connections=51",
    ];
    world.helm(EU, &by_hand);
    let id = "eu-edge-cluster/road/nats-commit-status";
    let upgrades = || {
        let calls = world.helm_calls();
        calls.iter().filter(|verb| *verb == "upgrade").count()
    };
    eventually("repaired", Duration::from_secs(120), || upgrades() == 1);
    world.until_phase(id, "ready");
    daemon.kill();
    let daemon = world.daemon();
    world.until_phase(id, "ready");
    assert!(forge.is_empty());

    let broken = world.commit(&[("exchanges/a.yaml", Some(&format!("{good}nmae: x\n")))]);
    assert_eq!(next(&broken), format!("failure {id}: FileInvalid"));
    let mended = world.commit(&[("exchanges/a.yaml", Some(&good))]);
    assert_eq!(until_done(&mended), "success 2 exchanges ready");
    let removed = world.commit(&[("exchanges/a.yaml", None)]);
    assert_eq!(next(&removed), "pending 1 of 2 exchanges ready");
    assert_eq!(until_done(&removed), "success 1 exchange ready");
    assert_eq!(daemon.stop(), 0);
    assert!(forge.is_empty());
}
