//! What plans say, in every face: a file per promise below `fixtures`, and what must hold of each of them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod canary;
mod fixture;
mod schema;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use natsx_sync::plan::action::{Action, Plan, StepKind};
use natsx_sync::plan::verify;
use natsx_sync::report::{Comment, Header, Style, Truth, plan_json, plan_markdown, plan_text};
use serde_json::Value;

use fixture::Fixture;

/// Promises that are kept here; fewer means that some were lost.
const FEWEST: usize = 60;

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans/fixtures");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

fn all() -> impl Iterator<Item = (String, Fixture)> {
    fixtures().into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, Fixture::read(&path))
    })
}

fn header(fixture: &Fixture) -> Header {
    Header {
        truth: if fixture.base.is_some() {
            Truth::Offline
        } else {
            Truth::Live
        },
        repository: "repository".to_owned(),
        dirty: fixture.dirty,
        ..Header::default()
    }
}

fn comment() -> Comment {
    Comment {
        environment: "test".to_owned(),
        max_bytes: 60_000,
    }
}

/// A document without what is empty, zero or changes with the program: what is left is what the fixture is about.
fn pruned(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| {
                !["fingerprint", "digest", "tool_version", "format_version"].contains(&key.as_str())
            })
            .map(|(key, value)| (key.clone(), pruned(value)))
            .filter(|(_, value)| {
                let empty = value.as_array().is_some_and(Vec::is_empty)
                    || value.as_object().is_some_and(serde_json::Map::is_empty);
                !(empty || value.is_null() || *value == 0 || *value == false)
            })
            .collect(),
        Value::Array(items) => items.iter().map(pruned).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn faces(fixture: &Fixture, plan: &Plan) -> [String; 3] {
    let style = Style {
        unchanged: fixture.unchanged,
        ..Style::default()
    };
    let header = header(fixture);
    [
        plan_text(plan, &header, style),
        plan_markdown(plan, &header, &comment()),
        plan_json(plan, &header),
    ]
}

#[test]
fn every_promise_is_shown_as_it_was_agreed() {
    assert!(fixtures().len() >= FEWEST, "{} fixtures", fixtures().len());
    for (name, fixture) in all() {
        let [text, markdown, json] = faces(&fixture, &fixture.plan());
        let json = pruned(&serde_json::from_str(&json).unwrap());
        let golden = format!(
            "{text}\n=== markdown ===\n{markdown}\n=== json ===\n{}\n",
            serde_json::to_string_pretty(&json).unwrap()
        );
        insta::with_settings!({description => &fixture.says, omit_expression => true, prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(name, golden);
        });
    }
}

#[test]
fn planning_twice_gives_the_same_to_the_byte() {
    for (name, fixture) in all() {
        let (once, again) = (fixture.plan(), fixture.plan());
        assert_eq!(faces(&fixture, &once), faces(&fixture, &again), "{name}");
    }
}

#[test]
fn the_order_of_files_changes_nothing() {
    for (name, mut fixture) in all() {
        let before = faces(&fixture, &fixture.plan());
        fixture.reversed = true;
        assert_eq!(before, faces(&fixture, &fixture.plan()), "{name}");
    }
}

#[test]
fn the_verifier_accepts_every_plan() {
    for (name, fixture) in all().filter(|(_, fixture)| fixture.base.is_none()) {
        let (desired, observed, policy) = fixture.world();
        let plan = fixture.plan();
        assert_eq!(
            verify(&plan, &desired, &observed, &policy),
            Ok(()),
            "{name}"
        );
    }
}

fn removals(plan: &Plan) -> Vec<String> {
    plan.exchanges
        .iter()
        .filter(|entry| matches!(entry.action, Action::Uninstall | Action::Deregister))
        .filter_map(|entry| Some(entry.id.as_ref()?.to_string()))
        .collect()
}

#[test]
fn hiding_a_cluster_adds_no_removal() {
    for (name, fixture) in all().filter(|(_, fixture)| fixture.base.is_none()) {
        let (desired, observed, policy) = fixture.world();
        let before = removals(&fixture.plan());
        for cluster in observed.clusters.keys() {
            let mut hidden = observed.clone();
            hidden
                .clusters
                .insert(cluster.clone(), Err(world::unreachable("hidden")));
            let plan = natsx_sync::plan::plan(&desired, &hidden, &policy, Fixture::now());
            for id in removals(&plan) {
                assert!(
                    before.contains(&id),
                    "{name}: {id} is removed without {cluster}"
                );
            }
        }
    }
}

