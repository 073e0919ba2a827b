//! The corpus of broken files: each says where, what, and what to write instead, and hides no other.

use std::fmt::Write as _;

use super::{exchange, resolved};
use crate::diagnostic::Severity;
use crate::reason::Reason;

#[test]
fn broken_files_tell() {
    let good = exchange("nats-good", "");
    insta::glob!("../../../tests/fixtures/broken", "*.yaml", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let file = format!("exchanges/{name}");
        let desired = resolved(&[("exchanges/good.yaml", &good), (&file, &text)]);
        assert_eq!(desired.exchanges.len(), 1, "{name} hides the other");
        assert_eq!(desired.broken.len(), 1, "{name} is accepted");
        let broken = &desired.broken[0];
        let mut told = String::new();
        for id in &broken.blocks {
            writeln!(told, "blocks {id}").unwrap();
        }
        for found in &broken.diagnostics {
            assert!(
                found.hint.is_some() && found.file.is_some(),
                "{name}: {found:?}"
            );
            let (line, column) = (found.line.unwrap(), found.column.unwrap());
            assert!(
                !found.text.contains("hunter2"),
                "{name} prints a credential"
            );
            assert!(!found.snippet.iter().any(|shown| shown.contains("hunter2")));
            if found.severity == Severity::Error {
                writeln!(
                    told,
                    "{}:{line}:{column} {}: {}",
                    file, found.reason, found.text
                )
                .unwrap();
                writeln!(told, "  hint: {}", found.hint.as_deref().unwrap()).unwrap();
                for shown in found.snippet.iter().flat_map(|shown| shown.lines()) {
                    writeln!(told, "  {shown}").unwrap();
                }
            }
        }
        insta::assert_snapshot!(told);
    });
}

#[test]
fn what_is_too_large_is_not_read() {
    let text = "a: 1\n".repeat(500_000);
    let desired = resolved(&[("exchanges/a.yaml", &text)]);
    assert_eq!(desired.broken[0].diagnostics[0].reason, Reason::TooLarge);
}

#[test]
fn the_operator_lets_privileged_values_through() {
    let file = exchange(
        "nats",
        "helm_values: {extraResources: [], container.merge.x.hostPath: a}\n",
    );
    let checkout = super::checkout(&[("exchanges/a.yaml", &file)]);
    let mut context = super::context();
    context.allow_values = vec!["extraResources".into(), "container.merge.x.hostPath".into()];
    let desired = crate::exchange::resolve(&checkout, &context, &|_| panic!("nothing is broken"));
    assert_eq!(desired.exchanges.len(), 1);
}

#[test]
fn the_base_values_may_be_privileged() {
    let file = exchange("nats", "");
    let desired = resolved(&[
        ("values.yaml", "extraResources: [{kind: X}]\n"),
        ("exchanges/a.yaml", &file),
    ]);
    assert_eq!(desired.exchanges.len(), 1);
}
