mod forges;
mod tables;

use serde_json::json;

use super::*;
use crate::status::StatusEntry;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// `ready`, or `PHASE REASON`, of exchange number `number`.
fn entry(number: usize, standing: &str) -> StatusEntry {
    let mut words = standing.split(' ');
    let phase = words.next().unwrap();
    let reason = words.next().unwrap_or("Ready");
    serde_json::from_value(json!({
        "id": format!("us/ns/nats-{number}"), "name": "x", "file": "exchanges/x.yaml",
        "action": "none", "planned": "UpToDate", "phase": phase, "reason": reason,
        "text": "s3cret-of-helm", "revision": 1, "chart_version": null, "health": "healthy",
        "commit": null, "since": "2026-01-01T00:00:00Z", "public_url": null, "client_urls": [],
        "system_id": null,
    }))
    .unwrap()
}

fn status(commit: &str, standings: &[&str]) -> Status {
    let mut status = Status::new(1, jiff::Timestamp::UNIX_EPOCH);
    status.pass = 1;
    status.complete = true;
    status.commit = Some(commit.parse().unwrap());
    let standings = standings.iter().zip(1..);
    status.exchanges = standings.map(|(one, number)| entry(number, one)).collect();
    status
}
