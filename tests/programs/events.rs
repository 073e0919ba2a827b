//! Events on a real NATS server, which goes away and comes back, from a daemon that is killed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use futures::StreamExt as _;
use natsx_sync::config::Settings;
use natsx_sync::events::{Event, NatsSink, Origin, Sink as _, event_of};
use natsx_sync::id::{Digest, Instance};
use natsx_sync::state::journal::Entry;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::host::{Host, reason};
use crate::stream::{Server, stored};
use crate::{Case, program};

pub(crate) const CASES: &[Case] = &[
    (
        "events_outlive_a_server_that_is_away_and_a_daemon_that_is_killed",
        &["nats-server"],
        events_outlive_a_server_that_is_away_and_a_daemon_that_is_killed,
    ),
    (
        "what_is_sent_twice_is_stored_once_and_what_no_stream_takes_is_said",
        &["nats-server"],
        what_is_sent_twice_is_stored_once_and_what_no_stream_takes_is_said,
    ),
];

const TWO: &str = "two/communication/nats";
const GOOD: &str = "name: two\nrelease_name: nats\ncluster_id: two\norg_ids: [org001]\n";
const BROKEN: &str = "name: two\nrelease_name: nats\ncluster_id: two\norg_ids: [org001]\nnmae: x\n";

/// The lines of a journal, each with its hash.
fn lines(journal: &Path) -> Vec<(Entry, Digest)> {
    let mut files: Vec<_> = fs::read_dir(journal)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let text: String = files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let whole = text
        .lines()
        .filter_map(|line| Some((serde_json::from_str(line).ok()?, line)));
    whole
        .map(|(entry, line)| (entry, Digest::of(line.as_bytes())))
        .collect()
}

/// What should have been told.
pub(crate) fn written(host: &Host) -> Vec<Event> {
    let repository = host.path("repository");
    let origin = Origin::new(
        Instance::default(),
        repository.canonicalize().unwrap().to_str().unwrap(),
        "exchanges",
        "natsx.v1".to_owned(),
    );
    let lines = lines(&host.path("state/journal"));
    lines
        .iter()
        .filter_map(|(entry, hash)| event_of(entry, hash, &origin))
        .collect()
}

/// Listens as a consumer does, and looks each event up in the journal the moment it comes.
fn listen(runtime: &Runtime, url: String, journal: PathBuf) -> Arc<Mutex<Vec<Result<u64, Value>>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let found = Arc::clone(&heard);
    let ready = runtime.block_on(async {
        let client = async_nats::connect(url).await.unwrap();
        let messages = client.subscribe("natsx.v1.>").await.unwrap();
        client.flush().await.unwrap();
        (client, messages)
    });
    runtime.spawn(async move {
        let (_client, mut messages) = ready;
        while let Some(message) = messages.next().await {
            let event: Value = serde_json::from_slice(&message.payload).unwrap();
            let seq = event["data"]["seq"].as_u64().unwrap();
            let known = lines(&journal).iter().any(|(entry, _)| entry.seq == seq);
            found
                .lock()
                .unwrap()
                .push(if known { Ok(seq) } else { Err(event) });
        }
    });
    heard
}

