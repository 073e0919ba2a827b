//! What running servers store is asked before anything that may lose it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{US, World, exchange};

/// Asks JetStream something, as a client of the first server would, past natsx-sync.
fn request(world: &World, release: &str, subject: &str, body: &Value) -> Value {
    let pod = world
        .object(US, "pod", &format!("{release}-0"))
        .expect("the first server");
    let address = format!("{}:4222", pod["status"]["podIP"].as_str().unwrap());
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let text = body.to_string();
    let sent = format!(
        "CONNECT {{\"verbose\":false}}\r\nSUB answer 1\r\nPUB {subject} answer {}\r\n{text}\r\n",
        text.len()
    );
    stream.write_all(sent.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with("MSG ")).unwrap();
    serde_json::from_str(&lines.next().unwrap()).unwrap()
}

fn make_stream(world: &World, release: &str, name: &str) {
    let stream = json!({"name": name, "subjects": [format!("{name}.>")], "storage": "memory"});
    let answer = request(
        world,
        release,
        &format!("$JS.API.STREAM.CREATE.{name}"),
        &stream,
    );
    assert!(answer["error"].is_null(), "{answer}");
}

const MEMORY: &str = "  config.jetstream.enabled: true\n  config.jetstream.fileStore.enabled: false\n  config.jetstream.memoryStore.enabled: true\n  config.jetstream.memoryStore.maxSize: 64Mi\n";

#[test]
fn changes_that_would_lose_streams_are_held_while_there_are_some() {
    let world = World::new("stored");
    let release = "nats-stored";
    let file = "exchanges/a.yaml";
    let id = format!("{US}/road/{release}");
    let wanted = |more: &str| exchange(US, release, &format!("{MEMORY}{more}"));
    world.commit(&[(file, Some(&wanted("")))]);
    world.apply().expect(0);

    let clustered = wanted("  config.cluster.enabled: true\n");
    world.commit(&[(file, Some(&clustered))]);
    let entry = world.plan().expect(0).entry(&id);
    assert_eq!(
        entry["action"], "upgrade",
        "nothing is stored yet: {entry:#}"
    );

    make_stream(&world, release, "orders");
    let entry = world.plan().expect(3).entry(&id);
    assert_eq!(entry["reason"], "StreamsAtRisk", "{entry:#}");
    assert!(
        entry["text"]
            .as_str()
            .unwrap()
            .contains("back up with `nats account backup DIR`"),
        "{entry:#}"
    );
    let before = world.configuration(US, release);
    world.apply().expect(3);
    assert_eq!(before, world.configuration(US, release));

    // Switching it off would lose them too.
    world.commit(&[(file, Some(&exchange(US, release, "")))]);
    let entry = world.plan().expect(3).entry(&id);
    assert_eq!(entry["reason"], "StreamsAtRisk", "{entry:#}");

    // A store that is smaller than what is in it.
    request(&world, release, "orders.new", &json!("x".repeat(200_000)));
    let smaller = wanted("").replace("64Mi", "100Ki");
    world.commit(&[(file, Some(&smaller))]);
    let entry = world.plan().expect(3).entry(&id);
    assert_eq!(entry["reason"], "StoreTooSmall", "{entry:#}");

    // Servers that cannot be asked may hold anything.
    world.scale_to_nothing(US, "road", release);
    crate::world::eventually("no server", Duration::from_secs(90), || {
        world.object(US, "pod", &format!("{release}-0")).is_none()
    });
    world.kubectl(
        US,
        &["-n", "road", "annotate", "statefulset", release, "seen=yes"],
    );
    let entry = world.plan().expect(3).entry(&id);
    assert_eq!(entry["reason"], "StoreUnknown", "{entry:#}");
}
