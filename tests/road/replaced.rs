//! A kubeconfig that leads to another cluster than yesterday.

use crate::world::{EU, US, World, exchange};

#[test]
fn swapped_kubeconfigs_change_nothing_until_a_person_says_so() {
    let world = World::new("swapped");
    let (us, eu) = (
        "us-east-cluster/road/nats-swap-us",
        "eu-edge-cluster/road/nats-swap-eu",
    );
    world.commit(&[
        ("exchanges/us.yaml", Some(&exchange(US, "nats-swap-us", ""))),
        ("exchanges/eu.yaml", Some(&exchange(EU, "nats-swap-eu", ""))),
    ]);
    world.apply().expect(0);
    let before = (world.records(), world.helm_calls().len());

    let file = |name| world.cluster(name).kubeconfig();
    let swapped = format!(
        "  {US}: {{kubeconfig: {}}}\n  {EU}: {{kubeconfig: {}}}\n",
        file(EU).display(),
        file(US).display()
    );
    let url = world.repository.url_file();
    world.settings_with(&url, &swapped, "");

    let plan = world.plan().expect(3);
    for id in [us, eu] {
        assert_eq!(plan.entry(id)["reason"], "ClusterReplaced");
    }
    assert_eq!(
        plan.entry(us)["guard"]["needs"],
        "natsx-sync approve us-east-cluster"
    );
    // A removal is held back as well.
    world.commit(&[("exchanges/eu.yaml", None)]);
    world.apply().expect(3);
    assert_eq!((world.records(), world.helm_calls().len()), before);
    assert_eq!(world.latest(US, "nats-swap-eu"), None);
    assert_eq!(world.latest(EU, "nats-swap-us"), None);

    let daemon = world.daemon();
    world.until_phase(us, "blocked");
    let approved = world.run(&["approve", US]).expect(0);
    assert!(approved.stdout.contains("it was"), "{}", approved.stdout);
    world.until_phase(us, "ready");
    assert_eq!(
        world.latest(EU, "nats-swap-us"),
        Some((1, "deployed".to_owned()))
    );
    // The other one was not approved.
    assert_eq!(
        world.latest(EU, "nats-swap-eu"),
        Some((1, "deployed".to_owned()))
    );
    assert!(world.record("nats-swap-eu").is_some());
    assert_eq!(daemon.stop(), 0);

    world.run(&["forget", US]).expect(1);
    world.run(&["forget", "elsewhere"]).expect(7);
}
