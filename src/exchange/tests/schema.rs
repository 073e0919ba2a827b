//! The schema for editors and the reader refuse the same shapes.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::{exchange, resolved};
use crate::diagnostic::Severity;
use crate::exchange::fields::FIELDS;
use crate::exchange::schema;
use crate::reason::Reason;

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).unwrap()
}

/// What an editor checks; none where a text is no document.
fn document(text: &str) -> Option<Value> {
    let document = crate::yaml::read(text.as_bytes());
    // A spelling that is read in two ways is read all the same.
    let mut faults = document.faults.iter();
    let is_read = faults.all(|fault| fault.reason == Reason::AmbiguousScalar);
    is_read.then(|| document.root.map_or(Value::Null, |root| root.to_value()))
}

/// The reasons of a file's errors.
fn refused(text: &str) -> BTreeSet<Reason> {
    let desired = resolved(&[("exchanges/a.yaml", text)]);
    let found = desired.broken.iter().flat_map(|file| &file.diagnostics);
    found
        .filter(|found| found.severity == Severity::Error)
        .map(|found| found.reason)
        .collect()
}

/// Refused for its shape: a field that is not known, or cannot have that value.
fn has_wrong_shape(reasons: &BTreeSet<Reason>) -> bool {
    [Reason::InvalidValue, Reason::UnknownField]
        .iter()
        .any(|reason| reasons.contains(reason))
}

/// What else the reader refuses, and why that is no shape.
const BEYOND: [(Reason, &str); 18] = [
    (Reason::InvalidYaml, "there is no document to have a shape"),
    (
        Reason::DuplicateKey,
        "of the text: a document has each key once",
    ),
    (
        Reason::AmbiguousScalar,
        "of the text: a document has values, not spellings",
    ),
    (
        Reason::TooLarge,
        "of the text: aliases are expanded before a schema sees them",
    ),
    (
        Reason::IntegerTooLarge,
        "an editor has rounded it before a schema sees it",
    ),
    (
        Reason::SecretInFile,
        "what a text says; a kubeconfig is refused as an unknown field",
    ),
    (Reason::PrivilegedValue, "the operator's policy decides"),
    (Reason::UnknownProfile, "other files decide"),
    (Reason::ValueConflict, "two keys that mean the same"),
    (
        Reason::RenamedValue,
        "the chart's values, which a chart may change",
    ),
    (
        Reason::UnknownValue,
        "the chart's values, which a chart may change",
    ),
    (
        Reason::StringForBoolean,
        "what the chart makes of a value, through all layers",
    ),
    (Reason::PlainSize, "what the server makes of a value"),
    (Reason::InvalidSubject, "what the server makes of a value"),
    (Reason::NumericPassword, "what the server makes of a value"),
    (
        Reason::JetStreamClusterOfOne,
        "several values together, through all layers",
    ),
    (
        Reason::MemoryStoreTooLarge,
        "several values together, through all layers",
    ),
    (
        Reason::ReplicasWithoutCluster,
        "several values together, through all layers",
    ),
];

#[test]
fn what_the_reader_refuses_for_its_shape_the_schema_refuses() {
    let validator = validator();
    let mut beyond = BTreeSet::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/broken");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let reasons = refused(&text);
        assert!(!reasons.is_empty(), "{}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap();
        if has_wrong_shape(&reasons) {
            // JSON has no such number; it is a fault of the text.
            let fits = document(&text).is_some_and(|document| validator.is_valid(&document));
            assert!(!fits, "{name}: the schema accepts what is {reasons:?}");
        } else {
            let fits = document(&text).is_none_or(|document| validator.is_valid(&document));
            assert!(
                fits || name == "kubeconfig.yaml",
                "{name}: refused by the schema, and its shape is right"
            );
        }
        beyond.extend(reasons);
    }
    let listed: BTreeSet<Reason> = BEYOND.iter().map(|(reason, _)| *reason).collect();
    beyond.remove(&Reason::InvalidValue);
    beyond.remove(&Reason::UnknownField);
    assert_eq!(beyond, listed);
}