#[test]
fn nothing_without_our_labels_is_touched() {
    for (name, fixture) in all().filter(|(_, fixture)| fixture.base.is_none()) {
        let (desired, mut observed, policy) = fixture.world();
        let mut strangers = Vec::new();
        for (cluster, view) in &mut observed.clusters {
            let releases = view
                .iter_mut()
                .flat_map(|view| &mut Arc::make_mut(view).releases);
            for (key, release) in releases {
                release.stamp = None;
                strangers.push(format!("{cluster}/{}/{}", key.namespace, key.release));
            }
        }
        let plan = natsx_sync::plan::plan(&desired, &observed, &policy, Fixture::now());
        for entry in &plan.exchanges {
            let id = entry.id.as_ref().map(ToString::to_string);
            let touches = entry.steps.iter().any(|step| {
                !matches!(
                    step,
                    StepKind::Register | StepKind::Deregister | StepKind::MarkDeleting
                )
            });
            let stranger = id.is_some_and(|id| strangers.contains(&id));
            assert!(!(stranger && touches), "{name}: {:?}", entry.id);
        }
    }
}

#[test]
fn eighty_columns_are_enough_for_whatever_is_not_an_identity() {
    for (name, fixture) in all() {
        let [text, _, _] = faces(&fixture, &fixture.plan());
        // The summary is one line whatever it counts, so that it can be searched for.
        let lines = text.lines().filter(|line| !line.starts_with("Plan: "));
        for line in lines.filter(|line| line.chars().count() > 80) {
            let longest = line.split(' ').map(|word| word.chars().count()).max();
            // One word that identifies, or a line of a file, is never cut.
            assert!(longest > Some(40) || line.contains(" | "), "{name}: {line}");
        }
    }
}

#[test]
fn hostile_text_steers_neither_terminal_nor_forge_nor_ci() {
    let code = regex::Regex::new("(?s)(```+)diff\n.*?\n```+|`[^`\n]+`").unwrap();
    for (name, fixture) in all() {
        let [text, markdown, json] = faces(&fixture, &fixture.plan());
        for face in [&text, &markdown, &json] {
            let steers = |sign: char| {
                (sign.is_control() && sign != '\n')
                    || ('\u{200b}'..='\u{200f}').contains(&sign)
                    || ('\u{202a}'..='\u{202e}').contains(&sign)
                    || ('\u{2066}'..='\u{2069}').contains(&sign)
            };
            assert!(!face.contains(steers), "{name}: {face}");
            assert!(!face.contains("##["), "{name}: {face}");
            assert!(
                !face.lines().any(|line| line.trim_start().starts_with("::")),
                "{name}: {face}"
            );
        }
        assert_eq!(markdown.matches("<!-- natsx-sync").count(), 1, "{name}");
        // Within code nothing is followed.
        let prose = code.replace_all(&markdown, "");
        assert!(
            !prose.contains("<img") && !prose.contains("@all"),
            "{name}: {prose}"
        );
    }
}

#[test]
fn a_comment_keeps_to_its_budget_and_says_what_it_leaves_out() {
    let mut levels = std::collections::BTreeSet::new();
    for (name, fixture) in all() {
        let (plan, header) = (fixture.plan(), header(&fixture));
        for max_bytes in (700..5_000).step_by(100).chain([60_000]) {
            let comment = Comment {
                max_bytes,
                ..comment()
            };
            let text = plan_markdown(&plan, &header, &comment);
            assert!(text.len() <= max_bytes.max(1_000), "{name}: {}", text.len());
            assert!(text.starts_with("<!-- natsx-sync plan test -->\n### natsx-sync plan: "));
            let said = text.lines().find(|line| line.starts_with("> Left out"));
            levels.insert(said.map(|line| line.split(": ").nth(1).unwrap().to_owned()));
        }
    }
    assert_eq!(levels.len(), 5, "{levels:?}");
}

#[test]
fn the_schema_fits_every_plan() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/plan.schema.json")).unwrap();
    let validator = schema::strict(&schema);
    for (name, fixture) in all() {
        let [_, _, json] = faces(&fixture, &fixture.plan());
        let document: Value = serde_json::from_str(&json).unwrap();
        let faults = validator.iter_errors(&document);
        let faults: Vec<String> = faults
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    }
}
