//! Commands beside a daemon that is played: it holds the state folder and has left a status.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{natsx, text, text_of};

/// A repository with one commit after the other, and their ids.
pub(super) fn commits(folder: &Path, messages: &[&str]) -> Vec<String> {
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        text(&done.stdout).trim().to_owned()
    };
    git(&["init", "--quiet", "--initial-branch", "main"]);
    fs::create_dir(folder.join("exchanges")).unwrap();
    let mut ids = Vec::new();
    for message in messages {
        fs::write(folder.join("exchanges/README"), message).unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", message]);
        ids.push(git(&["rev-parse", "HEAD"]));
    }
    ids
}

/// Holds the state folder as a daemon does, until it is dropped.
pub(super) fn daemon(folder: &Path) -> File {
    fs::create_dir_all(folder.join("state")).unwrap();
    let lock = File::create(folder.join("state/lock")).unwrap();
    // A process that another test is just starting may have it still from who wrote the journal.
    lock.lock().unwrap();
    let holder = json!({"pid": std::process::id(), "since": "2026-01-01T00:00:00Z"});
    fs::write(folder.join("state/holder"), holder.to_string()).unwrap();
    lock
}

/// The status it has left.
pub(super) fn status(folder: &Path, commit: Option<&str>, complete: bool, phases: &[(&str, &str)]) {
    let exchanges: Vec<Value> = phases
        .iter()
        .map(|(id, phase)| {
            json!({
                "id": id, "name": "x", "file": format!("exchanges/{phase}.yaml"), "action": "none",
                "phase": phase, "reason": "UpToDate", "text": "as wanted", "revision": 1,
                "chart_version": null, "health": "healthy", "commit": null,
                "since": "2026-01-01T00:00:00Z", "public_url": null, "client_urls": [],
                "system_id": null,
            })
        })
        .collect();
    let status = json!({
        "format_version": "1.0", "written_at": "2026-01-01T00:00:00Z", "pid": std::process::id(),
        "pass": 1, "commit": commit, "complete": complete, "trouble": null, "exchanges": exchanges,
    });
    fs::create_dir_all(folder.join("state")).unwrap();
    fs::write(folder.join("state/status.json"), status.to_string()).unwrap();
}

/// Exit code, what was said, and how long it took.
fn wait(folder: &Path, more: &[&str]) -> (Option<i32>, String, Duration) {
    let began = Instant::now();
    let done = natsx(folder, &[&["wait", "--state", "state"], more].concat());
    (done.status.code(), text(&done.stderr), began.elapsed())
}

#[test]
fn waiting_for_a_commit_ends_when_a_later_one_was_reached() {
    let folder = tempfile::tempdir().unwrap();
    let ids = commits(folder.path(), &["one", "two", "three"]);
    let _daemon = daemon(folder.path());
    status(folder.path(), Some(&ids[1]), true, &[]);
    for (commit, code) in [(&ids[0], 0), (&ids[1], 0), (&ids[2], 3)] {
        let (ended, said, _) = wait(folder.path(), &["--timeout", "0s", "--commit", commit]);
        assert_eq!(ended, Some(code), "{said}");
    }
    // Who reads a log sees what it waits for: once, not at each look.
    let (_, said, _) = wait(folder.path(), &["--timeout", "1s", "--commit", &ids[2]]);
    let told = said.matches("waiting: the last pass was at").count();
    assert_eq!(told, 1, "{said}");
}

