//! What a process that was killed left behind: its last status knows less than its journal.

use std::fs;

use serde_json::{Value, json};

use super::gone::write;
use super::waiting::status;
use super::{natsx, text_of};
use natsx_sync::state::journal::Phase;

#[test]
fn what_a_killed_process_began_is_told_by_those_who_look() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = json!({"file": "exchanges/a.yaml", "digest": "one"});
    let lines = [
        ("helm_install", Phase::Intent, file.clone()),
        ("helm_install", Phase::Done, file),
    ];
    write(folder, "us/ns/nats-a", &lines);
    status(folder, None, true, &[("us/ns/nats-a", "progressing")]);
    let path = folder.join("state/status.json");
    let mut left: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let entry = &mut left["exchanges"][0];
    entry["action"] = "install".into();
    entry["planned"] = "FileAdded".into();
    entry["reason"] = "FileAdded".into();
    fs::write(&path, left.to_string()).unwrap();
    let ask = |arguments: &[&str]| {
        let done = natsx(folder, &[arguments, &["--state", "state"]].concat());
        assert!(done.status.success(), "{done:?}");
        text_of(&done)
    };
    let said = ask(&["why", "nats-a"]);
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "us/ns/nats-a is unknown",
        "Interrupted: install was begun at 2",
        "by `run as nats` and nobody saw its end (helm install): helm was done with the release",
        "healthy when it was known last",
        "no daemon runs: nothing is tried",
    ] {
        assert!(flat.contains(words), "{words}: {said}");
    }
    assert!(!flat.contains("no release of it exists"), "{said}");
    let told: Value =
        serde_json::from_str(&ask(&["status", "nats-a", "--format", "json"])).unwrap();
    let entry = &told["exchanges"][0];
    assert_eq!(entry["phase"], "unknown");
    assert_eq!(entry["reason"], "Interrupted");
    assert_eq!(entry["last_health"]["health"], "healthy");
}
