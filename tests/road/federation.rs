//! The block `federation`: links between running servers of several exchanges.

use std::time::Duration;

use serde_json::Value;

use crate::world::{US, World, eventually, exchange};

/// What the first server of an exchange says under an address of its monitoring port.
fn says(world: &World, release: &str, address: &str) -> Value {
    let path = format!("/api/v1/namespaces/road/pods/{release}-0:8222/proxy/{address}");
    let text = world.kubectl(US, &["get", "--raw", &path]);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_leaf_logs_in_at_its_hub_and_gateways_find_each_other() {
    let world = World::new("federation");
    // There already, where another test was first.
    let make = ["create", "namespace", "road"];
    world.cluster(US).kubectl(&make).ok();
    let pair = nkeys::KeyPair::new_user();
    let seed = format!("--from-literal=seed={}", pair.seed().unwrap());
    let secret = ["create", "secret", "generic", "links", &seed];
    world.kubectl(US, &[&["-n", "road"], &secret[..]].concat());

    let hub = format!(
        "{}access: {{users: [{{nkey: {}}}]}}\n",
        exchange(US, "nats-hub", "  config.leafnodes.enabled: true\n"),
        pair.public_key()
    );
    let leaf = format!(
        "{}federation:\n  leafnodes:\n    - exchange: us-east-cluster/road/nats-hub\n      credentials: {{secretKeyRef: {{name: links, key: seed}}}}\n  gateways: [{{exchange: us-east-cluster/road/nats-west}}]\n",
        exchange(US, "nats-leaf", "")
    );
    let west = exchange(US, "nats-west", "  config.gateway.enabled: true\n");
    world.commit(&[
        ("exchanges/hub.yaml", Some(&hub)),
        ("exchanges/leaf.yaml", Some(&leaf)),
        ("exchanges/west.yaml", Some(&west)),
    ]);
    let plan = world.plan().expect(0).stdout;
    assert!(
        plan.contains("+ leafnode to nats://nats-hub-headless.road.svc:7422"),
        "{plan}"
    );
    assert!(
        plan.contains("+ gateway nats-west at nats://nats-west-headless.road.svc:7222"),
        "{plan}"
    );
    assert!(!plan.contains("NotActedOn"), "{plan}");
    world.apply().expect(0);

    eventually("the leaf is linked", Duration::from_secs(60), || {
        says(&world, "nats-hub", "leafz")["leafnodes"] == 1
    });
    eventually(
        "the gateways see each other",
        Duration::from_secs(60),
        || {
            let west = &says(&world, "nats-west", "gatewayz")["outbound_gateways"];
            let leaf = &says(&world, "nats-leaf", "gatewayz")["outbound_gateways"];
            west.get("nats-leaf").is_some() && leaf.get("nats-west").is_some()
        },
    );
    let (map, _) = world.configuration(US, "nats-leaf");
    assert!(map.contains("$NATSX_LINKS_SEED"), "{map}");
    world.kubectl(US, &["-n", "road", "delete", "secret", "links"]);
}
