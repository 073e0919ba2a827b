//! What programs are told of what was said by command.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::waiting::status;
use super::{natsx, text_of};

const ID: &str = "us/ns/nats-first";

fn told(folder: &Path, words: &[&str]) -> Value {
    let more = ["--state", "state", "--format", "json"];
    let done = natsx(folder, &[words, &more].concat());
    assert_eq!(done.status.code(), Some(0), "{}", text_of(&done));
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    let version = told.get("format_version").and_then(Value::as_str);
    assert_eq!(version, Some("1.0"), "{told}");
    told
}

#[test]
fn a_hold_is_told_with_what_it_replaces_and_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    status(folder, None, true, &[(ID, "ready")]);
    let first = told(folder, &["suspend", "nats-first", "--reason", "moved"]);
    let whole = json!({
        "format_version": "1.0", "id": ID, "reason": "moved", "until": null, "replaced": null, "pass": null,
    });
    assert_eq!(first, whole);
    let hold = ["suspend", "nats-first", "--reason", "p1", "--for", "2h"];
    let second = told(folder, &hold);
    assert!(second["until"].is_string(), "{second}");
    let before = json!({"reason": "moved", "until": null});
    assert_eq!(second["replaced"], before, "{second}");
    let over = told(folder, &["resume", "nats-first"]);
    assert_eq!(
        over,
        json!({"format_version": "1.0", "id": ID, "pass": null})
    );
}

#[test]
fn an_approval_is_told_with_what_it_lets_through_and_until_when() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let commit = "1234567890123456789012345678901234567890";
    status(folder, Some(commit), true, &[(ID, "blocked")]);
    let path = folder.join("state/status.json");
    let mut held: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    held["exchanges"][0]["needs"] = "natsx-sync approve it".into();
    fs::write(&path, held.to_string()).unwrap();
    let given = told(folder, &["approve", "nats-first"]);
    assert_eq!(given["exchanges"], json!([ID]), "{given}");
    assert_eq!(given["commit"], commit, "{given}");
    assert!(given["expires"].is_string(), "{given}");
    assert_eq!(given["clusters"], json!([]), "{given}");
    assert_eq!(given["pass"], Value::Null, "{given}");
}
