//! What the forge is told of commits, by a daemon whose only cluster does not answer.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use crate::host::{Host, commit, made};
use crate::inbox::{Inbox, Post};

/// `COMMIT STATE TEXT` of what the forge is told next.
fn next(forge: &Inbox) -> String {
    said(forge.next())
}

fn said((first, headers, body): Post) -> String {
    let path = first.strip_prefix("POST /api/v1/repos/team/exchanges/statuses/");
    let commit = path.unwrap().strip_suffix(" HTTP/1.1").unwrap();
    let login = "authorization: token t0ken-of-the-forge";
    assert!(headers.iter().any(|one| one == login), "{headers:?}");
    assert_eq!(body["context"], "natsx-sync");
    let word = |key: &str| body[key].as_str().unwrap();
    format!("{commit} {} {}", word("state"), word("description"))
}

#[test]
fn the_forge_is_told_what_became_of_each_commit_once_and_across_restarts() {
    let forge = Inbox::start(usize::MAX);
    let mut host = Host::new();
    fs::write(host.path("token"), "t0ken-of-the-forge\n").unwrap();
    fs::remove_file(host.path("repository/exchanges/two.yaml")).unwrap();
    let repository = made(&host.path("repository"));
    let first = commit(&repository);
    let more = format!(
        "events: {{commit_status: {{forge: forgejo, repository: team/exchanges, url: 'http://{}/api/v1', token_file: {}}}}}\n",
        forge.address,
        host.path("token").display()
    );
    host.settings(&["one"], &more);
    host.start();
    let unread = "cluster one cannot be read; 0 of 1 exchange ready";
    assert_eq!(next(&forge), format!("{first} pending {unread}"));
    host.until_status("it is said", |status| {
        let told = &status["events"][0];
        told["sink"] == "commit_status" && told["trouble"]["reason"] == "CommitStatusNotTaken"
    });
    let table = host.command(&["status"]).output().unwrap().stdout;
    let table = String::from_utf8_lossy(&table).into_owned();
    assert!(
        table.contains("the forge is not told of commits: 127.0.0.1:"),
        "{table}"
    );
    forge.relent();
    host.until_status("it is over", |status| {
        status["events"][0]["trouble"].is_null()
    });
    let again: Vec<String> = forge.drain().into_iter().map(said).collect();
    let same = format!("{first} pending {unread}");
    assert!(!again.is_empty(), "it is told again");
    assert!(again.iter().all(|one| *one == same), "{again:?}");

    // A pass that finds the same tells nothing, nor does the next daemon.
    let pass = |host: &Host| assert!(host.command(&["reconcile"]).status().unwrap().success());
    pass(&host);
    host.signal(Signal::KILL);
    host.stop();
    host.start();
    pass(&host);
    assert!(forge.is_empty());

    // A broken file fails its commit; the one before is closed, not left pending.
    let file = host.path("repository/exchanges/one.yaml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{good}nmae: x\n")).unwrap();
    let broken = commit(&repository);
    pass(&host);
    let short = broken.get(..9).unwrap();
    assert_eq!(next(&forge), format!("{first} error superseded by {short}"));
    assert_eq!(
        next(&forge),
        format!("{broken} failure one/communication/nats: FileInvalid")
    );

    // A failure stays with its commit, also when the next is made while no daemon runs.
    assert_eq!(host.stop(), 0);
    fs::write(&file, good).unwrap();
    let mended = commit(&repository);
    host.start();
    assert_eq!(next(&forge), format!("{mended} pending {unread}"));
    assert!(!host.log().contains("t0ken"));
    assert_eq!(host.stop(), 0);
    assert!(forge.is_empty());
}

#[test]
fn a_daemon_that_cannot_know_its_forge_says_what_is_missing() {
    let host = Host::new();
    host.settings(&["one"], "events: {commit_status: /nowhere/token}\n");
    let ran = host.command(&["run"]).output().unwrap();
    let text = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(1), "{text}");
    assert!(
        text.contains("events.commit_status.forge: write github, gitlab or gitea"),
        "{text}"
    );
    let ran = host.command(&["doctor"]).output().unwrap();
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let bad = "BAD   commit status: events.commit_status.forge";
    assert!(text.contains(bad), "{text}");
    // Those who look from elsewhere need no forge.
    let ran = host.command(&["config"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(0));
}

#[test]
fn a_daemon_that_changes_nothing_tells_the_forge_nothing() {
    let forge = Inbox::start(0);
    let host = Host::new();
    fs::write(host.path("token"), "t0ken-of-the-forge").unwrap();
    commit(&made(&host.path("repository")));
    let more = format!(
        "events: {{commit_status: {{forge: github, repository: a/x, url: 'http://{}', token_file: {}}}}}\n",
        forge.address,
        host.path("token").display()
    );
    host.settings(&["one"], &more);
    let mut daemon = host.command(&["run", "--dry-run"]);
    daemon.stdout(Stdio::null()).stderr(Stdio::null());
    let mut daemon = daemon.spawn().unwrap();
    host.until_status("the first pass", |status| status["pass"] == 1);
    std::thread::sleep(Duration::from_secs(1));
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(forge.is_empty());
    // As it would tell.
    let ran = host.command(&["doctor"]).output().unwrap();
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(
        text.contains("ok    commit status: a/x at http://127.0.0.1:"),
        "{text}"
    );
    assert!(!text.contains("t0ken"), "{text}");
}
