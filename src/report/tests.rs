use serde_json::json;

use super::*;
use crate::diagnostic::Diagnostic;
use crate::plan::plan_offline;
use crate::plan::tests::world::{desired, exchange};

fn sample() -> Plan {
    let mut hostile = exchange(
        "orders",
        json!({"note": "a\u{1b}[31mred\u{202e}", "password": "hunter2"}),
    );
    hostile.name = "evil\nPlan: 0".to_owned();
    plan_offline(
        &desired([
            hostile,
            exchange("trades", json!({"config": {"cluster": {"enabled": true}}})),
        ]),
        None,
    )
}

#[test]
fn text_is_harmless_and_keeps_secrets() {
    let text = plan_text(&sample(), &Header::default(), Style::default());
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}'),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    assert!(
        text.ends_with(
            "Plan: 2 to install, 0 to upgrade, 0 to uninstall, 0 unchanged (2 in all).\n"
        ),
        "{text}"
    );
}

#[test]
fn text_fits_eighty_columns() {
    let mut plan = sample();
    let why = crate::observe::observed::Unreadable {
        reason: Reason::ClusterUnreachable,
        text: "a word ".repeat(40),
    };
    plan.unreadable.insert("east".to_owned(), why);
    let text = plan_text(&plan, &Header::default(), Style::default());
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn json_adds_up_and_keeps_secrets() {
    let text = plan_json(
        &sample(),
        &Header {
            truth: Truth::Offline,
            ..Header::default()
        },
    );
    assert!(!text.contains("hunter2"));
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["format_version"], "1.0");
    assert_eq!(value["truth"], "offline");
    let sum: u64 = value["summary"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(sum, value["exchanges"].as_array().unwrap().len() as u64);
    assert_eq!(value["exchanges"][0]["guard"], Value::Null);
}

#[test]
fn documents_steer_nobody_and_stay_exact() {
    let text = "a\u{1b}[2J\u{7f}\u{9b}31m\u{202e}b\u{e0041} ##[error]x ##vso[task]y é 日本 # ## \n";
    let document = json!({text: [text, {"x": text}]});
    let shown = json_text(&document).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), document);
    assert!(!shown.contains(|sign: char| (sign.is_control() && sign != '\n') || sign > '\u{ff00}'));
    for hostile in ["##[", "##vso", "\u{202e}"] {
        assert!(!shown.contains(hostile), "{shown}");
    }
    assert!(shown.contains("é 日本 # ##"), "{shown}");
}

#[test]
fn codes_follow_their_precedence() {
    use Category::{Changes, Done, Failed, Guarded, Incomplete, Stale};
    assert_eq!(
        code_of([Done, Changes, Incomplete, Stale, Guarded, Failed]),
        1
    );
    assert_eq!(code_of([Done, Changes, Incomplete, Stale, Guarded]), 5);
    assert_eq!(code_of([Done, Changes, Incomplete, Stale]), 4);
    assert_eq!(code_of([Done, Changes, Incomplete]), 3);
    assert_eq!(code_of([Done, Changes]), 2);
    assert_eq!(code_of([Done]), 0);
    assert_eq!(exit_code(&sample(), true), 2);
    assert_eq!(exit_code(&sample(), false), 0);
}

#[test]
fn findings_show_place_and_hint() {
    let finding = Diagnostic::error(Reason::UnknownField, "no field nmae")
        .at("exchanges/a.yaml", 3, 1)
        .hint("name");
    assert_eq!(
        diagnostics_text(&[finding], false, UNBOUNDED),
        "exchanges/a.yaml:3:1: error UnknownField: no field nmae\n    hint: name\n"
    );
}

#[test]
fn findings_are_folded_at_what_a_terminal_shows_of_them() {
    let text = "\"Nats_A\" is not a valid release_name";
    let finding = Diagnostic::error(Reason::InvalidValue, text).at("exchanges/a.yaml", 2, 15);
    for color in [false, true] {
        let shown = |width| diagnostics_text(std::slice::from_ref(&finding), color, width);
        let (fits, folded) = (shown(79), shown(78));
        assert_eq!(fits.lines().count(), 1, "{fits}");
        assert!(folded.ends_with("valid\n  release_name\n"), "{folded}");
    }
}
