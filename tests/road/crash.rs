//! kill -9 at any moment: the next run ends with one release and one record, or none.

use std::time::Duration;

use crate::world::{EU, World, eventually, exchange};

/// Runs `apply` and kills it as soon as `moment` holds; then a second `apply` must converge.
fn kill_when(world: &World, moment: impl FnMut() -> bool) {
    let mut child = world
        .command(&["apply", "--yes"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("the moment to kill", Duration::from_secs(60), moment);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn killed_during_install_upgrade_and_uninstall() {
    let world = World::new("crash");
    world.commit(&[
        ("exchanges/a.yaml", Some(&exchange(EU, "nats-crash", ""))),
        ("exchanges/b.yaml", Some(&exchange(EU, "nats-crash-b", ""))),
    ]);
    kill_when(&world, || {
        world.helm_calls().contains(&"install".to_owned())
    });
    world.apply().expect(0);
    assert!(matches!(world.latest(EU, "nats-crash"), Some((_, status)) if status == "deployed"));
    assert!(world.record("nats-crash").is_some());

    let changed = exchange(EU, "nats-crash", "  config.merge.max_connections: 21\n");
    world.commit(&[("exchanges/a.yaml", Some(&changed))]);
    kill_when(&world, || {
        world.helm_calls().contains(&"upgrade".to_owned())
    });
    world.apply().expect(0);
    assert!(world.configuration(EU, "nats-crash").0.contains("21"));
    assert!(matches!(world.latest(EU, "nats-crash"), Some((_, status)) if status == "deployed"));

    world.commit(&[("exchanges/a.yaml", None)]);
    kill_when(&world, || {
        world.helm_calls().contains(&"uninstall".to_owned())
    });
    world.apply().expect(0);
    assert_eq!(world.latest(EU, "nats-crash"), None);
    assert_eq!(world.object(EU, "statefulset", "nats-crash"), None);
    assert_eq!(world.record("nats-crash"), None);
}

#[test]
fn a_helm_that_was_killed_leaves_a_lock_that_is_taken_away() {
    let world = World::new("orphan");
    // A helm that dies while it holds the release: what kill -9 leaves.
    let real = world.fleet.tools().helm3.clone();
    let script = format!(
        "#!/bin/sh\necho \"$1\" >> {calls}\ncase $1 in install) {real} \"$@\" & pid=$!; for i in $(seq 200); do {kubectl} -n road get secret sh.helm.release.v1.nats-orphan.v1 >/dev/null 2>&1 && break; done; kill -9 $pid; exit 137;; esac\nexec {real} \"$@\"\n",
        calls = world.path("helm.calls").display(),
        real = real.display(),
        kubectl = format_args!(
            "{} --kubeconfig {}",
            world.fleet.tools().kubectl.display(),
            world.cluster(EU).kubeconfig().display()
        ),
    );
    std::fs::write(world.path("helm"), script).unwrap();
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, "nats-orphan", "")))]);
    world.apply();
    world.use_helm(&real);
    // The first pass may only unlock; what is left is planned anew.
    eventually("it converges", Duration::from_secs(90), || {
        world.apply().code == 0 && world.plan().expect(0).json()["summary"]["none"] == 1
    });
    assert!(matches!(world.latest(EU, "nats-orphan"), Some((_, status)) if status == "deployed"));
    assert!(world.record("nats-orphan").is_some());
}
