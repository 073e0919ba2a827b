//! Alerts and dashboard, as Prometheus itself reads them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use super::{Case, ROOT, program};

pub(crate) const CASES: &[Case] = &[
    (
        "alerts::each_fires_when_it_should_and_not_before",
        &["promtool"],
        fire,
    ),
    ("alerts::each_is_tested", &[], tested),
    (
        "alerts::the_dashboard_asks_what_prometheus_understands",
        &["promtool"],
        asked,
    ),
];

fn promtool(arguments: &[&str]) -> Output {
    let program = program("promtool").unwrap();
    Command::new(program).args(arguments).output().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/deploy/{path}")).unwrap()
}

fn fire() {
    let done = promtool(&[
        "test",
        "rules",
        &format!("{ROOT}/deploy/prometheus/alerts_test.yaml"),
    ]);
    assert!(done.status.success(), "{done:?}");
}

fn tested() {
    let named = |text: &str, key: &str| -> BTreeSet<String> {
        text.lines()
            .filter_map(|line| line.trim().strip_prefix(key))
            .map(str::to_owned)
            .collect()
    };
    let alerts = named(&read("prometheus/alerts.yaml"), "- alert: ");
    assert!(alerts.len() >= 9, "{alerts:?}");
    let tested = named(&read("prometheus/alerts_test.yaml"), "- alertname: ");
    assert_eq!(alerts, tested);
}

/// Prometheus parses expressions of rules, so each is made one.
fn asked() {
    let board: Value = serde_json::from_str(&read("grafana/natsx-sync.json")).unwrap();
    let targets = board["panels"].as_array().unwrap().iter();
    let targets = targets.flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut rules = "groups: [{name: panels, rules: [\n".to_owned();
    for (number, target) in targets.enumerate() {
        let asked = target["expr"].as_str().unwrap();
        // What Grafana puts in before it asks.
        let asked = asked
            .replace("$instance", ".*")
            .replace("$__rate_interval", "5m");
        writeln!(
            rules,
            "{{record: 'panel:{number}', expr: {}}},",
            Value::from(asked)
        )
        .unwrap();
    }
    rules.push_str("]}]\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    fs::write(&file, rules).unwrap();
    let done = promtool(&["check", "rules", file.to_str().unwrap()]);
    assert!(done.status.success(), "{done:?}");
}
