//! The block `access`: who it lets in, and to what, on a running server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::world::{US, World, exchange};

const RELEASE: &str = "nats-access";

/// What the first server says to somebody who connects, publishes to a subject and asks whether it is there.
fn told(world: &World, login: &str, subject: &str) -> String {
    let pod = world.object(US, "pod", &format!("{RELEASE}-0")).unwrap();
    let address = format!("{}:4222", pod["status"]["podIP"].as_str().unwrap());
    let mut stream = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    let text = format!("CONNECT {{\"verbose\":false{login}}}\r\nPUB {subject} 0\r\n\r\nPING\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut answers = lines.filter(|line| line.starts_with("-ERR") || line.starts_with("PONG"));
    answers.next().unwrap_or_default()
}

#[test]
fn only_the_users_of_the_file_come_in_and_publish_what_it_allows() {
    let world = World::new("access");
    // There already, where another test was first.
    let make = ["create", "namespace", "road"];
    world.cluster(US).kubectl(&make).ok();
    let password = "--from-literal=service=letmein";
    let logins = ["create", "secret", "generic", "access-logins", password];
    world.kubectl(US, &[&["-n", "road"], &logins[..]].concat());
    let block = "access:\n  users:\n    - user: service\n      password: {secretKeyRef: {name: access-logins, key: service}}\n      permissions: {publish: {allow: [orders.>], deny: [orders.secret]}}\n";
    let text = format!("{}{block}", exchange(US, RELEASE, ""));
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    let plan = world.plan().expect(0).stdout;
    assert!(!plan.contains("letmein"));
    world.apply().expect(0);

    let (map, _) = world.configuration(US, RELEASE);
    assert!(map.contains("$NATSX_ACCESS_LOGINS_SERVICE"), "{map}");
    assert!(!map.contains("letmein"), "{map}");
    let login = ",\"user\":\"service\",\"pass\":\"letmein\"";
    assert_eq!(told(&world, login, "orders.new"), "PONG");
    let denied = told(&world, login, "orders.secret");
    assert!(denied.contains("Permissions Violation"), "{denied}");
    let denied = told(&world, "", "orders.new");
    assert!(denied.contains("Authorization Violation"), "{denied}");
    let denied = told(
        &world,
        ",\"user\":\"service\",\"pass\":\"no\"",
        "orders.new",
    );
    assert!(denied.contains("Authorization Violation"), "{denied}");
    world.kubectl(US, &["-n", "road", "delete", "secret", "access-logins"]);
}
