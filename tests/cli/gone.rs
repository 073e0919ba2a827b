//! What is said of an exchange that was there: by those who only look, and by those who would do something about it.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use natsx_sync::state::State;
use natsx_sync::state::journal::{Journal, Line, Phase};
use serde_json::{Value, json};

use super::waiting::{daemon, status};
use super::{natsx, text, text_of};

const COMMIT: &str = "1234567890123456789012345678901234567890";

/// Writes what `run` would have.
pub(super) fn write(folder: &Path, id: &str, lines: &[(&str, Phase, Value)]) {
    let state = State::open(&folder.join("state")).unwrap();
    let _lock = state.lock(Timestamp::now()).unwrap();
    let journal = Journal::open(&state.private("journal").unwrap(), "run as nats").unwrap();
    for (step, phase, detail) in lines {
        let line = Line {
            pass: 1,
            commit: Some(COMMIT.parse().unwrap()),
            id: Some(id.parse().unwrap()),
            step: (*step).to_owned(),
            phase: *phase,
            detail: detail.clone(),
        };
        journal.append(line).unwrap();
    }
}

fn removed(folder: &Path, id: &str) {
    let file = json!({"file": "exchanges/old.yaml"});
    let installed = json!({"action": "install", "reason": "FileAdded"});
    let removed = json!({"action": "uninstall", "reason": "FileRemoved"});
    let lines = [
        ("helm_install", Phase::Intent, file.clone()),
        ("helm_install", Phase::Done, file),
        ("finished", Phase::Done, installed),
        ("helm_uninstall", Phase::Intent, json!({})),
        ("helm_uninstall", Phase::Done, json!({})),
        ("finished", Phase::Done, removed),
    ];
    write(folder, id, &lines);
}

fn ask(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let done = natsx(folder, &[arguments, &["--state", "state"]].concat());
    (done.status.code(), text_of(&done))
}

#[test]
fn every_command_says_when_and_by_whom_an_exchange_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    removed(folder, "us/ns/nats-old");
    status(folder, None, true, &[("us/ns/nats-odd", "ready")]);
    fs::create_dir(folder.join("exchanges")).unwrap();
    let odd = "name: odd\nrelease_name: nats-odd\ncluster_id: us\nnamespace: ns\norg_ids: [o]\n";
    fs::write(folder.join("exchanges/odd.yaml"), odd).unwrap();
    let cases: [&[&str]; 9] = [
        &["explain", "nats-old"],
        &["explain", "us/ns/nats-old", "--values"],
        &["why", "nats-old"],
        &["why", "exchanges/old.yaml"],
        &["status", "nats-old"],
        &["approve", "nats-old"],
        &["approve", "us/ns/nats-old"],
        &["suspend", "nats-old", "--reason", "moved"],
        &["resume", "ns/nats-old"],
    ];
    for arguments in cases {
        let (code, said) = ask(folder, arguments);
        assert_eq!(code, Some(7), "{arguments:?}: {said}");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in [
            "us/ns/nats-old is not there any more",
            "Removed: uninstall done at 2",
            "by `run as nats`, at commit 123456789",
            "(FileRemoved)",
            "natsx-sync history us/ns/nats-old",
        ] {
            assert!(said.contains(words), "{arguments:?}: {said}");
        }
        assert!(!said.contains("nats-odd"), "{arguments:?}: {said}");
    }
    // A slip of the pen is one still.
    let (code, said) = ask(folder, &["why", "nats-oddd"]);
    assert_eq!(code, Some(7), "{said}");
    assert!(said.contains("us/ns/nats-odd is there"), "{said}");
}

/// Whoever names one that was there means no cluster.
#[test]
fn a_running_daemon_does_not_make_a_cluster_of_a_removed_exchange() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    removed(folder, "us/ns/nats-old");
    status(folder, None, true, &[("us/ns/nats-odd", "ready")]);
    let _daemon = daemon(folder);
    for (name, is_either) in [("nats-old", false), ("nats-never", true)] {
        let (code, said) = ask(folder, &["approve", name]);
        assert_eq!(code, Some(7), "{said}");
        assert_eq!(said.contains("as a cluster"), is_either, "{said}");
    }
}

#[test]
fn programs_are_told_of_a_removed_exchange_by_reason_and_deed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    removed(folder, "us/ns/nats-old");
    status(folder, None, true, &[("us/ns/nats-odd", "ready")]);
    let told = |command: &str| {
        let arguments = [command, "nats-old", "--format", "json", "--state", "state"];
        let done = natsx(folder, &arguments);
        assert_eq!(done.status.code(), Some(7), "{}", text_of(&done));
        serde_json::from_str::<Value>(&text(&done.stdout)).unwrap()
    };
    let (why, status) = (told("why"), told("status"));
    assert_eq!(status["exchanges"], json!([]));
    for gone in [&why, &status["gone"]] {
        assert_eq!(gone["id"], "us/ns/nats-old");
        assert_eq!(gone["reason"], "Removed");
        assert_eq!(gone["last"]["actor"], "run as nats");
        assert_eq!(gone["last"]["commit"], COMMIT);
        assert_eq!(gone["last"]["reason"], "FileRemoved");
    }
    assert!(why["story"].as_str().unwrap().contains("history X"));
}

