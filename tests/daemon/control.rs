//! People ask the running daemon, and are told which pass serves them.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::host::{Host, commit, made, reason};

const ONE: &str = "one/communication/nats";
const TWO: &str = "two/communication/nats";

fn ask(host: &Host, arguments: &[&str]) -> (i32, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = host.command(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    (status.code().unwrap(), text)
}

/// The number in `pass N serves it`, or `sees it`.
fn promised(text: &str) -> u64 {
    let (_, rest) = text.split_once("pass ").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn without_a_daemon_it_ends_at_once_and_says_what_to_do() {
    let host = Host::new();
    host.settings(&["one"], "");
    for arguments in [&["reconcile"][..], &["reconcile", ONE, "--wait"]] {
        let began = Instant::now();
        let (code, text) = ask(&host, arguments);
        assert!(began.elapsed() < Duration::from_secs(2), "{text}");
        assert_eq!(code, 1, "{text}");
        let says = ["no daemon runs", "natsx-sync run", "natsx-sync apply"];
        assert!(says.iter().all(|word| text.contains(word)), "{text}");
    }
}

#[test]
fn a_request_is_acknowledged_with_the_pass_that_serves_it() {
    let mut host = Host::new();
    host.settings(&["one"], "");
    host.start();
    let socket = fs::metadata(host.path("state/control.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    let (code, text) = ask(&host, &["reconcile"]);
    assert_eq!(code, 0, "{text}");
    let number = promised(&text);
    assert!(number >= 2, "{text}");
    host.until_status("the pass that was promised", |status| {
        status["tried"].as_u64() >= Some(number)
    });

    // It is over, and says how the exchange is then.
    let (code, text) = ask(&host, &["reconcile", TWO, "--wait"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("ClusterNotInInventory"), "{text}");
    let (code, text) = ask(&host, &["reconcile", ONE, "--wait", "--timeout", "2s"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("ClusterUnreachable"), "{text}");
    let (code, text) = ask(&host, &["reconcile", "nobody"]);
    assert_eq!(code, 7, "{text}");

    let (code, text) = ask(&host, &["reconcile", "--timeout", "1s"]);
    assert_eq!(code, 64, "{text}");
    assert_eq!(host.stop(), 0);
    assert!(!host.path("state/control.sock").exists());
}

#[test]
fn whatever_was_committed_before_is_in_the_pass_that_was_promised() {
    let mut host = Host::new();
    let repository = made(&host.path("repository"));
    commit(&repository);
    host.settings(&["one"], "");
    host.start();
    for round in 0..10 {
        fs::write(
            host.path("repository/exchanges/README.md"),
            round.to_string(),
        )
        .unwrap();
        let head = commit(&repository);
        let (code, text) = ask(&host, &["reconcile", TWO, "--wait"]);
        assert_eq!(code, 3, "{text}");
        let status = fs::read_to_string(host.path("state/status.json")).unwrap();
        let status: Value = serde_json::from_str(&status).unwrap();
        assert_eq!(status["commit"], head, "round {round}: {text}");
    }
    assert_eq!(host.stop(), 0);
}

#[test]
fn a_pass_that_cannot_be_made_is_told_to_whoever_waits_for_it() {
    let mut host = Host::new();
    host.settings(&["one"], "");
    host.start();
    fs::rename(host.path("repository"), host.path("away")).unwrap();
    let (code, text) = ask(&host, &["reconcile", "--wait"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("no pass"), "{text}");
    // Such a pass has a number, too: the next request is served by a later one.
    fs::rename(host.path("away"), host.path("repository")).unwrap();
    let (code, text) = ask(&host, &["reconcile", TWO, "--wait"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("ClusterNotInInventory"), "{text}");
    // And history counts as `reconcile` does.
    fs::rename(host.path("repository"), host.path("away")).unwrap();
    for _ in 0..3 {
        let (_, last) = ask(&host, &["reconcile", "--wait"]);
        let (_, text) = ask(&host, &["suspend", ONE, "--reason", "maint"]);
        assert!(promised(&text) > promised(&last), "{text}");
        let (_, history) = ask(&host, &["history", ONE, "--last", "1", "--format", "json"]);
        let history: Value = serde_json::from_str(&history).unwrap();
        let pass = history["deeds"][0]["pass"].as_u64().unwrap();
        assert!(
            (promised(&last)..=promised(&text)).contains(&pass),
            "{history}"
        );
    }
    assert_eq!(host.stop(), 0);
}

#[test]
fn a_commit_that_cannot_be_followed_is_refused_to_whoever_asked() {
    let mut host = Host::new();
    let repository = made(&host.path("repository"));
    commit(&repository);
    host.settings(&["one"], "");
    host.start();
    let (code, text) = ask(&host, &["reconcile", "--commit", &"0".repeat(40)]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("refuses") && text.contains("0000000"),
        "{text}"
    );
    assert_eq!(host.stop(), 0);
}

#[test]
fn a_suspension_is_seen_at_once() {
    let mut host = Host::new();
    host.settings(&["one"], "");
    host.start();
    let hold = ["suspend", TWO, "--reason", "moved"];
    let (code, text) = ask(&host, &hold);
    assert_eq!(code, 0, "{text}");
    let number = promised(&text);
    host.until_status("the pass that was promised", |status| {
        status["tried"].as_u64() >= Some(number)
    });
    let mut resume = host.command(&["resume", TWO, "--format", "json"]);
    let told: Value = serde_json::from_slice(&resume.output().unwrap().stdout).unwrap();
    assert!(told["pass"].as_u64() > Some(number), "{told}");
    host.until_status("seen again", |status| {
        status["tried"].as_u64() >= told["pass"].as_u64()
    });
    assert_eq!(host.stop(), 0);
}

#[test]
fn what_is_said_by_command_is_history_and_takes_nobody_s_hold_unseen() {
    let mut host = Host::new();
    host.settings(&["one"], "");
    host.start();
    let (code, text) = ask(&host, &["suspend", ONE, "--reason", "maint", "--for", "2h"]);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("replaces"), "{text}");
    // The cluster cannot be read, and the hold is seen all the same.
    let status = host.until_status("held", |status| {
        status["exchanges"][0]["suspended"]["reason"] == "maint"
    });
    assert_eq!(reason(&status, ONE), "ClusterUnreachable");
    let (_, text) = ask(&host, &["why", ONE]);
    assert!(text.contains("held      maint, until 2"), "{text}");
    let (_, text) = ask(&host, &["status"]);
    assert!(text.contains("held: maint, until 2"), "{text}");

    let (code, text) = ask(&host, &["suspend", ONE, "--reason", " "]);
    assert_eq!(code, 64, "{text}");
    let (code, text) = ask(&host, &["suspend", ONE, "--reason", "p1"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("replaces: \"maint\", until 2"), "{text}");
    assert_eq!(host.stop(), 0);
    // Without a daemon it is written as well.
    let (code, text) = ask(&host, &["resume", ONE]);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("note"), "{text}");
    let (_, text) = ask(&host, &["history", ONE, "--format", "json"]);
    let history: Value = serde_json::from_str(&text).unwrap();
    let deeds = history["deeds"].as_array().unwrap();
    let words: Vec<_> = deeds.iter().map(|deed| deed["action"].as_str()).collect();
    assert_eq!(words, [Some("suspend"), Some("suspend"), Some("resume")]);
    assert!(
        deeds[1]["actor"]
            .as_str()
            .unwrap()
            .starts_with("suspend as ")
    );
    assert_eq!(deeds[1]["text"], "p1");

    // What no pass has seen yet is held, and let go, by its whole id.
    let later = "one/communication/later";
    let (code, text) = ask(&host, &["suspend", later, "--reason", "not yet"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("the last pass knows no"), "{text}");
    let (code, text) = ask(&host, &["resume", later]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = ask(&host, &["resume", later]);
    assert_eq!(code, 7, "{text}");
}

/// A cluster that says which one it is, and nothing else.
fn cluster(uid: &str) -> std::net::SocketAddr {
    let body = format!(
        r#"{{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{{"name":"kube-system","uid":"{uid}"}}}}"#
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )
            .ok();
        }
    });
    address
}

#[test]
fn a_daemon_that_was_told_a_cluster_approves_it() {
    let mut host = Host::new();
    let address = cluster("uid-1").to_string();
    let kubeconfig = fs::read_to_string(host.path("dead.yaml")).unwrap();
    let kubeconfig = kubeconfig.replace("127.0.0.1:1", &address);
    fs::write(host.path("dead.yaml"), kubeconfig).unwrap();
    host.settings(&["one"], "");
    host.start();
    // Those who ask know nothing of it.
    host.settings(&["two"], "");
    let (code, text) = ask(&host, &["approve", "one"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("one is from now on the cluster uid-1"),
        "{text}"
    );
    let (code, text) = ask(&host, &["approve", "three"]);
    assert_eq!(code, 7, "{text}");
    for words in ["no exchange is called", "no cluster three; it has one"] {
        assert!(text.contains(words), "{text}");
    }
    let (_, once) = ask(&host, &["history"]);
    assert!(once.contains("approve as"), "{once}");
    // It is so by now, and nothing is done.
    let (code, text) = ask(&host, &["approve", "one"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("one is the cluster it was"), "{text}");
    assert_eq!(ask(&host, &["history"]).1, once);
    let mut again = host.command(&["approve", "one", "--format", "json"]);
    let told: Value = serde_json::from_slice(&again.output().unwrap().stdout).unwrap();
    assert_eq!(told["clusters"][0]["id"], "one", "{told}");
    assert_eq!(told["clusters"][0]["changed"], false, "{told}");
    assert_eq!(
        told["exchanges"].as_array().map(Vec::len),
        Some(0),
        "{told}"
    );
    assert_eq!(host.stop(), 0);
    let (code, text) = ask(&host, &["approve", "three"]);
    assert_eq!(code, 7, "{text}");
    assert!(
        text.contains("no cluster of the inventory, which has two"),
        "{text}"
    );
    assert!(!text.contains("because"), "{text}");
}
