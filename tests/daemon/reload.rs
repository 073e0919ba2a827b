//! SIGHUP: all settings are taken over, or none. A kubeconfig that is written anew needs no signal.

use std::fs;

use rustix::process::Signal;

use crate::host::{Host, reason};

const TWO: &str = "two/communication/nats";

/// Sends SIGHUP and waits until the service manager was told that it is over.
fn reload(host: &Host) {
    host.signal(Signal::HUP);
    let told = host.until_told("RELOADING=1");
    assert!(told.contains("MONOTONIC_USEC="), "{told}");
    host.until_told("READY=1");
}

#[test]
fn settings_are_taken_over_whole_or_not_at_all() {
    let mut host = Host::new();
    host.settings(&["one"], "");
    host.start();
    host.until_status("two is no cluster yet", |status| {
        reason(status, TWO) == "ClusterNotInInventory"
    });

    // What can only be looked at when it starts is refused, and so is all the rest.
    host.settings(&["one", "two"], "instance: other\n");
    reload(&host);
    let status = host.until_status("refused", |status| !status["settings"].is_null());
    assert_eq!(status["settings"]["reason"], "RestartNeeded");
    let text = status["settings"]["text"].as_str().unwrap();
    assert!(
        text.contains("instance") && text.contains("restart"),
        "{text}"
    );
    assert_eq!(reason(&status, TWO), "ClusterNotInInventory");

    let shown = host.command(&["status"]).output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("RestartNeeded"));

    // What does not fit is named with its place.
    host.settings(&["one", "two"], "polcy: {}\n");
    reload(&host);
    let status = host.until_status("invalid", |status| {
        status["settings"]["reason"] == "SettingsInvalid"
    });
    let text = status["settings"]["text"].as_str().unwrap();
    assert!(
        text.contains("config.yaml") && text.contains("polcy"),
        "{text}"
    );
    assert!(host.log().contains("polcy"), "{}", host.log());
    assert_eq!(reason(&status, TWO), "ClusterNotInInventory");

    // Mended, they are in force, and the trouble is forgotten.
    host.settings(&["one", "two"], "log: {level: debug}\n");
    reload(&host);
    let status = host.until_status("two is a cluster", |status| {
        reason(status, TWO) == "ClusterUnreachable"
    });
    assert!(status["settings"].is_null(), "{status:#}");

    // A cluster that is taken away again is no longer talked to.
    host.settings(&["one"], "");
    reload(&host);
    host.until_status("two is no cluster any more", |status| {
        reason(status, TWO) == "ClusterNotInInventory"
    });
    assert_eq!(host.stop(), 0);
}

#[test]
fn a_kubeconfig_that_is_written_anew_is_read_by_a_later_pass() {
    let mut host = Host::new();
    host.settings(&["one"], "");
    host.start();
    let file = host.path("dead.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("127.0.0.1:1'"), "{text}");
    fs::write(&file, text.replace("127.0.0.1:1'", "127.0.0.1:2'")).unwrap();
    host.until_status("asked at its new address", |status| {
        let unread = &status["unreadable"][0];
        unread["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("127.0.0.1:2:"))
    });
    assert!(host.log().contains("written anew"), "{}", host.log());
    assert_eq!(host.stop(), 0);
}

#[test]
fn a_kubeconfig_that_cannot_be_used_is_told_until_it_is_mended() {
    let mut host = Host::new();
    host.settings(&["one"], "");
    host.start();
    let file = host.path("dead.yaml");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, "clusters: [").unwrap();
    let status = host.until_status("the kubeconfig is not in force", |status| {
        !status["kubeconfigs"][0].is_null()
    });
    let told = &status["kubeconfigs"][0];
    assert_eq!(told["cluster"], "one", "{told}");
    assert_eq!(told["reason"], "KubeconfigInvalid", "{told}");
    let what = "the kubeconfig of cluster one was changed and is not in force";
    for arguments in [&["status"][..], &["why", "one/communication/nats"]] {
        let told = host.command(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(told.replace("\n            ", " ").contains(what), "{told}");
    }
    fs::remove_file(&file).unwrap();
    host.until_status("it is gone", |status| {
        let text = status["kubeconfigs"][0]["text"].as_str();
        text.is_some_and(|text| text.contains("cannot be read"))
    });
    fs::write(&file, whole).unwrap();
    host.until_status("it is in force", |status| {
        status["kubeconfigs"] == serde_json::json!([])
    });
    let log = host.log();
    assert!(log.contains("says again what is in force"), "{log}");
    assert_eq!(host.stop(), 0);
}
