//! The repository over HTTP with a password, and over ssh with pinned host keys.

use fleet::git_host::Login;

use crate::world::{EU, World, exchange};

#[test]
fn a_repository_behind_a_password_is_followed() {
    let world = World::new("over-http");
    world.commit(&[(
        "exchanges/a.yaml",
        Some(&exchange(EU, "nats-over-http", "")),
    )]);
    world.host.require_login(Some(Login {
        username: "bot".into(),
        password: "correct horse".into(),
    }));
    std::fs::write(world.path("password"), "wrong").unwrap();
    let more = format!(
        "{}\n  username: bot\n  password_file: {}",
        world.repository.url_http(),
        world.path("password").display()
    );
    world.settings(&more, "");
    let refused = world.run(&["apply", "--yes"]).expect(1);
    assert!(!refused.stderr.contains("wrong"), "{}", refused.stderr);
    std::fs::write(world.path("password"), "correct horse").unwrap();
    let ran = world.apply().expect(0);
    assert_eq!(
        ran.entry("eu-edge-cluster/road/nats-over-http")["result"],
        "done"
    );
    assert!(world.record("nats-over-http").is_some());
}

#[test]
fn a_repository_over_ssh_is_followed() {
    let world = World::new("over-ssh");
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, "nats-over-ssh", "")))]);
    let access = world.host.ssh().expect("sshd is installed with the fleet");
    let url = world.repository.url_ssh().unwrap();
    let more = format!(
        "{url}\n  ssh_key_file: {}\n  known_hosts_file: {}",
        access.key_file.display(),
        access.known_hosts_file.display()
    );
    world.settings(&more, "");
    let ran = world.apply().expect(0);
    assert_eq!(
        ran.entry("eu-edge-cluster/road/nats-over-ssh")["result"],
        "done"
    );
}
