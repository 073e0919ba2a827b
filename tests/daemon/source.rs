//! The daemon and its repository.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use git2::Repository;

use crate::host::{Host, commit, made};

#[test]
fn a_repository_that_is_away_keeps_no_daemon_from_starting() {
    let mut host = Host::new();
    host.settings(&["one"], "");
    let settings = fs::read_to_string(host.path("config.yaml")).unwrap();
    let here = host.path("repository").display().to_string();
    let away = settings.replace(&here, "http://127.0.0.1:1/exchanges.git");
    fs::write(host.path("config.yaml"), away).unwrap();
    host.begin();
    let status = host.until_status("no pass", |status| !status["trouble"].is_null());
    assert_eq!(status["trouble"]["reason"], "SourceUnreadable", "{status}");
    assert_eq!(status["pass"], 0);
    assert_eq!(host.stop(), 0);
}

#[test]
fn a_branch_that_went_back_is_told_and_followed_when_somebody_says_so() {
    let mut host = Host::new();
    let repository = made(&host.path("repository"));
    let first = commit(&repository);
    fs::write(host.path("repository/exchanges/README.md"), "more").unwrap();
    let second = commit(&repository);
    host.settings(&["one"], "");
    host.start();

    let back = git2::Oid::from_str(&first).unwrap();
    repository
        .reference("refs/heads/main", back, true, "back")
        .unwrap();
    let status = host.until_status("told", |status| {
        status["attention"][0]["reason"] == "SourceWentBack"
    });
    assert_eq!(status["commit"], second, "the last is kept");
    let shown = host.command(&["status"]).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let way = format!("natsx-sync reconcile --commit {first}");
    assert!(shown.contains(&way), "{shown}");

    let asked = host
        .command(&["reconcile", "--commit", &first])
        .output()
        .unwrap();
    assert_eq!(asked.status.code(), Some(0));
    let status = host.until_status("followed", |status| status["commit"] == first);
    assert_eq!(status["attention"], serde_json::json!([]));
    assert_eq!(host.stop(), 0);
}

/// Everything that was watched went away, and no event told of it.
#[test]
fn a_repository_that_came_back_is_watched_from_the_next_pass_on() {
    let mut host = Host::new();
    let there = host.path("above/below/repository");
    fs::create_dir_all(host.path("above/below")).unwrap();
    fs::rename(host.path("repository"), &there).unwrap();
    commit(&made(&there));
    host.settings(&["one"], "");
    let settings = fs::read_to_string(host.path("config.yaml")).unwrap();
    let before = host.path("repository").display().to_string();
    let settings = settings.replace(&before, &there.display().to_string());
    fs::write(host.path("config.yaml"), settings).unwrap();
    host.start();
    fs::rename(host.path("above"), host.path("old")).unwrap();
    let copied = Command::new("cp")
        .arg("-a")
        .args([host.path("old"), host.path("above")])
        .status();
    assert!(copied.unwrap().success());
    let asked = host.command(&["reconcile"]).output().unwrap();
    assert_eq!(asked.status.code(), Some(0));
    // Clusters that are away are looked for again, less and less often.
    host.until_status("a pause", |status| {
        let next = status["next_pass"].as_str().unwrap_or_default();
        let next: jiff::Timestamp = next.parse().unwrap_or_default();
        next.duration_since(jiff::Timestamp::now()).as_secs() >= 10
    });
    let repository = Repository::open(&there).unwrap();
    fs::write(there.join("exchanges/README.md"), "more").unwrap();
    let (second, began) = (commit(&repository), Instant::now());
    host.until_status("seen", |status| status["commit"] == second);
    assert!(began.elapsed() < Duration::from_secs(8), "by the timer");
    assert_eq!(host.stop(), 0);
}

/// Somebody cleaned up in the state folder.
#[test]
fn a_daemon_that_keeps_nobody_out_any_more_ends() {
    let mut host = Host::new();
    commit(&made(&host.path("repository")));
    host.settings(&["one"], "");
    host.start();
    fs::remove_file(host.path("state/lock")).unwrap();
    host.command(&["reconcile"]).output().unwrap();
    let code = host.ended();
    let log = host.log();
    assert!(
        code != 0 && log.contains("state/lock was removed"),
        "{code} {log}"
    );
}

#[test]
fn the_proxy_of_the_host_is_asked_for_what_is_fetched() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let (told, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (stream, _) = proxy.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        told.send(line).unwrap();
    });
    let host = Host::new();
    host.settings(&["one"], "");
    let url = "https://git.example.org/x.git";
    let planned = host
        .command(&["plan", "--source", url, "--revision", "HEAD"])
        .env("https_proxy", format!("http://{address}"))
        .output()
        .unwrap();
    assert_eq!(planned.status.code(), Some(1));
    let line = asked.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(line.starts_with("CONNECT git.example.org:443"), "{line}");
}
