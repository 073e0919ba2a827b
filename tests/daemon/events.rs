//! Events to a webhook that does not take the first ones, or is not believed.

use std::net::{IpAddr, Ipv4Addr};

use fleet::pki::Authority;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::host::{Host, reason};
use crate::inbox::Inbox;

#[test]
fn a_webhook_is_told_over_https_once_its_authority_is_named() {
    let mut host = Host::new();
    let authority = Authority::create(&host.path("pki")).unwrap();
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let identity = authority.sign("hook", "hook", None, &[], &[here]).unwrap();
    Authority::create(&host.path("other")).unwrap();
    let webhook = Inbox::secured(&identity);
    std::fs::write(host.path("token"), "t0ken-of-the-hook\n").unwrap();
    let (token, ca, address) = (host.path("token"), host.path("ca"), webhook.address);
    let hook = json!({
        "url": format!("https://{address}/p4th-of-the-hook"), "token_file": token, "ca_file": ca,
    });
    host.settings(&["one"], &format!("events: {}\n", json!({"webhook": hook})));
    let trouble = |host: &Host, word: &str| {
        host.until_status(word, |status| {
            let text = status.pointer("/events/0/trouble/text");
            text.and_then(Value::as_str)
                .is_some_and(|text| text.contains(word))
        });
    };
    // A file that is not there yet keeps nobody from starting.
    host.start();
    trouble(&host, "events.webhook.ca_file");
    std::fs::copy(host.path("other/ca.crt"), &ca).unwrap();
    trouble(
        &host,
        "name who signed its certificate in events.webhook.ca_file",
    );
    std::fs::remove_file(&token).unwrap();
    std::fs::copy(host.path("pki/ca.crt"), &ca).unwrap();
    trouble(&host, "events.webhook.token_file");
    assert!(webhook.is_empty(), "told without the token");
    std::fs::write(&token, "an0ther-token").unwrap();
    let (first, headers, _) = webhook.next();
    assert_eq!(first, "POST /p4th-of-the-hook HTTP/1.1");
    let sent = "authorization: bearer an0ther-token";
    assert!(headers.iter().any(|one| one == sent), "{headers:?}");
    host.until_status("it is over", |status| {
        status["events"][0]["trouble"].is_null()
    });
    let log = host.log();
    assert!(
        !log.contains(" ERROR "),
        "what is wrong is told once: {log}"
    );
    assert!(!log.contains("0ken") && !log.contains("an0ther") && !log.contains("p4th"));
    assert_eq!(host.stop(), 0);
}

#[test]
fn a_webhook_is_told_each_event_until_it_takes_it_and_then_no_more() {
    let webhook = Inbox::start(2);
    let mut host = Host::new();
    std::fs::write(host.path("token"), "t0ken-of-the-hook\n").unwrap();
    let (token, address) = (host.path("token"), webhook.address);
    let url = format!("http://{address}/p4th-of-the-hook");
    host.settings(
        &["one"],
        &format!(
            "events: {{webhook: {{url: '{url}', token_file: {}}}}}\n",
            token.display()
        ),
    );
    host.start();
    let (first, headers, event) = webhook.next();
    assert_eq!(first, "POST /p4th-of-the-hook HTTP/1.1");
    for header in [
        "content-type: application/cloudevents+json; charset=utf-8",
        "authorization: bearer t0ken-of-the-hook",
    ] {
        assert!(headers.iter().any(|one| one == header), "{headers:?}");
    }
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "natsx.v1.blocked");
    assert_eq!(event["subject"], "two/communication/nats");
    assert_eq!(event["data"]["reason"], "ClusterNotInInventory");
    let status = host.until_status("it is said", |status| {
        status["events"][0]["trouble"]["reason"] == "EventsNotTaken"
    });
    let told = status["events"][0]["trouble"]["text"].as_str().unwrap();
    assert!(told.contains("503") && !told.contains("p4th"), "{told}");

    // The same event, until it is taken, and only then the next.
    assert_eq!(webhook.next().2, event);
    assert_eq!(webhook.next().2, event);
    let (_, _, next) = webhook.next();
    assert_eq!(next["type"], "natsx.v1.troubled");
    assert_eq!(next["data"]["cluster"], "one");
    assert_eq!(next["data"]["reason"], "ClusterUnreachable");
    host.until_status("it is over", |status| {
        status["events"][0]["trouble"].is_null()
    });

    // What was told is not told again: not in the next pass, and not by the next daemon.
    let pass = |host: &Host| {
        assert!(host.command(&["reconcile"]).status().unwrap().success());
    };
    pass(&host);
    host.signal(Signal::KILL);
    host.stop();
    host.start();
    host.until_status("held", |status| {
        reason(status, "two/communication/nats") == "ClusterNotInInventory"
    });
    std::fs::remove_file(host.path("repository/exchanges/two.yaml")).unwrap();
    host.settings(&["one"], "");
    host.signal(Signal::HUP);
    let (_, _, event) = webhook.next();
    assert_eq!(event["type"], "natsx.v1.troubled", "{event}");
    assert_eq!(event["data"]["part"], "settings");
    assert_eq!(event["data"]["reason"], "RestartNeeded");
    assert!(!host.log().contains("t0ken") && !host.log().contains("p4th"));
    assert_eq!(host.stop(), 0);
}
