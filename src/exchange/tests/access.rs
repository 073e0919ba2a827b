//! Who may do what, as the chart is told it.

use serde_json::{Value, json};

use super::{exchange, resolved};
use crate::exchange::desired::{DesiredExchange, Layer};
use crate::reason::Reason;

const BLOCK: &str = "
access:
  users:
    - user: service
      password: {secretKeyRef: {name: logins, key: service}}
      permissions: {publish: {allow: [orders.>], deny: [orders.secret]}, subscribe: _INBOX.>}
    - nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4
  accounts:
    team-a:
      jetstream: true
      users:
        - {user: a, password: {secretKeyRef: {name: logins, key: a}}}
        - {user: b, password: {secretKeyRef: {name: log.ins, key: a}}}
        - {user: c, password: {secretKeyRef: {name: log-ins, key: a}}}
  default_permissions: {subscribe: news.>}
";

fn only(more: &str) -> DesiredExchange {
    let desired = resolved(&[("exchanges/a.yaml", &exchange("nats", more))]);
    let mut exchanges = desired.exchanges.values();
    let found = exchanges.next();
    let found = found.unwrap_or_else(|| panic!("{:#?}", desired.broken));
    found.as_ref().clone()
}

#[test]
fn users_and_accounts_become_chart_values_without_a_password() {
    let exchange = only(BLOCK);
    let usual = json!({"subscribe": "news.>"});
    assert_eq!(
        exchange.values.open()["config"]["merge"],
        json!({
            "authorization": {"users": [
                {
                    "user": "service",
                    "password": "<< $NATSX_LOGINS_SERVICE >>",
                    "permissions": {
                        "publish": {"allow": ["orders.>"], "deny": ["orders.secret"]},
                        "subscribe": "_INBOX.>",
                    },
                },
                {
                    "nkey": "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4",
                    "permissions": usual,
                },
            ]},
            "accounts": {"team-a": {
                "jetstream": "enabled",
                "users": [
                    {"user": "a", "password": "<< $NATSX_LOGINS_A >>", "permissions": usual},
                    {"user": "b", "password": "<< $NATSX_LOG_INS_A >>", "permissions": usual},
                    {"user": "c", "password": "<< $NATSX_LOG_INS_A_2 >>", "permissions": usual},
                ],
            }},
        })
    );
    let reference =
        |name: &str, key: &str| json!({"valueFrom": {"secretKeyRef": {"name": name, "key": key}}});
    assert_eq!(
        exchange.values.open()["container"]["env"],
        json!({
            "NATSX_LOGINS_A": reference("logins", "a"),
            "NATSX_LOGINS_SERVICE": reference("logins", "service"),
            "NATSX_LOG_INS_A": reference("log.ins", "a"),
            "NATSX_LOG_INS_A_2": reference("log-ins", "a"),
        })
    );
    assert_eq!(exchange.secrets.len(), 4, "{:?}", exchange.secrets);
    let users = ["config", "merge", "authorization", "users"].map(String::from);
    let provenance = exchange.provenance.open();
    let origin = provenance.of(&users).unwrap();
    assert_eq!(origin.layer, Layer::Block("access".to_owned()));
    let open = |reason| {
        exchange
            .diagnostics
            .iter()
            .any(|found| found.reason == reason)
    };
    assert!(!open(Reason::OpenExchange) && !open(Reason::NotActedOn));
}

#[test]
fn what_helm_values_say_wins() {
    let own = "helm_values: {config.merge.authorization.users: [], container.env.A: x}\n";
    let exchange = only(&format!("{BLOCK}{own}"));
    let values = exchange.values.open();
    let merge = &values["config"]["merge"];
    assert_eq!(merge["authorization"]["users"], Value::Array(Vec::new()));
    assert_eq!(exchange.values.open()["container"]["env"]["A"], "x");
    assert!(exchange.values.open()["container"]["env"]["NATSX_LOGINS_A"].is_object());
}

#[rstest::rstest]
#[case::nobody("{}", Reason::OpenExchange)]
#[case::no_users("{users: [], accounts: {a: {jetstream: true}}}", Reason::OpenExchange)]
#[case::no_password("{users: [{user: a}]}", Reason::InvalidValue)]
#[case::no_name(
    "{users: [{password: {secretKeyRef: {name: a, key: b}}}]}",
    Reason::InvalidValue
)]
#[case::both(
    "{users: [{user: a, nkey: U, password: {secretKeyRef: {name: a, key: b}}}]}",
    Reason::InvalidValue
)]
fn what_would_be_open_or_shut_out_is_refused(#[case] block: &str, #[case] reason: Reason) {
    let text = exchange("nats", &format!("access: {block}\n"));
    let desired = resolved(&[("exchanges/a.yaml", &text)]);
    assert!(desired.exchanges.is_empty(), "{:?}", desired.exchanges);
    let found = &desired.broken[0].diagnostics[0];
    assert_eq!((found.reason, found.line), (reason, Some(5)), "{found:?}");
}

#[test]
fn a_subject_is_refused_in_its_own_line() {
    let block = BLOCK.replace("orders.secret", "orders..secret");
    let text = exchange("nats", &block);
    let desired = resolved(&[("exchanges/a.yaml", &text)]);
    let found = &desired.broken[0].diagnostics[0];
    assert_eq!(
        (found.reason, found.line),
        (Reason::InvalidSubject, Some(10))
    );
}
