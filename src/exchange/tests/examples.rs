//! The project's own example repository.

use serde_json::json;

use super::{checkout, context};
use crate::exchange::desired::Layer;
use crate::exchange::resolve;
use crate::reason::Reason;

#[test]
fn examples_resolve_without_errors() {
    let checkout = checkout(&[
        ("values.yaml", include_str!("../../../examples/values.yaml")),
        (
            "profiles/production.yaml",
            include_str!("../../../examples/profiles/production.yaml"),
        ),
        (
            "exchanges/eu-edge/edge.yaml",
            include_str!("../../../examples/exchanges/eu-edge/edge.yaml"),
        ),
        (
            "exchanges/us-east/global-event-bus.yaml",
            include_str!("../../../examples/exchanges/us-east/global-event-bus.yaml"),
        ),
        (
            "exchanges/us-east/orders.yaml",
            include_str!("../../../examples/exchanges/us-east/orders.yaml"),
        ),
    ]);
    let desired = resolve(&checkout, &context(), &|_| panic!("nothing is broken"));
    assert!(
        desired.broken.is_empty() && desired.incomplete.is_empty(),
        "{:#?}",
        desired.broken
    );
    let ids: Vec<String> = desired.exchanges.keys().map(ToString::to_string).collect();
    assert_eq!(
        ids,
        [
            "eu-edge-cluster/communication/nats-edge",
            "us-east-cluster/communication/nats-global-exchange",
            "us-east-cluster/communication/nats-orders",
        ]
    );
    assert!(
        desired
            .diagnostics
            .iter()
            .all(|found| found.reason == Reason::OpenExchange)
    );
    let bus = &desired.exchanges[&"us-east-cluster/communication/nats-global-exchange"
        .parse()
        .unwrap()];
    let values = bus.values.open();
    assert_eq!(
        values["config"]["jetstream"]["fileStore"]["pvc"]["size"],
        json!("5Gi")
    );
    assert_eq!(values["natsBox"]["enabled"], json!(false));
    assert_eq!(bus.metadata.open()["team"], json!("infra"));
    assert_eq!(bus.org_ids, ["org001"]);
    assert_eq!(bus.name, "Global Event Bus");
    assert_eq!(bus.chart.version, "2.14.2");
    let orders = &desired.exchanges[&"us-east-cluster/communication/nats-orders".parse().unwrap()];
    let path = |path: &str| path.split('.').map(str::to_owned).collect::<Vec<_>>();
    let provenance = orders.provenance.open();
    assert_eq!(
        provenance.of(&path("natsBox.enabled")).unwrap().layer,
        Layer::Base
    );
    assert_eq!(
        provenance
            .of(&path("config.cluster.replicas"))
            .unwrap()
            .layer,
        Layer::Profile("production".into())
    );
    assert_eq!(
        provenance
            .of(&path("config.merge.max_payload"))
            .unwrap()
            .layer,
        Layer::Exchange
    );
    assert_eq!(
        orders.blobs.open().keys().collect::<Vec<_>>(),
        ["file", "profiles/production.yaml", "values.yaml"]
    );
    assert!(orders.terms.protect);
}

#[test]
fn the_built_in_values_are_none() {
    let document = crate::yaml::read(include_bytes!("../../../values.yaml"));
    assert_eq!((document.root, document.faults), (None, vec![]));
}
