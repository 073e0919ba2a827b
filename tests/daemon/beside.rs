//! Commands beside a daemon that was told its settings: they are found as the daemon is, by its state folder.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use crate::host::{Host, commit, made};

const ONE: &str = "one/communication/nats";

/// Somewhere else on the host, with nothing but the state folder named.
fn ask(host: &Host, arguments: &[&str]) -> (i32, String) {
    let elsewhere = tempfile::tempdir().unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_natsx-sync"))
        .env_clear()
        .env("HOME", elsewhere.path())
        .env("PATH", "/usr/bin:/bin")
        .current_dir(elsewhere.path())
        .arg("--state")
        .arg(host.path("state"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    (status.code().unwrap(), text)
}

#[test]
fn what_the_daemon_was_told_nobody_has_to_repeat() {
    let mut host = Host::new();
    let repository = made(&host.path("repository"));
    let first = commit(&repository);
    std::fs::write(host.path("repository/exchanges/README.md"), "x").unwrap();
    let last = commit(&repository);
    host.settings(&["one"], "");
    host.start();

    let (code, text) = ask(&host, &["explain", ONE]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("exchanges/one.yaml"), "{text}");
    assert!(text.contains("as the daemon reads it from"), "{text}");
    let (code, text) = ask(&host, &["explain", "one/communication/nat"]);
    assert_eq!(code, 7, "{text}");
    assert!(text.contains("there is one/communication/nats"), "{text}");

    let (code, text) = ask(&host, &["forget", "one"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("one is in the inventory"), "{text}");
    let (code, text) = ask(&host, &["forget", "three"]);
    assert_eq!(code, 7, "{text}");
    assert!(
        text.contains("nothing is known of a cluster three"),
        "{text}"
    );

    let (_, text) = ask(&host, &["doctor"]);
    let found = format!("{}: 2 exchanges", host.path("repository").display());
    assert!(text.contains(&found), "{text}");
    assert!(text.contains("cluster one"), "{text}");

    // The cluster does not answer, so this is all that can come of it: the commit was reached.
    for name in [&first, &last] {
        let wait = ["wait", ONE, "--commit", name, "--timeout", "0s"];
        let (code, text) = ask(&host, &wait);
        assert_eq!(code, 3, "{text}");
        assert!(text.contains("ClusterUnreachable"), "{text}");
    }
    let (code, text) = ask(&host, &["wait", "--commit", "deadbeef"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("no commit deadbeef"), "{text}");

    // Who names settings means those.
    let (code, text) = ask(&host, &["explain", "nats", "--source", "."]);
    assert_eq!(code, 1, "{text}");
    assert_eq!(host.stop(), 0);
    let (code, text) = ask(&host, &["explain", ONE]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("--source DIR|URL or --config FILE"), "{text}");
}

/// A kubeconfig and a repository by flags, from the folder it was started in.
#[test]
fn what_was_told_by_flags_is_found_as_well() {
    let mut host = Host::new();
    host.settings(&["one"], "");
    let flags = ["--kubeconfig", "two=dead.yaml", "--source", "repository"];
    host.start_with(&flags);
    let (code, text) = ask(&host, &["forget", "two"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("two is in the inventory"), "{text}");
    let (code, text) = ask(&host, &["explain", "two/communication/nats"]);
    assert_eq!(code, 0, "{text}");
    let holder = std::fs::read_to_string(host.path("state/holder")).unwrap();
    assert!(holder.contains("two"), "{holder}");
    assert_eq!(host.stop(), 0);
}

/// A name that no commit can have, where no repository is at hand.
#[test]
fn a_wait_that_cannot_know_says_what_to_give() {
    let mut host = Host::new();
    let repository = made(&host.path("repository"));
    let first = commit(&repository);
    host.settings(&["one"], "");
    host.start();
    let holder = host.path("state/holder");
    let text = std::fs::read_to_string(&holder).unwrap();
    let mut told: serde_json::Value = serde_json::from_str(&text).unwrap();
    told["told"] = serde_json::Value::Null;
    std::fs::write(&holder, told.to_string()).unwrap();
    let (code, text) = ask(&host, &["wait", "--commit", "main"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("--source DIR|URL or --config FILE"), "{text}");
    let (code, text) = ask(&host, &["wait", ONE, "--commit", &first, "--timeout", "0s"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("ClusterUnreachable"), "{text}");
    let other = "0123456789";
    let (code, text) = ask(&host, &["wait", "--commit", other, "--timeout", "0s"]);
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("cannot be known here: give --source"),
        "{text}"
    );
    assert_eq!(host.stop(), 0);
}

/// A file that anybody may have written names no program that runs as whoever asks.
#[test]
fn what_others_may_have_written_is_not_run() {
    let mut host = Host::new();
    let repository = made(&host.path("repository"));
    let head = commit(&repository);
    host.settings(&["one"], "");
    let (helm, ran) = (host.path("helm"), host.path("ran"));
    let script = format!("#!/bin/sh\ntouch {}\n", ran.display());
    std::fs::write(&helm, script).unwrap();
    std::fs::set_permissions(&helm, Permissions::from_mode(0o755)).unwrap();
    host.start_in(&[
        ("NATSX_SYNC_HELM_PATH", helm.to_str().unwrap()),
        ("NATSX_SYNC_EVENTS_WEBHOOK", "http://127.0.0.1:1/hooks/k3y"),
    ]);
    let holder = host.path("state/holder");
    let text = std::fs::read_to_string(&holder).unwrap();
    assert!(
        text.contains("HELM_PATH") && !text.contains("k3y"),
        "{text}"
    );

    let (_, text) = ask(&host, &["doctor"]);
    assert!(ran.exists() && !text.contains("note:"), "{text}");
    std::fs::remove_file(&ran).unwrap();
    std::fs::set_permissions(&holder, Permissions::from_mode(0o666)).unwrap();
    let (_, text) = ask(&host, &["doctor"]);
    assert!(!ran.exists(), "{text}");
    let note = "run it as the daemon's user, or give --config FILE";
    assert_eq!(text.matches(note).count(), 1, "{text}");
    // These run nothing.
    let (code, text) = ask(&host, &["explain", ONE]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = ask(&host, &["wait", ONE, "--commit", &head, "--timeout", "0s"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("ClusterUnreachable"), "{text}");
    assert_eq!(host.stop(), 0);
}

/// The state folder may hold the store of a registry from before.
#[test]
fn the_registry_that_is_read_is_the_one_of_the_daemon() {
    let mut host = Host::new();
    host.settings(&["one"], "registry: {url: 'http://127.0.0.1:9'}\n");
    host.start();
    for arguments in [&["registry", "ls"][..], &["registry", "get", "nats"]] {
        let (code, text) = ask(&host, arguments);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("RegistryUnreadable"), "{text}");
        assert!(text.contains("127.0.0.1:9"), "{text}");
    }
    assert_eq!(host.stop(), 0);
}
