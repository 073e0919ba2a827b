//! helm 3 and helm 4, on releases born under either.

use crate::world::{EU, US, World, exchange};

#[test]
fn each_helm_upgrades_what_the_other_installed() {
    let world = World::new("helms");
    let (three, four) = (
        world.fleet.tools().helm3.clone(),
        world.fleet.tools().helm4.clone(),
    );
    for (born, next, cluster, release) in [
        (&three, &four, US, "nats-helm-three"),
        (&four, &three, EU, "nats-helm-four"),
    ] {
        let file = format!("exchanges/{release}.yaml");
        world.use_helm(born);
        world.commit(&[(&file, Some(&exchange(cluster, release, "")))]);
        world.apply().expect(0);
        world.use_helm(next);
        world.commit(&[(
            &file,
            Some(&exchange(
                cluster,
                release,
                "  config.merge.max_connections: 33\n",
            )),
        )]);
        world.apply().expect(0);
        assert_eq!(
            world.latest(cluster, release),
            Some((2, "deployed".to_owned()))
        );
        assert!(world.configuration(cluster, release).0.contains("33"));
    }
}

#[test]
fn without_helm_a_plan_says_so_and_history_tells_what_was_held_back() {
    let world = World::new("helmless");
    let file = exchange(EU, "nats-helmless", "");
    world.commit(&[("exchanges/a.yaml", Some(&file))]);
    std::fs::remove_file(world.path("helm")).unwrap();
    let planned = world.run(&["plan"]).expect(0);
    let said = planned.stderr;
    assert!(
        said.contains("note: applying takes helm: there is no usable helm"),
        "{said}"
    );
    assert!(
        said.contains("`helm.path`") && said.contains("natsx-sync doctor"),
        "{said}"
    );
    let said = world.run(&["apply", "--yes"]).expect(3).stderr;
    assert!(
        said.contains("blocked: HelmMissing: there is no usable helm"),
        "{said}"
    );
    let history = world.run(&["history"]).expect(0).stdout;
    for words in ["install\tblocked", "HelmMissing: there is no usable helm"] {
        assert!(history.contains(words), "{history}");
    }

    let helm = world.fleet.tools().helm3.clone();
    world.use_helm(&helm);
    assert!(
        !world
            .run(&["plan"])
            .expect(0)
            .stderr
            .contains("applying takes helm")
    );
    world.run(&["apply", "--yes"]).expect(0);
}
