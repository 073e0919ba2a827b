//! Nothing goes away by accident.

use crate::world::{EU, US, World, exchange};

#[test]
fn the_last_exchange_is_held_back_then_approved_then_gone_and_keeps_its_volume() {
    let world = World::new("last");
    let id = "us-east-cluster/road/nats-last";
    let values = "  config.jetstream.enabled: true\n  config.jetstream.fileStore.pvc.size: 1Gi\n";
    world.commit(&[
        ("exchanges/a.yaml", Some(&exchange(US, "nats-last", values))),
        ("README.md", Some("x")),
    ]);
    world.apply().expect(0);
    world.commit(&[("exchanges/a.yaml", None)]);

    let held = world.apply().expect(5);
    assert_eq!(held.entry(id)["result"], "blocked");
    assert_eq!(world.plan().expect(5).entry(id)["reason"], "MassRemoval");
    assert_eq!(
        world.latest(US, "nats-last"),
        Some((1, "deployed".to_owned()))
    );
    assert!(world.record("nats-last").is_some());

    world.run(&["approve", id]).expect(0);
    world.apply().expect(0);
    assert_eq!(world.latest(US, "nats-last"), None);
    assert_eq!(world.record("nats-last"), None);
    let claim = world
        .object(US, "pvc", "nats-last-js-nats-last-0")
        .expect("the volume is kept");
    assert_eq!(claim["status"]["phase"], "Bound");
}

#[test]
fn what_is_held_with_others_is_held_until_it_is_approved_itself() {
    let world = World::new("held");
    let names = ["a", "b", "c", "d", "e"].map(|one| format!("nats-held-{one}"));
    let id = |number: usize| format!("us-east-cluster/road/{}", names[number]);
    let files = names
        .each_ref()
        .map(|name| format!("exchanges/{name}.yaml"));
    let texts = names.each_ref().map(|name| {
        let serverless = "  statefulSet.merge.spec.replicas: 0\n";
        exchange(US, name, serverless)
    });
    let change = |numbers: &[usize], declared: bool| {
        let each = numbers.iter().map(|number| {
            let text = declared.then_some(texts[*number].as_str());
            (files[*number].as_str(), text)
        });
        world.commit(&each.collect::<Vec<_>>());
    };
    let there = |number: usize| world.latest(US, &names[number]).is_some();
    change(&[0, 1, 2, 3, 4], true);
    world.apply().expect(0);

    change(&[2, 3, 4], false);
    world.apply().expect(5);
    world.run(&["approve", &id(2)]).expect(0);
    world.apply().expect(5);
    assert!(!there(2), "it was approved");
    // Two of four are fewer than it takes to be held.
    world.commit(&[("README.md", Some("another commit"))]);
    let held = world.apply().expect(5);
    for number in [3, 4] {
        assert!(there(number), "{number} was not");
        assert_eq!(held.entry(&id(number))["result"], "blocked");
    }

    // An approval is for one removal.
    change(&[2], true);
    world.apply().expect(5);
    assert!(there(2));
    change(&[2], false);
    world.apply().expect(5);
    assert!(there(2), "this one was not approved");

    // What is declared again is no longer held.
    change(&[2, 3], true);
    world.apply().expect(5);
    world.run(&["approve", &id(4)]).expect(0);
    world.apply().expect(0);
    assert!(there(2) && there(3) && !there(4));
}

#[test]
fn a_protected_exchange_stays_until_an_earlier_commit_unprotects_it() {
    let world = World::new("protected");
    let id = "eu-edge-cluster/road/nats-protected";
    let text = exchange(EU, "nats-protected", "");
    let other = exchange(EU, "nats-protected-other", "");
    let protected = format!("{text}protect: true\n");
    world.commit(&[
        ("exchanges/a.yaml", Some(&protected)),
        ("exchanges/b.yaml", Some(&other)),
    ]);
    world.apply().expect(0);
    world.commit(&[("exchanges/a.yaml", None)]);
    assert_eq!(world.plan().expect(5).entry(id)["reason"], "Protected");
    world.apply().expect(5);
    assert_eq!(
        world.latest(EU, "nats-protected"),
        Some((1, "deployed".to_owned()))
    );
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    world.commit(&[("exchanges/a.yaml", None)]);
    world.apply().expect(0);
    assert_eq!(world.latest(EU, "nats-protected"), None);
}

#[test]
fn a_release_that_another_repository_took_over_is_not_removed() {
    let (ours, theirs) = (World::new("taken"), World::new("taker"));
    let id = "eu-edge-cluster/road/nats-taken";
    let text = exchange(EU, "nats-taken", "");
    let other = exchange(EU, "nats-taken-kept", "");
    ours.commit(&[
        ("exchanges/a.yaml", Some(&text)),
        (
            "exchanges/b.yaml",
            Some(&format!("{other}sync_mode: dry_run\n")),
        ),
    ]);
    ours.apply().expect(0);

    // Two operators with one instance, each with a state and a registry of its own.
    let settings = theirs.path("config.yaml");
    let same = std::fs::read_to_string(&settings).unwrap();
    let same = same.replace("instance: taker", "instance: taken");
    std::fs::write(&settings, same).unwrap();
    theirs.commit(&[
        ("exchanges/a.yaml", Some(&text)),
        ("README.md", Some("theirs")),
    ]);
    theirs.apply().expect(0);

    ours.commit(&[("exchanges/a.yaml", None)]);
    assert_eq!(
        ours.plan().expect(3).entry(id)["reason"],
        "NotFromThisHistory"
    );
    ours.apply().expect(3);
    assert_eq!(
        ours.latest(EU, "nats-taken"),
        Some((1, "deployed".to_owned()))
    );
    assert!(ours.record("nats-taken").is_some());
}

#[test]
fn a_plain_folder_remembers_what_a_removed_file_said() {
    let world = World::new("folder");
    let files = world.path("files");
    std::fs::create_dir_all(files.join("exchanges")).unwrap();
    let write = |name: &str, more: &str| {
        let text = exchange(EU, &format!("nats-folder-{name}"), "");
        let path = files.join(format!("exchanges/{name}.yaml"));
        std::fs::write(path, format!("{text}{more}")).unwrap();
    };
    write("kept", "protect: true\n");
    write("once", "sync_mode: one_time\n");
    write("gone", "");
    write("stays", "sync_mode: dry_run\n");
    world.settings(&files.display().to_string(), "");
    world.apply().expect(0);
    for name in ["kept", "once", "gone"] {
        std::fs::remove_file(files.join(format!("exchanges/{name}.yaml"))).unwrap();
    }
    world.apply().expect(5);
    for (name, revision) in [("kept", Some(1)), ("once", Some(1)), ("gone", None)] {
        let latest = world.latest(EU, &format!("nats-folder-{name}"));
        assert_eq!(latest.map(|(revision, _)| revision), revision, "{name}");
    }
}
