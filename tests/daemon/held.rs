//! What is held back is said where people look: in the log, in the status and in `why`.

use std::fs;

use serde_json::{Value, json};

use crate::host::{Host, commit, made};

#[test]
fn a_broken_file_is_told_with_its_place_and_what_to_write() {
    let mut host = Host::new();
    let broken = "name: one\nrelease_name: nats\ncluster_id: one\norg_ids: [o]\nnmae: x\n";
    fs::write(host.path("repository/exchanges/one.yaml"), broken).unwrap();
    host.settings(&["one", "two"], "");
    host.start();
    let text = "exchanges/one.yaml:5:1: UnknownField: an exchange has no field \"nmae\"; did you mean name?";
    let status = host.until_status("broken", |status| {
        let entries = status["exchanges"].as_array();
        entries
            .into_iter()
            .flatten()
            .any(|entry| entry["text"] == text)
    });
    let entries = status["exchanges"].as_array().unwrap();
    let broken = entries
        .iter()
        .find(|entry| entry["reason"] == "FileInvalid");
    assert_eq!(broken.unwrap()["diagnostics"][0]["line"], 5);
    assert!(!status["next_pass"].is_null());
    let held: Vec<_> = host
        .log()
        .lines()
        .filter(|line| line.contains("held"))
        .map(str::to_owned)
        .collect();
    assert!(
        held.iter()
            .any(|line| line.contains("exchanges/one.yaml:5:1")),
        "{held:#?}"
    );
    assert!(
        held.iter().any(|line| line.contains("ClusterUnreachable")),
        "{held:#?}"
    );

    // Of the cluster that does not answer: which one, what was seen, and what that means.
    let lines = held
        .iter()
        .filter(|line| line.contains("ClusterUnreachable"));
    let lines: Vec<_> = lines.collect();
    assert!(
        lines.iter().all(|line| {
            line.contains("cluster=\"") && line.contains("127.0.0.1:1") && line.contains("means=")
        }),
        "{held:#?}"
    );

    let id = "one/communication/nats";
    let why = host.command(&["why", id]).output().unwrap();
    let why = String::from_utf8_lossy(&why.stdout).into_owned();
    assert!(
        why.contains("exchanges/one.yaml:5:1") && why.contains("file mended"),
        "{why}"
    );

    // Said once, not in each pass.
    let passes = status["pass"].as_u64().unwrap();
    assert!(host.command(&["reconcile"]).status().unwrap().success());
    host.until_status("another pass", |status| {
        status["pass"].as_u64() > Some(passes)
    });
    let again = host
        .log()
        .lines()
        .filter(|line| line.contains("held"))
        .count();
    assert_eq!(again, held.len(), "{}", host.log());
    assert_eq!(host.stop(), 0);
}

#[test]
fn a_repository_without_a_commit_is_told_in_the_log() {
    let mut host = Host::new();
    let git = std::process::Command::new("git")
        .args(["init", "--quiet"])
        .current_dir(host.path("repository"))
        .status();
    assert!(git.unwrap().success());
    host.settings(&["one"], "");
    host.begin();
    host.until_status("no pass", |status| !status["trouble"].is_null());
    assert!(
        host.log().contains("commit the exchange files first"),
        "{}",
        host.log()
    );
    // No exchange is denied that nobody could look for, and a brake takes its whole id.
    let id = "one/communication/nats";
    for arguments in [&["why", id][..], &["suspend", "nats", "--reason", "x"]] {
        let done = host.command(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{text}");
        assert!(text.contains("commit the exchange files first"), "{text}");
    }
    for arguments in [&["suspend", id, "--reason", "x"][..], &["reconcile", id]] {
        let done = host.command(arguments).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
    assert_eq!(host.stop(), 0);
}

/// `one` is declared by the first commit and not by the head; `two` is declared by both.
#[test]
fn another_commit_than_the_head_lets_nothing_go_that_is_held() {
    const ONE: &str = "one/communication/nats";
    const TWO: &str = "two/communication/nats";
    let mut host = Host::new();
    let repository = made(&host.path("repository"));
    let first = commit(&repository);
    fs::remove_file(host.path("repository/exchanges/one.yaml")).unwrap();
    commit(&repository);
    host.settings(&["one", "two"], "");
    fs::create_dir_all(host.path("state/approvals")).unwrap();
    let both = json!([ONE, TWO]);
    fs::write(host.path("state/withheld.json"), both.to_string()).unwrap();
    let approval = json!({
        "ids": both, "commit": null, "given": "2026-01-01T00:00:00Z", "expires": "2126-01-01T00:00:00Z",
    });
    fs::write(host.path("state/approvals/1.json"), approval.to_string()).unwrap();
    let known = |host: &Host| {
        let read = |path: &str| -> Value {
            let text = fs::read_to_string(host.path("state").join(path)).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        [
            read("withheld.json"),
            read("approvals/1.json")["ids"].clone(),
        ]
    };
    host.start_with(&["--revision", &first]);
    assert_eq!(known(&host), [both.clone(), both]);
    assert_eq!(host.stop(), 0);
    host.start();
    let gone = json!([ONE]);
    assert_eq!(known(&host), [gone.clone(), gone]);
    assert_eq!(host.stop(), 0);
}
