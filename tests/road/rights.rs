//! What natsx-sync may not do: it says which right is missing, and takes nothing it cannot see for absent.

use crate::world::{Account, EU, US, World, exchange, inventory};

/// The clusters, where in one we are somebody with few rights and limited to a namespace, or to none.
fn use_account(world: &World, account: &Account, limit: &str) {
    let us = inventory(&[(US, world.cluster(US).kubeconfig())]);
    let file = account.kubeconfig.display();
    let clusters = format!("{us}  {EU}: {{kubeconfig: {file}{limit}}}\n");
    world.settings_with(&world.repository.url_file(), &clusters, "");
}

#[test]
fn a_cluster_we_may_not_look_into_is_unreadable_and_loses_nothing() {
    let world = World::new("forbidden");
    let (us, eu) = ("nats-forbidden-us", "nats-forbidden-eu");
    world.commit(&[
        ("exchanges/us.yaml", Some(&exchange(US, us, ""))),
        ("exchanges/eu.yaml", Some(&exchange(EU, eu, ""))),
    ]);
    world.apply().expect(0);
    let record = world.record(eu);
    assert!(record.is_some());

    let account = world.account(EU, "forbidden");
    use_account(&world, &account, "");
    let changed = exchange(US, us, "  config.merge.max_connections: 5\n");
    world.commit(&[
        ("exchanges/us.yaml", Some(&changed)),
        ("exchanges/eu.yaml", None),
    ]);
    let plan = world.plan().expect(3).json();
    let unreadable = &plan["unreadable"];
    assert_eq!(unreadable.as_array().unwrap().len(), 1, "{unreadable:#}");
    assert_eq!(unreadable[0]["cluster"], EU);
    assert_eq!(unreadable[0]["reason"], "ClusterForbidden");
    let text = unreadable[0]["text"].as_str().unwrap();
    assert!(text.contains("cannot list resource \"secrets\""), "{text}");
    let ran = world.apply().expect(3);
    assert_eq!(ran.entry(&format!("{US}/road/{us}"))["result"], "done");
    assert_eq!(world.latest(EU, eu), Some((1, "deployed".to_owned())));
    assert_eq!(world.record(eu), record);
    assert_eq!(world.changes_by(EU, &account), [""; 0]);
}

#[test]
fn the_role_that_doctor_prints_is_enough_for_a_namespace() {
    let world = World::new("rights");
    let release = "nats-rights";
    let text = |name: &str, more: &str| {
        let text = exchange(EU, name, more).replace("namespace: road", "namespace: rights");
        format!("{text}sync_mode: continuous_with_drift_detection\n")
    };
    world.kubectl(EU, &["create", "namespace", "rights"]);
    let account = world.account(EU, "rights");
    use_account(&world, &account, ", namespaces: [rights]");
    let stays = text("nats-rights-b", "");
    world.commit(&[
        ("exchanges/a.yaml", Some(&text(release, ""))),
        ("exchanges/b.yaml", Some(&stays)),
    ]);

    let told = world.run(&["doctor"]).expect(1).stdout;
    assert!(told.contains("secrets in namespace rights"), "{told}");
    let (_, grant) = told.split_once("1 to mend\n").unwrap();
    std::fs::write(world.path("grant.yaml"), grant).unwrap();
    let file = world.path("grant.yaml");
    world.kubectl(EU, &["apply", "-f", &file.to_string_lossy()]);
    let told = world.run(&["doctor"]).expect(0).stdout;
    assert!(told.contains("all permissions"), "{told}");

    let latest = || {
        let revisions = world.revisions_in(EU, "rights", release);
        revisions.last().map(|labels| labels["version"].clone())
    };
    world.apply().expect(0);
    assert_eq!(latest().unwrap(), "1");
    let changed = text(release, "  config.merge.max_connections: 5\n");
    world.commit(&[("exchanges/a.yaml", Some(&changed))]);
    world.apply().expect(0);
    assert_eq!(latest().unwrap(), "2");
    assert!(world.record(release).is_some());
    world.scale_to_nothing(EU, "rights", release);
    let plan = world.plan().expect(0);
    assert!(!plan.stdout.contains("DriftUnknown"), "{}", plan.stdout);
    let id = format!("{EU}/rights/{release}");
    assert_eq!(plan.entry(&id)["reason"], "ObjectsDrifted");
    world.apply().expect(0);
    assert_eq!(world.plan().expect(0).entry(&id)["action"], "none");
    world.commit(&[("exchanges/a.yaml", None)]);
    world.apply().expect(0);
    assert_eq!(latest(), None);
    assert_eq!(world.record(release), None);
}
