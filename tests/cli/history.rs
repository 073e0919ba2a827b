//! `history`: of what goes on, and where nothing is.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use natsx_sync::state::State;
use natsx_sync::state::journal::{Journal, Line, Phase};
use serde_json::{Value, json};

use super::{natsx, text_of};

#[test]
fn what_goes_on_has_taken_until_now_and_what_was_left_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&folder.path().join("state")).unwrap();
    let lock = state.lock(Timestamp::now()).unwrap();
    let journal = Journal::open(&state.private("journal").unwrap(), "test").unwrap();
    let begun = Line {
        pass: 1,
        commit: None,
        id: Some("us/ns/a".parse().unwrap()),
        step: "helm_install".to_owned(),
        phase: Phase::Intent,
        detail: json!({}),
    };
    journal.append(begun).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let seconds = || {
        let arguments = ["history", "--state", "state", "--format", "json"];
        let said = text_of(&natsx(folder.path(), &arguments));
        let told: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(told["deeds"][0]["result"], "open");
        told["deeds"][0]["seconds"].as_f64().unwrap()
    };
    let going = seconds();
    assert!(going >= 0.3, "{going}");
    drop(lock);
    // Nobody works on it any more, nor does whoever comes later.
    assert!(seconds() < 0.3);
    let _another = state.lock(Timestamp::now()).unwrap();
    assert!(seconds() < 0.3);
}

#[test]
fn who_only_looks_makes_no_state_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("kubeconfig"), "{}").unwrap();
    let forget = ["forget", "old", "--kubeconfig", "us=kubeconfig"];
    let cases: [(&[&str], i32); 10] = [
        (&["history"], 0),
        (&["history", "a"], 1),
        (&["status"], 1),
        (&["reconcile"], 1),
        (&["approve", "a"], 1),
        (&["doctor"], 1),
        (&["suspend", "a", "--reason", "moved"], 1),
        // Held where nothing runs, it would go on where something does.
        (&["suspend", "us/ns/a", "--reason", "moved"], 1),
        (&["resume", "us/ns/a"], 1),
        (&forget, 1),
    ];
    for (arguments, code) in cases {
        let done = natsx(folder.path(), &[arguments, &["--state", "x/ns"]].concat());
        let said = text_of(&done);
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(!folder.path().join("x").exists(), "{arguments:?}");
    }
}