/// One exchange becomes blocked for a reason, and then for another.
pub(crate) fn round(host: &Host) {
    for (text, wanted) in [(BROKEN, "FileInvalid"), (GOOD, "ClusterNotInInventory")] {
        fs::write(host.path("repository/exchanges/two.yaml"), text).unwrap();
        assert!(host.command(&["reconcile"]).status().unwrap().success());
        host.until_status(wanted, |status| reason(status, TWO) == wanted);
        let deadline = Instant::now() + Duration::from_secs(10);
        let is_last = || {
            let last = written(host).pop().map(|event| event.json());
            last.is_some_and(|last| last["data"]["reason"] == wanted)
        };
        while !is_last() {
            assert!(Instant::now() < deadline, "{wanted} is not written down");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn events_outlive_a_server_that_is_away_and_a_daemon_that_is_killed() {
    let mut server = Server::start(&program("nats-server").unwrap());
    let mut host = Host::new();
    let url = server.url();
    host.settings(
        &["one"],
        &format!("events: {{nats: {{url: '{url}', stream: NATSX}}}}\n"),
    );
    let runtime = Runtime::new().unwrap();
    let heard = listen(&runtime, url.clone(), host.path("state/journal"));
    host.start();
    round(&host);

    server.end();
    round(&host);
    host.until_status("events wait", |status| {
        status["events"][0]["trouble"]["reason"] == "EventsNotTaken"
    });
    round(&host);
    host.signal(Signal::KILL);
    host.stop();
    host.start();
    round(&host);
    let wanted = written(&host);

    server.again();
    host.until_status("events are taken", |status| {
        let told = &status["events"][0];
        told["trouble"].is_null() && told["sink"] == "nats"
    });
    let deadline = Instant::now() + Duration::from_secs(40);
    let stored = loop {
        let stored = runtime.block_on(stored(&url, "NATSX"));
        if stored.len() >= wanted.len() || Instant::now() > deadline {
            break stored;
        }
        std::thread::sleep(Duration::from_millis(100));
    };

    // None lost, none doubled, none out of order.
    let told: Vec<_> = stored
        .iter()
        .map(|(subject, id, event)| (subject.clone(), id.clone(), event.clone()))
        .collect();
    let wanted: Vec<_> = wanted
        .iter()
        .map(|event| (event.subject.clone(), event.id.clone(), event.json()))
        .collect();
    assert_eq!(told, wanted);
    let ids: BTreeSet<_> = stored.iter().map(|(_, id, _)| id).collect();
    assert_eq!(ids.len(), stored.len());
    let words: Vec<_> = stored
        .iter()
        .map(|(subject, _, event)| format!("{subject} {}", event["data"]["reason"]))
        .collect();
    let blocked = |reason: &str| format!("natsx.v1.two.communication.nats.blocked \"{reason}\"");
    let mut story = vec![
        blocked("ClusterNotInInventory"),
        "natsx.v1.one._._.troubled \"ClusterUnreachable\"".to_owned(),
    ];
    for _ in 0..4 {
        story.push(blocked("FileInvalid"));
        story.push(blocked("ClusterNotInInventory"));
    }
    assert_eq!(words, story);

    // None before it was written down.
    let heard = heard.lock().unwrap();
    assert!(heard.len() >= 3, "{heard:?}");
    assert!(heard.iter().all(Result::is_ok), "{heard:?}");
    assert_eq!(host.stop(), 0);
}

/// An exchange was installed.
pub(crate) fn installed(origin: &Origin) -> Event {
    let line = json!({
        "seq": 1, "prev": Digest::of(b""), "time": "2026-01-01T00:00:00Z", "pass": 1, "commit": null,
        "id": TWO, "step": "finished", "phase": "done", "detail": {"action": "install"},
    });
    let entry: Entry = serde_json::from_value(line).unwrap();
    event_of(&entry, &Digest::of(b"x"), origin).unwrap()
}

fn what_is_sent_twice_is_stored_once_and_what_no_stream_takes_is_said() {
    let server = Server::start(&program("nats-server").unwrap());
    let runtime = Runtime::new().unwrap();
    let origin = Origin::new(
        Instance::default(),
        "/srv/x",
        "exchanges",
        "natsx.v1".to_owned(),
    );
    let settings: Settings =
        serde_json::from_value(json!({"events": {"nats": server.url()}})).unwrap();
    let event = installed(&origin);
    let mut sink = NatsSink::new(settings.events.nats.unwrap(), &origin);
    runtime.block_on(async {
        let error = sink.send(&event).await.unwrap_err().to_string();
        assert!(
            error.contains("natsx.v1.>") && error.contains("events.nats.stream"),
            "{error}"
        );
        let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
        let made = context.create_stream(stream::Config {
            name: "EVENTS".to_owned(),
            subjects: vec!["natsx.v1.>".to_owned()],
            ..stream::Config::default()
        });
        made.await.unwrap();
        sink.send(&event).await.unwrap();
        sink.send(&event).await.unwrap();
        let mut another = NatsSink::new(
            natsx_sync::config::events::NatsEvents {
                stream: Some("OTHER".to_owned()),
                ..serde_json::from_value(json!(server.url())).unwrap()
            },
            &origin,
        );
        let error = another.send(&event).await.unwrap_err().to_string();
        assert!(error.contains("OTHER"), "subjects overlap: {error}");
    });
    let stored = runtime.block_on(stored(&server.url(), "EVENTS"));
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].1, event.id);
}