#[test]
fn nobody_waits_for_what_cannot_come() {
    let folder = tempfile::tempdir().unwrap();
    let ids = commits(folder.path(), &["one"]);
    let daemon = daemon(folder.path());
    let ready = [
        ("us/ns/nats-first", "ready"),
        ("us/ns/nats-held", "blocked"),
        ("us/ns/nats-later", "suspended"),
    ];
    status(folder.path(), Some(&ids[0]), true, &ready);
    // Until somebody suspends it, it may just have been resumed.
    let (ended, said, _) = wait(folder.path(), &["nats-later", "--timeout", "0s"]);
    assert!(
        ended == Some(3) && said.contains("not ready after"),
        "{said}"
    );
    let suspend = ["suspend", "nats-later", "--reason", "moved"];
    let done = natsx(
        folder.path(),
        &[&suspend[..], &["--state", "state"]].concat(),
    );
    assert!(done.status.success(), "{}", text(&done.stderr));
    let cases: [(&[&str], i32, &str); 5] = [
        (&["--commit", "deadbeef"], 1, "no commit deadbeef"),
        (&["nats-frist"], 7, "us/ns/nats-first is there"),
        (&["nats-held"], 3, "is blocked"),
        (&["nats-later"], 3, "natsx-sync why us/ns/nats-later"),
        (&["nats-first"], 0, "ready"),
    ];
    for (arguments, code, word) in cases {
        let (ended, said, took) = wait(folder.path(), arguments);
        assert_eq!(ended, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
        assert!(took < Duration::from_secs(2), "{arguments:?}: {took:?}");
    }

    // The daemon was killed; the status it left says ready.
    drop(daemon);
    status(folder.path(), Some(&ids[0]), true, &ready[..1]);
    let (ended, said, took) = wait(folder.path(), &[]);
    assert_eq!(ended, Some(1), "{said}");
    assert_eq!(said.matches("no daemon runs").count(), 1, "{said}");
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn it_says_what_the_pass_could_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let _daemon = daemon(folder.path());
    let path = folder.path().join("state/status.json");
    status(folder.path(), None, false, &[("us/ns/nats", "ready")]);
    let text = fs::read_to_string(&path).unwrap();
    let mut status: Value = serde_json::from_str(&text).unwrap();
    status["unreadable"] = json!([{"reason": "RegistryUnreadable", "text": "connection refused"}]);
    fs::write(&path, status.to_string()).unwrap();
    let (ended, said, _) = wait(folder.path(), &["--timeout", "0s"]);
    assert_eq!(ended, Some(3), "{said}");
    let what = "could not read the registry: RegistryUnreadable: connection refused";
    assert!(said.contains(what), "{said}");
}

/// A script asks `plan`, another waits: both are told the same by the same number.
#[test]
fn what_is_held_back_ends_a_wait_with_the_code_a_plan_has_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let _daemon = daemon(folder.path());
    let path = folder.path().join("state/status.json");
    for (reason, code) in [
        ("MassRemoval", 5),
        ("Protected", 5),
        ("ClusterReplaced", 3),
        ("ChartUnavailable", 3),
        ("DuplicateExchange", 1),
        ("FileInvalid", 1),
    ] {
        status(folder.path(), None, true, &[("us/ns/held", "blocked")]);
        let text = fs::read_to_string(&path).unwrap();
        let mut status: Value = serde_json::from_str(&text).unwrap();
        let entry = &mut status["exchanges"][0];
        entry["reason"] = reason.into();
        entry["needs"] = "natsx-sync approve it".into();
        fs::write(&path, status.to_string()).unwrap();
        let (ended, said, _) = wait(folder.path(), &["held"]);
        assert_eq!(ended, Some(code), "{reason}: {said}");
    }
}

#[test]
fn only_what_is_held_back_is_approved_and_only_what_nobody_works_on_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("kubeconfig"), "{}").unwrap();
    let daemon = daemon(folder);
    status(folder, None, true, &[("us/ns/nats-first", "ready")]);
    let told = |words: &[&str]| {
        let done = natsx(folder, &[words, &["--state", "state"]].concat());
        (done.status.code(), text(&done.stderr))
    };
    let (code, said) = told(&["approve", "nats-first"]);
    assert_eq!(code, Some(7), "{said}");
    assert!(
        said.contains("nothing holds a removal of it back"),
        "{said}"
    );
    assert!(!folder.join("state/approvals").exists());

    let elsewhere = ["--kubeconfig", "eu=kubeconfig"];
    for (more, word) in [(&[][..], "no inventory"), (&elsewhere[..], "works on us")] {
        let (code, said) = told(&[&["forget", "us"], more].concat());
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(word), "{said}");
    }
    drop(daemon);
    let (code, said) = told(&[&["forget", "us"][..], &elsewhere[..]].concat());
    assert_eq!(code, Some(7), "nothing is known of it: {said}");
    let (code, said) = told(&["plan", "--kubeconfig", "us=away"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--kubeconfig: cannot read away"), "{said}");
}

#[test]
fn what_a_pass_could_not_read_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let _daemon = daemon(folder.path());
    let phases = [("us/ns/nats-first", "ready")];
    status(folder.path(), None, false, &phases);
    let (ended, said, _) = wait(folder.path(), &["--timeout", "0s"]);
    assert_eq!(ended, Some(3), "{said}");
    assert!(said.contains("could not read everything"), "{said}");
    // This one was read, and another that is not listed may be where nothing could be read.
    let (ended, said, _) = wait(folder.path(), &["nats-first"]);
    assert_eq!(ended, Some(0), "{said}");
    let (ended, said, _) = wait(folder.path(), &["nats-other", "--timeout", "0s"]);
    assert_eq!(ended, Some(3), "{said}");

    status(folder.path(), None, true, &phases);
    fs::write(folder.path().join("state/status.json"), "{").unwrap();
    let (ended, said, took) = wait(folder.path(), &[]);
    assert_eq!(ended, Some(1), "{said}");
    assert!(
        said.contains("is damaged") && took < Duration::from_secs(2),
        "{said}"
    );
}

