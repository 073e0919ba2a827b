//! Files that break each other, and what they block.

use std::collections::BTreeMap;

use super::{checkout, context, exchange, resolved};
use crate::exchange::{LastDeclared, declare, resolve};
use crate::reason::Reason;
use crate::source::checkout::UnreadableFile;

fn reasons(desired: &crate::exchange::desired::Desired) -> Vec<Reason> {
    let broken = desired.broken.iter();
    broken
        .map(|broken| {
            broken
                .diagnostics
                .iter()
                .find(|found| found.severity == crate::diagnostic::Severity::Error)
                .unwrap()
                .reason
        })
        .collect()
}

#[test]
fn one_identity_twice_breaks_both() {
    let file = exchange("nats", "");
    let other = exchange("nats-other", "");
    let desired = resolved(&[
        ("exchanges/a.yaml", &file),
        ("exchanges/b.yml", &file),
        ("exchanges/c.yaml", &other),
    ]);
    assert_eq!(reasons(&desired), [Reason::DuplicateExchange; 2]);
    assert!(
        desired.broken[0]
            .diagnostics
            .iter()
            .any(|found| found.text.contains("exchanges/b.yml"))
    );
    assert_eq!(desired.exchanges.len(), 1);
    assert!(desired.broken.iter().all(|broken| broken.blocks.len() == 1));
    assert!(desired.incomplete.is_empty());
}

#[test]
fn objects_of_one_name_break_both() {
    let one = exchange("foo", "");
    let two = exchange("foo-nats", "");
    let desired = resolved(&[("exchanges/a.yaml", &one), ("exchanges/b.yaml", &two)]);
    assert_eq!(reasons(&desired), [Reason::ObjectCollision; 2]);
    let elsewhere = exchange("foo-nats", "namespace: elsewhere\n");
    let desired = resolved(&[("exchanges/a.yaml", &one), ("exchanges/b.yaml", &elsewhere)]);
    assert_eq!(desired.exchanges.len(), 2);
    let headless = exchange("foo-nats-headless", "");
    let desired = resolved(&[("exchanges/a.yaml", &one), ("exchanges/b.yaml", &headless)]);
    assert_eq!(reasons(&desired), [Reason::ObjectCollision; 2]);
}

/// Otherwise the second error would appear when the first is mended.
#[test]
fn files_are_compared_although_one_is_broken() {
    let broken = "system_id: key\nprotect: 'true'\n";
    let (one, two) = (
        exchange("foo", broken),
        exchange("foo-nats", "system_id: key\n"),
    );
    let desired = resolved(&[("exchanges/a.yaml", &one), ("exchanges/b.yaml", &two)]);
    for file in &desired.broken {
        for reason in [Reason::DuplicateExchange, Reason::ObjectCollision] {
            let mut found = file.diagnostics.iter();
            assert!(
                found.any(|found| found.reason == reason),
                "{reason}: {file:#?}"
            );
        }
    }
    assert_eq!(desired.broken.len(), 2);

    // What cannot be read is in nobody's way.
    let torn = exchange("foo", "system_id: [\n");
    let desired = resolved(&[("exchanges/a.yaml", &torn), ("exchanges/b.yaml", &two)]);
    assert_eq!(desired.broken.len(), 1, "{:#?}", desired.broken);
}

#[test]
fn circles_break_their_members_only() {
    let one = exchange("nats-a", "depends_on: [east/communication/nats-b]\n");
    let two = exchange("nats-b", "depends_on: [east/communication/nats-a]\n");
    let three = exchange(
        "nats-c",
        "depends_on: [east/communication/nats-a, east/communication/nats-typo]\n",
    );
    let desired = resolved(&[
        ("exchanges/a.yaml", &one),
        ("exchanges/b.yaml", &two),
        ("exchanges/c.yaml", &three),
    ]);
    assert_eq!(reasons(&desired), [Reason::InvalidValue; 2]);
    let free = desired.exchanges.values().next().unwrap();
    assert_eq!(free.id.release.as_str(), "nats-c");
    assert!(
        free.diagnostics
            .iter()
            .any(|found| found.text.contains("nats-typo"))
    );
}

#[test]
fn a_broken_file_blocks_what_it_names_and_named() {
    let file = exchange("nats-new", "wrong: 1\n");
    let checkout = checkout(&[("exchanges/a.yaml", &file)]);
    let desired = resolve(&checkout, &context(), &|_| {
        let old = LastDeclared::Exchange("east/communication/nats-old".parse().unwrap());
        BTreeMap::from([("exchanges/a.yaml".to_owned(), old)])
    });
    let blocks: Vec<String> = desired.broken[0]
        .blocks
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        blocks,
        ["east/communication/nats-new", "east/communication/nats-old"]
    );
    assert!(desired.incomplete.is_empty());
    let desired = resolve(&checkout, &context(), &|_| BTreeMap::new());
    assert_eq!(desired.incomplete[0].reason, Reason::SourceIncomplete);
}

#[test]
fn a_broken_file_without_identity_stops_removals() {
    let desired = resolved(&[("exchanges/a.yaml", "release_name: [")]);
    assert_eq!(desired.incomplete.len(), 1);
    assert!(desired.broken[0].blocks.is_empty());
}

#[test]
fn broken_shared_values_block_who_uses_them() {
    let with = exchange("nats-with", "profiles: [p]\n");
    let without = exchange("nats-without", "");
    let files = [
        ("profiles/p.yaml", "a: [\n"),
        ("exchanges/a.yaml", with.as_str()),
        ("exchanges/b.yaml", without.as_str()),
    ];
    let desired = resolved(&files);
    assert_eq!(desired.exchanges.len(), 1);
    assert_eq!(desired.broken[0].file, "profiles/p.yaml");
    assert_eq!(desired.broken[0].blocks.len(), 1);
    assert_eq!(desired.incomplete.len(), 1);
    let mut unreadable = checkout(&files[1..]);
    unreadable.unreadable.push(UnreadableFile {
        path: "values.yaml".into(),
        text: "a symbolic link".into(),
    });
    let desired = resolve(&unreadable, &context(), &|paths| {
        paths
            .iter()
            .map(|path| (path.clone(), LastDeclared::Never))
            .collect()
    });
    assert!(desired.exchanges.is_empty());
    assert_eq!(desired.broken[0].blocks.len(), 2);
}

#[test]
fn old_files_are_read_without_judging_values() {
    let file = exchange(
        "nats",
        "protect: true\nhelm_values: {extraResources: [{}], x: 1}\n",
    );
    let (id, terms) = declare("exchanges/a.yaml", file.as_bytes()).unwrap();
    assert_eq!(id.to_string(), "east/communication/nats");
    assert!(terms.protect);
    assert!(declare("exchanges/a.yaml", exchange("nats", "nope: 1\n").as_bytes()).is_none());
    assert!(declare("exchanges/a.yaml", b"").is_none());
}

#[test]
fn public_urls_are_those_of_the_original() {
    let urls = |more: &str, cluster: &str| {
        let file = exchange("nats", more).replace("east", cluster);
        resolved(&[("exchanges/a.yaml", &file)])
            .exchanges
            .into_values()
            .next()
            .unwrap()
            .public_url
            .clone()
    };
    assert_eq!(
        urls("", "east").as_deref(),
        Some("https://nats.example.org/nats/nats")
    );
    assert_eq!(urls("", "west"), None);
    assert_eq!(
        urls("public_url: https://x.org/y\n", "west").as_deref(),
        Some("https://x.org/y")
    );
}
