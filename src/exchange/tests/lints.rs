//! What lints say, what they do not, and that each has an example that is true.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{checkout, context, exchange, resolved};
use crate::diagnostic::{Diagnostic, Severity};
use crate::exchange::{EXAMPLES, LINTS, resolve};
use crate::reason::Reason;

fn file(values: &str) -> String {
    let lines = values.lines().map(|line| format!("  {line}\n"));
    exchange(
        "nats",
        &format!("helm_values:\n{}", lines.collect::<String>()),
    )
}

fn findings(values: &str) -> Vec<Diagnostic> {
    resolved(&[("exchanges/a.yaml", &file(values))]).diagnostics
}

fn reasons(values: &str) -> BTreeSet<Reason> {
    findings(values).iter().map(|found| found.reason).collect()
}

/// The findings with this version of the chart.
fn of_version(version: &str, values: &str) -> Vec<(Severity, String)> {
    let text = file(values);
    let checkout = checkout(&[("exchanges/a.yaml", &text)]);
    let mut context = context();
    version.clone_into(&mut context.chart.version);
    let desired = resolve(&checkout, &context, &|_| std::collections::BTreeMap::new());
    let found = desired.diagnostics.iter();
    found
        .filter(|found| found.reason == Reason::UnknownValue)
        .map(|found| (found.severity, found.text.clone()))
        .collect()
}

/// Whoever mends a file reads everything that is wrong with it at once, and nothing that is only so because of the rest.
#[test]
fn an_error_hides_no_other_and_makes_none() {
    let shared = |broken: &str| {
        let user = exchange("nats", "helm_values: {nats.image: x}\n");
        resolved(&[("values.yaml", broken), ("exchanges/a.yaml", &user)]).diagnostics
    };
    let own = |more: &str| {
        let text = exchange("nats", more);
        resolved(&[("exchanges/a.yaml", &text)]).diagnostics
    };
    let values = "helm_values: {nats.image: x, config.cluster.replicas: 3}";
    let all = [
        Reason::OpenExchange,
        Reason::RenamedValue,
        Reason::ReplicasWithoutCluster,
    ];
    for (found, expected) in [
        (
            own(&format!("protect: 'true'\n{values}\n")),
            [&[Reason::InvalidValue], &all[..]].concat(),
        ),
        (
            own(&format!("colour: red\n{values}\n")),
            [&[Reason::UnknownField], &all[..]].concat(),
        ),
        // The field that is misspelt may be the one that the rest rests on.
        (
            own(&format!("acess: {{}}\n{values}\n")),
            vec![Reason::UnknownField, Reason::RenamedValue],
        ),
        (
            own(&format!(
                "config: {{cluster: {{enabled: true}}}}\n{values}\n"
            )),
            vec![Reason::UnknownField, Reason::RenamedValue],
        ),
        (
            own(&format!("profiles: [none]\n{values}\n")),
            vec![Reason::UnknownProfile, Reason::RenamedValue],
        ),
        (
            own(&format!("chart_version: 2.x\n{values}\n")),
            vec![Reason::InvalidValue],
        ),
        (
            own("helm_values: {nats.image: x, config.jetstream.enabled: yes}\n"),
            vec![
                Reason::AmbiguousScalar,
                Reason::RenamedValue,
                Reason::OpenExchange,
            ],
        ),
        (
            own(&format!("{values}\nmetadata: {{a: [\n")),
            vec![Reason::InvalidYaml],
        ),
        (
            shared("config.nats.port: 1\nconfig: {nats: {port: 2}}\n"),
            vec![
                Reason::ValueConflict,
                Reason::SourceIncomplete,
                Reason::RenamedValue,
            ],
        ),
        (
            shared("config: [\n"),
            vec![
                Reason::InvalidYaml,
                Reason::SourceIncomplete,
                Reason::RenamedValue,
            ],
        ),
    ] {
        let reasons: BTreeSet<Reason> = found.iter().map(|found| found.reason).collect();
        assert_eq!(reasons, expected.into_iter().collect(), "{found:#?}");
    }
}

#[test]
fn a_field_that_cannot_be_read_is_not_missing_and_one_that_is_missing_is_said() {
    let text = "release_name: nats\ncluster_id: east\norg_ids: 9007199254740993\nhelm_values: {config.nats.port: 014}\n";
    let found = resolved(&[("exchanges/a.yaml", text)]).diagnostics;
    let texts = found.iter().map(|found| found.text.as_str());
    let missing: Vec<_> = texts.filter(|text| text.ends_with("is missing")).collect();
    assert_eq!(missing, ["name is missing"], "{found:#?}");
}

/// The caret stands below what is to be changed, however long the key.
#[test]
fn what_is_wrong_with_a_key_points_to_it_and_with_a_value_to_that() {
    for (value, reason, column) in [
        ("nats.image: foo", Reason::RenamedValue, 3),
        ("config.jetstream.enabld: true", Reason::UnknownValue, 3),
        (
            "config: {jetstream: {enabld: true}}",
            Reason::UnknownValue,
            24,
        ),
        (
            "config.jetstream.enabled: 'true'",
            Reason::StringForBoolean,
            29,
        ),
    ] {
        let found = findings(value);
        let found = found.iter().find(|found| found.reason == reason);
        assert_eq!(found.unwrap().column, Some(column), "{value}");
    }
}