/// That nothing lists it does not mean that it is gone.
#[test]
fn what_is_not_seen_to_be_gone_is_not_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let begun = [("helm_uninstall", Phase::Intent, json!({}))];
    write(folder, "us/ns/nats-half", &begun);
    let installed = [
        ("helm_install", Phase::Done, json!({"file": "e/a.yaml"})),
        ("finished", Phase::Done, json!({"action": "install"})),
    ];
    write(folder, "eu/ns/nats-dark", &installed);
    status(folder, None, false, &[("us/ns/nats", "ready")]);
    let path = folder.join("state/status.json");
    let mut left: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    left["read"] = json!([{"cluster": "us"}]);
    left["unreadable"] =
        json!([{"cluster": "eu", "reason": "ClusterUnreachable", "text": "no answer"}]);
    fs::write(&path, left.to_string()).unwrap();
    for (name, words) in [
        ("nats-half", "Interrupted: uninstall begun at"),
        (
            "nats-dark",
            "eu/ns/nats-dark is to be removed file e/a.yaml, as it was last why ClusterUnreachable: no file declares it any more",
        ),
        (
            "nats-dark",
            "removed when cluster eu can be read, unless `policy.prune` is off",
        ),
    ] {
        let (code, said) = ask(folder, &["why", name]);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(code, Some(7), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(!said.contains("any more"), "{said}");
    }
    let (_, said) = ask(folder, &["status", "nats-dark", "--format", "json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["gone"]["waits_for"], "cluster eu", "{told}");
    let held = json!(["eu/ns/nats-dark"]).to_string();
    fs::write(folder.join("state/withheld.json"), held).unwrap();
    let (_, said) = ask(folder, &["status", "nats-dark", "--format", "json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["gone"]["waits_for"], Value::Null, "{told}");
    let (_, said) = ask(folder, &["approve", "nats-dark"]);
    assert!(
        said.contains("MassRemoval: its removal is held back"),
        "{said}"
    );
}

/// Only a look at everything there is, at the place where it was, says so.
#[test]
fn what_was_not_looked_for_everywhere_is_not_said_to_be_gone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let installed = [("finished", Phase::Done, json!({"action": "install"}))];
    write(folder, "us/ns/nats-lost", &installed);
    status(folder, None, true, &[("us/ns/nats", "ready")]);
    let path = folder.join("state/status.json");
    let whole: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let refused = json!({"reason": "SourceUnreadable", "text": "no route"});
    let silent = json!([{"cluster": null, "reason": "RegistryUnreadable", "text": "no answer"}]);
    let us = json!([{"cluster": "us"}]);
    let here = json!([{"cluster": "us", "namespaces": ["ns"]}]);
    let elsewhere = json!([{"cluster": "us", "namespaces": ["other"]}]);
    // Another cluster has nothing to say about it.
    let dark = json!([{"cluster": "eu", "reason": "ClusterUnreachable", "text": "no answer"}]);
    let unclear = json!({"reason": "SourceIncomplete", "text": "b.yaml is broken"});
    let cases = [
        (
            json!({"read": &us, "complete": false, "unreadable": &dark}),
            "Removed: the last pass",
        ),
        (
            json!({"read": &us, "complete": false, "unreadable": dark, "source": &unclear}),
            "SourceIncomplete: the status of 2026-01-01T00:00:00Z does not list it, but a file may still declare it: b.yaml is broken",
        ),
        (json!({"read": &us}), "Removed: the last pass"),
        (json!({"read": here}), "Removed: the last pass"),
        (json!({}), "ClusterNotInInventory: the status"),
        (
            json!({"read": elsewhere}),
            "NamespaceNotObserved: the status",
        ),
        (
            json!({"read": &us, "trouble": refused}),
            "SourceUnreadable: the status",
        ),
        (
            json!({"read": &us, "complete": false}),
            "SourceIncomplete: the status",
        ),
        (
            json!({"read": &us, "complete": false, "source": unclear}),
            "a file may still declare it: b.yaml is broken",
        ),
        (
            json!({"read": &us, "complete": false, "unreadable": silent}),
            "its removal waits: the registry could not be read: no answer",
        ),
    ];
    for (more, words) in cases {
        let mut left = whole.clone();
        left.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        fs::write(&path, left.to_string()).unwrap();
        let (code, said) = ask(folder, &["why", "nats-lost"]);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(code, Some(7), "{said}");
        assert!(said.contains(words), "{more}: {said}");
        // A file that is broken may be what declares it.
        assert!(
            !more["source"].is_object() || !said.contains("to be removed"),
            "{said}"
        );
        let gone = words.starts_with("Removed");
        assert_eq!(said.contains("any more"), gone, "{more}: {said}");
    }
}