/// A field and a value, as it stands in the file.
const VALUES: &[(&str, &[&str])] = &[
    ("kind", &["Exchange", "null", "exchange", "1", "[Exchange]"]),
    ("format", &["1", "null", "2", "\"1\"", "true", "1.5"]),
    (
        "name",
        &[
            "A name",
            "\" \"",
            "\"\"",
            "null",
            "3",
            "true",
            "[a]",
            "\"a\\nb\"",
            "\"a\\e[2J\"",
            "É 日本",
        ],
    ),
    (
        "release_name",
        &[
            "a", "a-b-1", "-a", "a-", "A", "a.b", "a_b", "\"\"", "\"1\"", "1",
        ],
    ),
    ("cluster_id", &["a", "A_b-1", "_a", "a_", "a.b", "é"]),
    ("namespace", &["a", "null", "A", "a_b", "-a", "{}"]),
    (
        "org_ids",
        &[
            "[a]",
            "[a, b]",
            "a",
            "\"a, b\"",
            "[]",
            "\"\"",
            "[a, a]",
            "[\"a,b\"]",
            "\"a,,b\"",
            "\",\"",
            "[1]",
            "1",
            "{a: b}",
            "[\" \"]",
            "null",
            "\"a\\tb\"",
        ],
    ),
    (
        "helm_values",
        &[
            "{}",
            "null",
            "{a.b: 1}",
            "{\"a\\\\.b.c\": 1}",
            "{\"a[0].b\": 1}",
            "{\"a[0][1]\": 1}",
            "{a..b: 1}",
            "{.a: 1}",
            "{a.: 1}",
            "{\"\": 1}",
            "{\"a[0]b\": 1}",
            "{\"[0]\": 1}",
            "{\"a[x]\": 1}",
            "{\"a\\\\\": 1}",
            "[a]",
            "text",
            "3",
        ],
    ),
    (
        "metadata",
        &[
            "{}",
            "null",
            "{a: {b: [1, {c: null}]}}",
            "{a.b: 1}",
            "{$a: 1}",
            "{a: {b.c: 1}}",
            "{a: [{$b: 1}]}",
            "{natsx: 1}",
            "{a: {natsx: 1}}",
            "{\"\": 1}",
            "[]",
            "x",
        ],
    ),
    (
        "profiles",
        &[
            "[]",
            "null",
            "[big]",
            "[big, big]",
            "production",
            "[1]",
            "{a: b}",
        ],
    ),
    (
        "chart_version",
        &[
            "2.14.2",
            "\"2.14\"",
            "2.14",
            "v2.14.2",
            "\"^2.14.2\"",
            "2.14.2-rc.1+b",
            "01.2.3",
            "null",
            "latest",
        ],
    ),
    (
        "depends_on",
        &[
            "[]",
            "null",
            "[east/ns/core]",
            "[core]",
            "[east/ns/core, east/ns/core]",
            "east/ns/core",
            "[a/B/c]",
            "[a/b/c/d]",
            "[1]",
        ],
    ),
    (
        "sync_mode",
        &[
            "continuous",
            "one_time",
            "dry_run",
            "continuous_with_drift_detection",
            "null",
            "Continuous",
            "off",
            "true",
            "[continuous]",
        ],
    ),
    (
        "drift_ignore",
        &[
            "[]",
            "null",
            "[StatefulSet/spec/replicas]",
            "['*/spec/*/a~1b']",
            "[StatefulSet]",
            "[StatefulSet/]",
            "[/spec]",
            "[A//b]",
            "[A/b, A/b]",
            "A/b",
            "[1]",
        ],
    ),
    ("protect", &["true", "false", "null", "\"true\"", "1"]),
    (
        "deletion_policy",
        &["retain", "purge", "null", "delete", "false"],
    ),
    (
        "suspend",
        &[
            "{reason: x}",
            "{reason: x, until: 2026-12-01T00:00:00Z}",
            "{reason: x, until: \"2026-12-01 10:00:00+02:00\"}",
            "{reason: x, until: null}",
            "{}",
            "{reason: \"\"}",
            "{until: 2026-12-01T00:00:00Z}",
            "{reason: x, until: tomorrow}",
            "{reason: x, until: 2026-12-01}",
            "{reason: x, til: y}",
            "true",
            "null",
            "x",
        ],
    ),
    (
        "public_url",
        &[
            "https://nats.example.org/global",
            "nats://h:4222",
            "HTTPS://h",
            "wss://[::1]:9222/x?y#z",
            "null",
            "nats.example.org",
            "/x",
            "ftp://h",
            "https://u@h",
            "https://u:p@h/x",
            "https://",
            "mailto:a@b",
            "3",
        ],
    ),
    (
        "system_id",
        &[
            "a.b-C_1",
            "null",
            "a/b",
            "\".\"",
            "\"..\"",
            "\"...\"",
            "\"\"",
            "\"a b\"",
            "1",
            "a",
            "ab",
            "a-",
            "\"-a\"",
            ".a",
            "a_",
            "a23456789012345678901234567890123456789012345678901234567890123",
            "a234567890123456789012345678901234567890123456789012345678901234",
        ],
    ),
    (
        "access",
        &[
            "{}",
            "null",
            "{users: []}",
            "{users: [{user: a, password: {secretKeyRef: {name: n, key: k}}}]}",
            "{users: [{user: a, password: x}]}",
            "{users: [{user: a}]}",
            "{users: [{user: a, password: null}]}",
            "{users: [{nkey: U}]}",
            "{users: [{nkey: U, user: a}]}",
            "{users: [{nkey: U, user: a, password: {secretKeyRef: {name: n, key: k}}}]}",
            "{accounts: {A: {users: [{password: {secretKeyRef: {name: n, key: k}}}]}}}",
            "{users: [{usr: a}]}",
            "{users: a}",
            "{accounts: {A: {jetstream: true}}}",
            "{accounts: {A: {jetstream: yes}}}",
            "{default_permissions: {publish: a}}",
            "{default_permissions: {publish: [a], subscribe: {allow: [b], deny: [c]}, allow_responses: true}}",
            "{default_permissions: {publish: 3}}",
            "[]",
        ],
    ),
    (
        "federation",
        &[
            "{}",
            "null",
            "{routes: [{exchange: east/ns/core}]}",
            "{routes: [{url: 'nats://h:6222'}]}",
            "{leafnodes: [{url: 'tls://h:7422'}]}",
            "{leafnodes: [{url: 'https://h:7422'}]}",
            "{leafnodes: [{}]}",
            "{leafnodes: [{exchange: core}]}",
            "{leafnodes: [{exchange: east/ns/core, name: x}]}",
            "{leafnodes: [{exchange: null, url: null}]}",
            "{leafnodes: [{exchange: east/ns/core, account: A, credentials: {secretKeyRef: {name: n, key: k}}}]}",
            "{leafnodes: [{exchange: east/ns/core, credentials: seed}]}",
            "{gateways: [{url: 'nats://h:7222'}]}",
            "{gateways: [{name: c, url: 'nats://h:7222'}]}",
            "{gateways: [{exchange: east/ns/core}]}",
            "{gateways: [{exchange: east/ns/core, account: A}]}",
            "{gateway: []}",
            "{gateways: {}}",
            "x",
        ],
    ),
];

