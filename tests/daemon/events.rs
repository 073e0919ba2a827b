//! Events to a webhook that does not take the first ones.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::host::{Host, reason};

/// What was posted: the first line, the headers in small letters, and the body.
type Post = (String, Vec<String>, Value);

/// A webhook that refuses so many posts before it takes any.
struct Webhook {
    address: SocketAddr,
    posts: Receiver<Post>,
}

impl Webhook {
    fn start(refuse: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (told, posts) = channel();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let post = read(&stream);
                let answer = if number < refuse {
                    "503 Service Unavailable"
                } else {
                    "204 No Content"
                };
                let head =
                    format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                if told.send(post).is_err() {
                    return;
                }
                stream.write_all(head.as_bytes()).ok();
            }
        });
        Self { address, posts }
    }

    fn next(&self) -> Post {
        self.posts.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

fn read(stream: &TcpStream) -> Post {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let first = lines.remove(0);
    let headers: Vec<_> = lines.iter().map(|line| line.to_lowercase()).collect();
    let length = headers
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    (first, headers, serde_json::from_slice(&body).unwrap())
}

#[test]
fn a_webhook_is_told_each_event_until_it_takes_it_and_then_no_more() {
    let webhook = Webhook::start(2);
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
