//! The daemon and its repository.

use std::fs;

use crate::host::Host;

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
