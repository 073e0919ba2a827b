//! Which links an exchange has, as the chart is told them.

use serde_json::json;

use super::{exchange, resolved};
use crate::exchange::desired::{Desired, DesiredExchange, Layer};
use crate::reason::Reason;

const BLOCK: &str = "
federation:
  leafnodes:
    - exchange: east/other/hub
      account: team-a
      credentials: {secretKeyRef: {name: links, key: seed}}
    - url: tls://leaf.example.org:7422
  gateways:
    - exchange: east/communication/nats-west
    - exchange: far/communication/nats-east
      url: nats://east.example.org:7222
    - {name: elsewhere, url: 'nats://elsewhere.example.org:7222'}
  routes:
    - url: nats://old.example.org:6222
";

fn one<'d>(desired: &'d Desired, release: &str) -> &'d DesiredExchange {
    let mut found = desired.exchanges.values();
    let one = found.find(|exchange| exchange.id.release.as_str() == release);
    one.unwrap_or_else(|| panic!("{:#?}", desired.broken))
}

#[test]
fn peers_become_remotes_gateways_and_routes() {
    let desired = resolved(&[("exchanges/a.yaml", &exchange("nats", BLOCK))]);
    let exchange = one(&desired, "nats");
    let values = exchange.values.open();
    let config = &values["config"];
    assert_eq!(
        config["merge"]["leafnodes"],
        json!({"remotes": [
            {
                "url": "nats://hub-nats-headless.other.svc:7422",
                "nkey": "<< $NATSX_LINKS_SEED >>",
                "account": "team-a",
            },
            {"url": "tls://leaf.example.org:7422"},
        ]})
    );
    assert_eq!(
        config["gateway"],
        json!({"enabled": true, "merge": {"gateways": [
            {"name": "nats-west", "url": "nats://nats-west-headless.communication.svc:7222"},
            {"name": "nats-east", "url": "nats://east.example.org:7222"},
            {"name": "elsewhere", "url": "nats://elsewhere.example.org:7222"},
        ]}})
    );
    assert_eq!(
        config["cluster"]["patch"],
        json!([{"op": "add", "path": "/routes/-", "value": "nats://old.example.org:6222"}])
    );
    let seed = json!({"valueFrom": {"secretKeyRef": {"name": "links", "key": "seed"}}});
    assert_eq!(
        exchange.values.open()["container"]["env"],
        json!({"NATSX_LINKS_SEED": seed})
    );
    assert_eq!(exchange.secrets.len(), 1);
    let remotes = ["config", "merge", "leafnodes", "remotes"].map(String::from);
    let provenance = exchange.provenance.open();
    let origin = provenance.of(&remotes).unwrap();
    assert_eq!(origin.layer, Layer::Block("federation".to_owned()));
}

#[test]
fn both_blocks_together_keep_their_secrets_apart() {
    let access =
        "access: {users: [{user: a, password: {secretKeyRef: {name: l.inks, key: seed}}}]}\n";
    let text = exchange("nats", &format!("{access}{BLOCK}"));
    let desired = resolved(&[("exchanges/a.yaml", &text)]);
    let values = one(&desired, "nats").values.open();
    let password = &values["config"]["merge"]["authorization"]["users"][0]["password"];
    assert_eq!(password, "<< $NATSX_L_INKS_SEED >>");
    let variables = values["container"]["env"].as_object().unwrap();
    assert_eq!(variables.len(), 2, "{variables:?}");
    let origin = one(&desired, "nats").provenance.open();
    let users = ["config", "merge", "authorization", "users"].map(String::from);
    assert_eq!(
        origin.of(&users).unwrap().layer,
        Layer::Block("access".to_owned())
    );
}

/// What is said of the link in the file of `nats`, when the other file has these lines.
fn said(link: &str, other: &str) -> Vec<String> {
    let own = exchange("nats", &format!("federation: {{{link}}}\n"));
    let other = exchange("hub", other);
    let desired = resolved(&[("exchanges/a.yaml", &own), ("exchanges/b.yaml", &other)]);
    let said = one(&desired, "nats").diagnostics.iter();
    said.filter(|found| found.reason == Reason::NeedsOther)
        .map(|found| found.text.clone())
        .collect()
}

#[test]
fn the_other_end_has_to_listen_where_it_is_looked_for() {
    let link = "leafnodes: [{exchange: east/communication/hub}]";
    let listens = "helm_values: {config.leafnodes.enabled: true}\n";
    assert_eq!(said(link, listens), Vec::<String>::new());
    assert!(said(link, "")[0].contains("config.leafnodes.enabled is not true"));
    let moved = "helm_values: {config.leafnodes: {enabled: true, port: 7000}}\n";
    assert!(said(link, moved)[0].contains("a port"));
    let gateway = "gateways: [{exchange: east/communication/hub}]";
    assert!(said(gateway, listens)[0].contains("config.gateway.enabled is not true"));
    let gone = "leafnodes: [{exchange: east/communication/gone}]";
    assert!(said(gone, listens)[0].contains("no file declares"));
}

#[rstest::rstest]
#[case::nobody("leafnodes: [{}]")]
#[case::another_cluster("gateways: [{exchange: far/communication/nats-x}]")]
#[case::itself("leafnodes: [{exchange: east/communication/nats}]")]
#[case::a_route_to_another_name("routes: [{exchange: east/communication/nats-x}]")]
#[case::a_gateway_without_a_name("gateways: [{url: 'nats://x:7222'}]")]
#[case::a_name_for_a_leafnode("leafnodes: [{name: x, url: 'nats://x:7422'}]")]
#[case::a_login_of_a_gateway(
    "gateways: [{name: x, url: 'nats://x:7222', credentials: {secretKeyRef: {name: a, key: b}}}]"
)]
#[case::no_address("leafnodes: [{url: 'x:7422'}]")]
#[case::another_protocol("leafnodes: [{url: 'https://x:7422'}]")]
fn links_that_could_not_come_about_are_refused(#[case] link: &str) {
    let text = exchange("nats", &format!("federation: {{{link}}}\n"));
    let desired = resolved(&[("exchanges/a.yaml", &text)]);
    assert!(desired.exchanges.is_empty(), "{:?}", desired.exchanges);
    let found = &desired.broken[0].diagnostics[0];
    assert_eq!(
        (found.reason, found.line),
        (Reason::InvalidValue, Some(5)),
        "{found:?}"
    );
    assert!(found.hint.is_some());
}

#[test]
fn a_login_in_an_address_is_refused() {
    for link in ["leafnodes", "routes"] {
        let block = format!("federation: {{{link}: [{{url: 'nats://u:pw@x:7422'}}]}}\n");
        let desired = resolved(&[("exchanges/a.yaml", &exchange("nats", &block))]);
        let found = format!("{:?}", desired.broken[0].diagnostics);
        assert!(
            desired.exchanges.is_empty() && !found.contains("pw@"),
            "{found}"
        );
    }
}