#[test]
fn each_field_takes_for_the_schema_what_it_takes_for_the_reader() {
    let validator = validator();
    let fields: BTreeSet<&str> = VALUES.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, FIELDS.iter().copied().collect());
    let usual = exchange("nats-a", "");
    let mut differ = Vec::new();
    for (field, values) in VALUES {
        let mut told = BTreeSet::new();
        for value in *values {
            let kept = usual
                .lines()
                .filter(|line| !line.starts_with(&format!("{field}:")));
            let changed = format!("{field}: {value}");
            let text = kept
                .chain([changed.as_str(), ""])
                .collect::<Vec<_>>()
                .join("\n");
            let reads = !has_wrong_shape(&refused(&text));
            let document = document(&text).unwrap();
            let fits = validator.is_valid(&document);
            told.insert(reads);
            if reads != fits {
                differ.push(format!("{field}: {value}   reader {reads}, schema {fits}"));
            }
        }
        assert_eq!(told.len(), 2, "{field} has both right and wrong values");
    }
    assert!(differ.is_empty(), "\n{}", differ.join("\n"));
}

#[test]
fn examples_fit_the_schema() {
    let validator = validator();
    let mut files = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/exchanges"
    ))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                &mut folders
            } else {
                &mut files
            }
            .push(path);
        }
    }
    assert!(files.len() >= 3);
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let faults: Vec<String> = validator
            .iter_errors(&document(&text).unwrap())
            .map(|fault| fault.to_string())
            .collect();
        assert!(faults.is_empty(), "{}: {faults:?}", path.display());
    }
}

#[test]
fn every_field_is_described_and_its_examples_fit() {
    let schema = schema();
    let properties = schema["properties"].as_object().unwrap();
    let described: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
    assert_eq!(described, FIELDS.iter().copied().collect());
    assert_eq!(
        schema["required"],
        json!(["name", "release_name", "cluster_id", "org_ids"])
    );
    assert_eq!(schema["additionalProperties"], false);
    let validator = validator();
    let whole = document(&exchange("nats-a", "")).unwrap();
    for (field, property) in properties {
        assert!(
            property["description"]
                .as_str()
                .is_some_and(|text| text.ends_with('.')),
            "{field}"
        );
        let examples = property["examples"].as_array().into_iter().flatten();
        for example in examples.chain(property.get("default")) {
            let mut file = whole.clone();
            file[field] = example.clone();
            assert!(validator.is_valid(&file), "{field}: {example}");
        }
    }
}
