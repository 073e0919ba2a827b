//! What is said of an exchange that was there: by those who only look, and by those who would do something about it.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use natsx_sync::state::State;
use natsx_sync::state::journal::{Journal, Line, Phase};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::waiting::{commits, daemon, status};
use super::{natsx, text, text_of};

const COMMIT: &str = "1234567890123456789012345678901234567890";

/// Writes what `run` would have.
pub(super) fn write(folder: &Path, id: &str, lines: &[(&str, Phase, Value)]) {
    write_for(folder, id, COMMIT, lines);
}

fn write_for(folder: &Path, id: &str, commit: &str, lines: &[(&str, Phase, Value)]) {
    let state = State::open(&folder.join("state")).unwrap();
    let _lock = state.lock(Timestamp::now()).unwrap();
    let journal = Journal::open(&state.private("journal").unwrap(), "run as nats").unwrap();
    for (step, phase, detail) in lines {
        let line = Line {
            pass: 1,
            commit: Some(commit.parse().unwrap()),
            id: Some(id.parse().unwrap()),
            step: (*step).to_owned(),
            phase: *phase,
            detail: detail.clone(),
        };
        journal.append(line).unwrap();
    }
}

/// Where `us/ns/nats-old` was removed, and the last pass listed `us/ns/nats-odd`.
fn one_of_two_removed() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    removed(folder.path(), "us/ns/nats-old");
    status(folder.path(), None, true, &[("us/ns/nats-odd", "ready")]);
    folder
}

fn removed(folder: &Path, id: &str) {
    removed_for(folder, id, COMMIT);
}

fn removed_for(folder: &Path, id: &str, commit: &str) {
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
    write_for(folder, id, commit, &lines);
}

fn ask(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let done = natsx(folder, &[arguments, &["--state", "state"]].concat());
    (done.status.code(), text_of(&done))
}

#[test]
fn every_command_says_when_and_by_whom_an_exchange_was_removed() {
    let folder = one_of_two_removed();
    let folder = folder.path();
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
    let folder = one_of_two_removed();
    let folder = folder.path();
    let _daemon = daemon(folder);
    for (name, is_either) in [("nats-old", false), ("nats-never", true)] {
        let (code, said) = ask(folder, &["approve", name]);
        assert_eq!(code, Some(7), "{said}");
        assert_eq!(said.contains("as a cluster"), is_either, "{said}");
    }
}

#[test]
fn programs_are_told_of_a_removed_exchange_by_reason_and_deed() {
    let folder = one_of_two_removed();
    let folder = folder.path();
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
        assert!(!said.contains("not there any more"), "{said}");
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
        assert_eq!(said.contains("not there any more"), gone, "{more}: {said}");
    }
}

/// Whoever waits for what is gone would take "ready" for an exchange that runs.
#[test]
fn a_wait_for_what_was_removed_before_says_so() {
    let folder = one_of_two_removed();
    let folder = folder.path();
    let _daemon = daemon(folder);
    for more in [&[][..], &["nats-odd"]] {
        let (code, said) = ask(folder, &[&["wait", "nats-old"], more].concat());
        assert_eq!(code, Some(7), "{said}");
        let words = "us/ns/nats-old is not there any more: Removed: uninstall done at 2";
        assert!(said.contains(words), "{said}");
        assert!(
            said.contains("by `run as nats`, at commit 123456789"),
            "{said}"
        );
        assert!(!said.contains("ready"), "{said}");
    }
    for words in [
        &["wait", "nats-old"][..],
        &["reconcile", "nats-old", "--wait"],
    ] {
        let more = ["--state", "state", "--format", "json"];
        let done = natsx(folder, &[words, &more].concat());
        assert_eq!(done.status.code(), Some(7), "{}", text_of(&done));
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(told["result"], "removed", "{told}");
        assert_eq!(told["gone"][0]["last"]["commit"], COMMIT, "{told}");
    }
}

/// Whoever pushed the removal waits until it is done.
#[test]
fn a_wait_for_the_commit_that_removes_ends_when_that_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ids = commits(folder, &["one", "removes", "three"]);
    removed_for(folder, "us/ns/nats-old", &ids[1]);
    let by_hand = [("finished", Phase::Done, json!({"action": "install"}))];
    write(folder, "us/ns/nats-lost", &by_hand);
    status(folder, Some(&ids[2]), true, &[("us/ns/nats-odd", "ready")]);
    let path = folder.join("state/status.json");
    let mut left: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    left["read"] = json!([{"cluster": "us"}]);
    fs::write(&path, left.to_string()).unwrap();
    let _daemon = daemon(folder);
    let wait = |more: &[&str]| {
        let fixed = [
            "wait", "--state", "state", "--source", ".", "--format", "json",
        ];
        let done = natsx(folder, &[&fixed, more].concat());
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        (done.status.code(), told["result"].clone(), text_of(&done))
    };
    let cases: [(&[&str], i32, &str, &str); 5] = [
        (
            &["nats-old", "--commit", &ids[0]],
            0,
            "removed",
            "Removed: uninstall done",
        ),
        (
            &["nats-old", "--commit", &ids[1]],
            0,
            "removed",
            "Removed: uninstall done",
        ),
        (
            &["nats-old", "--commit", &ids[2]],
            7,
            "removed",
            "Removed: uninstall done",
        ),
        (
            &["nats-old", "nats-odd", "--commit", &ids[1]],
            0,
            "ready",
            "Removed: uninstall",
        ),
        // Who took it away nobody knows, so it may have been this commit.
        (
            &["nats-lost", "--commit", &ids[2]],
            0,
            "removed",
            "found no file that declares it",
        ),
    ];
    for (more, code, result, words) in cases {
        let (ended, told, said) = wait(more);
        assert_eq!(ended, Some(code), "{more:?}: {said}");
        assert_eq!(told, result, "{more:?}: {said}");
        assert!(said.contains(words), "{more:?}: {said}");
    }
    let (ended, told, said) = wait(&["--commit", &ids[1]]);
    assert_eq!((ended, told), (Some(0), json!("ready")), "{said}");
}

#[test]
fn a_wait_for_a_removal_that_waits_says_for_what() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let installed = [("finished", Phase::Done, json!({"action": "install"}))];
    write(folder, "eu/ns/nats-dark", &installed);
    write(folder, "us/ns/nats-lost", &installed);
    removed(folder, "us/ns/nats-old");
    status(folder, None, false, &[("us/ns/nats", "ready")]);
    let path = folder.join("state/status.json");
    let mut left: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    left["read"] = json!([{"cluster": "us"}]);
    left["unreadable"] =
        json!([{"cluster": "eu", "reason": "ClusterUnreachable", "text": "no answer"}]);
    fs::write(&path, left.to_string()).unwrap();
    let _daemon = daemon(folder);
    let (code, said) = ask(folder, &["wait", "nats-dark", "--timeout", "0s"]);
    assert_eq!(code, Some(3), "{said}");
    let words = "eu/ns/nats-dark is to be removed: ClusterUnreachable: no file declares it";
    assert!(said.contains(words), "{said}");
    // What is gone elsewhere does not wait for that cluster.
    for name in ["nats-old", "nats-lost"] {
        let (code, said) = ask(folder, &["wait", name]);
        assert_eq!(code, Some(7), "{said}");
        assert!(said.contains("is not there any more: Removed"), "{said}");
    }
    let held = json!(["eu/ns/nats-dark"]).to_string();
    fs::write(folder.join("state/withheld.json"), held).unwrap();
    let (code, said) = ask(folder, &["wait", "nats-dark"]);
    assert_eq!(code, Some(5), "{said}");
}