#[test]
fn every_lint_has_an_example_that_is_true() {
    for example in EXAMPLES {
        assert!(
            reasons(example.wrong).contains(&example.reason),
            "{example:?}"
        );
        assert!(
            !reasons(example.right).contains(&example.reason),
            "{example:?}"
        );
        let errors = findings(example.right);
        let errors: Vec<_> = errors
            .iter()
            .filter(|found| found.severity == Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    let shown: BTreeSet<Reason> = EXAMPLES.iter().map(|example| example.reason).collect();
    let without: Vec<_> = LINTS.iter().filter(|lint| !shown.contains(lint)).collect();
    assert!(without.is_empty(), "no example of {without:?}");
}

#[test]
fn every_reason_of_a_lint_is_listed() {
    let sources = [
        include_str!("../lint/chart.rs"),
        include_str!("../lint/mod.rs"),
        include_str!("../lint/resources.rs"),
        include_str!("../lint/server.rs"),
        include_str!("../lint/subject.rs"),
        include_str!("../lint/topology.rs"),
    ];
    let used = sources
        .iter()
        .flat_map(|source| source.split("Reason::").skip(1));
    let used: BTreeSet<&str> = used
        .filter_map(|rest| rest.split(|sign: char| !sign.is_alphanumeric()).next())
        .collect();
    let listed: BTreeSet<&str> = LINTS.iter().map(|lint| lint.name()).collect();
    assert_eq!(used, listed);
}

#[test]
fn values_of_every_kind_are_held_to_it() {
    let mut told = String::new();
    for values in [
        "config.cluster.enabled: 1",
        "config.nats.port: many",
        "config.jetstream.fileStore.pvc.size: [10Gi]",
        "config.patch: {op: add}",
        "container.merge: none",
        "container.env: [A, B]",
        "container.env: {A: true, B: 1.5, C: [x], D: \"1\", E: {value: x}}",
        "service.ports: {nats: {enabled: \"no\"}, monitr: {enabled: true}}",
        "natsBox.contexts.mine: {creds: {secretNam: x}}",
        "promExporter.podMonitor.enable: true",
        "podTemplate.topologySpreadConstraint: {}",
        "config.jetstream: {fileStor: {enabled: true}}",
    ] {
        writeln!(told, "{values}").unwrap();
        for found in findings(values)
            .iter()
            .filter(|found| found.reason != Reason::OpenExchange)
        {
            writeln!(
                told,
                "  {} {}: {}",
                found.line.unwrap(),
                found.reason,
                found.text
            )
            .unwrap();
            writeln!(told, "    {}", found.hint.as_deref().unwrap()).unwrap();
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn what_the_chart_takes_is_not_found_fault_with() {
    for values in [
        "config.nats.port: \"4222\"",
        "config.serverNamePrefix: null",
        "config.jetstream: {enabled: true, fileStore: {maxSize: 1073741824, pvc: {storageClassName: null}}}",
        "service.ports.nats: {enabled: true, nodePort: 30001}",
        "natsBox.contexts: {a: {creds: {secretName: a}, merge: {user: x}}}",
        "container: {ports: {nats: {hostPort: 4222}}, resources: {limits: {memory: 1Gi}}}",
        "podTemplate.topologySpreadConstraints: {kubernetes.io/hostname: {maxSkew: 1}}",
        "global: {labels: {a: b}, image: {pullSecretNames: [a]}}",
        "config.merge: {anything: {goes: [1, {x: \"true\"}]}, enabled: \"x\"}",
    ] {
        let mut found = reasons(values);
        found.remove(&Reason::OpenExchange);
        assert!(found.is_empty(), "{values}: {found:?}");
    }
}

#[test]
fn leafnodes_and_gateways_together_need_a_system_account() {
    let both = "  config.leafnodes.enabled: true\n  config.gateway.enabled: true\n";
    let system = "  config.merge: {accounts: {SYS: {}}, system_account: SYS}\n";
    assert!(reasons(both).contains(&Reason::NeedsOther));
    assert!(!reasons(&format!("{both}{system}")).contains(&Reason::NeedsOther));
    let one = "  config.gateway.enabled: true\n";
    assert!(!reasons(one).contains(&Reason::NeedsOther));
}

#[test]
fn names_are_those_of_the_charts_version() {
    let values = "config.cluster: {enabled: true, noAdvertise: false}\ncontainer.resources: {}";
    assert_eq!(of_version("2.14.2", values), []);
    let [(severity, text)] = &of_version("2.12.3", values)[..] else {
        panic!("one finding");
    };
    assert_eq!(*severity, Severity::Error);
    assert!(text.contains("before 2.12.4"), "{text}");
    assert_eq!(of_version("1.2.9", values).len(), 2);
    // What a later chart brings is not known here.
    let later = of_version("2.15.0", "config.brandNew: true");
    assert_eq!(later[0].0, Severity::Warning);
    assert_eq!(
        of_version("2.14.9", "config.brandNew: true")[0].0,
        Severity::Error
    );
}

#[test]
fn the_operator_says_how_bad_a_lint_is() {
    let text = file("config.max_payload: 1024");
    let checkout = checkout(&[("exchanges/a.yaml", &text)]);
    let mut context = context();
    let severities = serde_json::json!({"UnknownValue": "warning", "OpenExchange": "off"});
    context.severities = serde_json::from_value(severities).unwrap();
    let desired = resolve(&checkout, &context, &|_| panic!("nothing is broken"));
    let found: Vec<_> = desired
        .diagnostics
        .iter()
        .map(|found| (found.severity, found.reason))
        .collect();
    assert_eq!(found, [(Severity::Warning, Reason::UnknownValue)]);

    context.severities =
        serde_json::from_value(serde_json::json!({"OpenExchange": "error"})).unwrap();
    let desired = resolve(&checkout, &context, &|_| std::collections::BTreeMap::new());
    assert!(desired.exchanges.is_empty());
}