/// Answers each request with this, for as long as the test runs.
fn serve(answer: String) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).unwrap() > 0);
            assert!(request.starts_with(b"GET /status "));
            // Who has read enough hangs up.
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    address
}

#[test]
fn a_status_that_could_not_be_written_is_asked_of_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _daemon = daemon(folder);
    status(folder, None, true, &[("us/ns/nats-first", "ready")]);
    let written = folder.join("state/status.json");
    let body = fs::read_to_string(&written).unwrap();
    fs::remove_file(&written).unwrap();
    let said = natsx(folder, &["status", "--state", "state"]);
    assert!(text(&said.stderr).contains("NoStatus"), "{said:?}");

    let length = body.len();
    let address = serve(format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    let holder = json!({
        "pid": std::process::id(), "since": "2026-01-01T00:00:00Z", "status": address,
    });
    fs::write(folder.join("state/holder"), holder.to_string()).unwrap();
    let shown = natsx(folder, &["status", "--state", "state"]);
    assert!(shown.status.success(), "{shown:?}");
    assert!(text(&shown.stdout).contains("nats-first"), "{shown:?}");
}

#[test]
fn a_status_from_elsewhere_is_bounded_and_comes_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let body = "x".repeat(65 << 20);
    let endless = serve(format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}"
    ));
    let moved = serve(format!(
        "HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: http://{endless}/status\r\n\r\n"
    ));
    for (address, word) in [(endless, "more than"), (moved, "302")] {
        let url = format!("http://{address}");
        let refused = natsx(folder.path(), &["status", "--status", &url]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let said = text(&refused.stderr);
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn the_end_of_a_wait_is_told_to_programs() {
    let folder = tempfile::tempdir().unwrap();
    let ids = commits(folder.path(), &["one"]);
    let _daemon = daemon(folder.path());
    for (phase, result, code) in [
        ("ready", "ready", 0),
        ("failed", "hopeless", 1),
        ("progressing", "timeout", 3),
    ] {
        let id = "us/communication/nats-a";
        status(folder.path(), Some(&ids[0]), true, &[(id, phase)]);
        let more = [
            "wait",
            "--state",
            "state",
            "--source",
            ".",
            "--timeout",
            "1s",
        ];
        let done = natsx(folder.path(), &[&more[..], &["--format", "json"]].concat());
        assert_eq!(done.status.code(), Some(code), "{}", text_of(&done));
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(told["format_version"], "1.0");
        assert_eq!(told["result"], result, "{told}");
        assert_eq!(
            told["text"].as_str().unwrap().is_empty(),
            code == 0,
            "{told}"
        );
    }
}

#[test]
fn programs_are_told_that_a_wait_cannot_end_in_whatever_way_that_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ids = commits(folder, &["one"]);
    let daemon = daemon(folder);
    status(folder, Some(&ids[0]), true, &[("us/ns/nats-a", "ready")]);
    let told = |words: &[&str], code: i32, word: &str| {
        let more = ["--state", "state", "--format", "json"];
        let done = natsx(folder, &[words, &more].concat());
        assert_eq!(done.status.code(), Some(code), "{}", text_of(&done));
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(told["result"], "hopeless", "{told}");
        assert!(told["text"].as_str().unwrap().contains(word), "{told}");
        assert!(text(&done.stderr).contains(word), "{}", text_of(&done));
    };
    told(&["wait", "--commit", "abcdef0"], 1, "no commit abcdef0");
    told(&["wait", "nope"], 7, "no exchange is called");
    told(&["reconcile", "nope", "--wait"], 7, "no exchange is called");
    drop(daemon);
    told(&["reconcile", "--wait"], 1, "daemon");
    let (ended, said, _) = wait(folder, &["nope", "--timeout", "0s"]);
    assert_eq!(ended, Some(1), "{said}");
}
