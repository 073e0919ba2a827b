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
