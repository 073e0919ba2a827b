//! What a change does to running servers.

use serde_json::{Value, json};

use super::world::*;
use crate::id::ExchangeId;
use crate::observe::observed::{Observed, Render, Rendered};
use crate::plan::action::{Action, Effect, EffectsFrom, Plan, PlannedExchange};
use crate::plan::plan;
use crate::plan::policy::Policy;
use crate::reason::Reason;

fn set(replicas: u64, label: &str, containers: &[&str]) -> Value {
    let containers: Vec<Value> = containers
        .iter()
        .map(|name| json!({"name": name}))
        .collect();
    json!({
        "metadata": {"name": "orders"},
        "spec": {
            "replicas": replicas,
            "template": {"metadata": {"labels": {"is": label}}, "spec": {"containers": containers}},
        },
    })
}

const BOTH: [&str; 2] = ["nats", "reloader"];

/// A world where `orders` runs with these objects.
fn running(old: &Value, sets: Vec<Value>, configuration: &str) -> Observed {
    let mut world = observed([&exchange("orders", old.clone())]);
    let stored = release(&mut world, "orders").stored.as_mut().unwrap();
    stored.stateful_sets = sets;
    stored.configuration = vec![json!({"nats.conf": configuration})];
    world
}

fn planned(world: &Observed, new: Value) -> PlannedExchange {
    let mut plan = plan(
        &desired([exchange("orders", new)]),
        world,
        &Policy::default(),
        now(),
    );
    plan.exchanges.remove(0)
}

fn upgraded(old: Value, new: Value, configuration: &str) -> PlannedExchange {
    let mut world = running(
        &json!({"config": {"merge": {"debug": false}}}),
        vec![old],
        "a",
    );
    let rendered = Rendered {
        stateful_sets: vec![new],
        configuration: vec![json!({"nats.conf": configuration})],
        ..Rendered::default()
    };
    world
        .renders
        .insert(id("orders"), Render::Rendered(rendered));
    planned(&world, json!({"config": {"merge": {"debug": true}}}))
}

#[test]
fn rendered_objects_decide() {
    let same = || set(3, "a", &BOTH);
    let entry = upgraded(same(), same(), "b");
    assert_eq!(entry.effects, [Effect::ReloadsConfig]);
    assert_eq!(entry.effects_from, Some(EffectsFrom::Rendered));
    assert!(!entry.text.contains("estimated"), "{}", entry.text);
    assert_eq!(upgraded(same(), same(), "a").effects, []);
    let restarting = upgraded(same(), set(3, "b", &BOTH), "b");
    assert_eq!(restarting.effects, [Effect::RestartsPods]);
    let growing = upgraded(same(), set(5, "a", &BOTH), "b");
    assert_eq!(growing.effects, [Effect::ReloadsConfig, Effect::ScalesUp]);
    let shrinking = upgraded(same(), set(1, "a", &BOTH), "b");
    assert_eq!(
        shrinking.effects,
        [Effect::ReloadsConfig, Effect::ScalesDown]
    );
}

#[test]
fn a_configuration_nobody_loads_is_said() {
    let alone = || set(3, "a", &["nats"]);
    let entry = upgraded(alone(), alone(), "b");
    assert_eq!(entry.effects, []);
    assert_eq!(entry.diagnostics[0].reason, Reason::ReloaderOff);
}

#[test]
fn values_that_cannot_be_rendered_hold_the_exchange() {
    let mut world = running(&json!({}), vec![set(1, "a", &BOTH)], "a");
    let refused = || Render::Refused("helm template: Error: execution error".to_owned());
    world.renders.insert(id("orders"), refused());
    world.renders.insert(id("new"), refused());
    let entry = planned(&world, json!({"container": {"env": {"A": 1}}}));
    assert_eq!(entry.reason, Reason::RenderFailed);
    assert!(entry.text.contains("execution error"));
    let fresh = plan(
        &desired([exchange("new", json!({"container": {"env": {"A": 1}}}))]),
        &world,
        &Policy::default(),
        now(),
    );
    let entry = fresh
        .exchanges
        .iter()
        .find(|entry| entry.id == Some(id("new")))
        .unwrap();
    assert_eq!(
        (entry.action, entry.reason),
        (Action::Blocked, Reason::RenderFailed)
    );
    assert_eq!(entry.steps, []);
}

#[test]
fn estimates_say_why_and_ask_to_be_rendered() {
    let mut world = running(&json!({}), vec![set(1, "a", &BOTH)], "a");
    let new = json!({"config": {"merge": {"debug": true}}});
    let entry = planned(&world, new.clone());
    assert_eq!(entry.effects, [Effect::ReloadsConfig]);
    assert_eq!(entry.effects_from, Some(EffectsFrom::Table));
    world.renders.insert(
        id("orders"),
        Render::Missing("chart not at hand".to_owned()),
    );
    let entry = planned(&world, new);
    assert!(entry.text.ends_with("effects estimated: chart not at hand"));
    let plan = Plan {
        exchanges: vec![entry],
        ..Plan::default()
    };
    let wanted: Vec<&ExchangeId> = plan.to_render(false).collect();
    assert_eq!(wanted, [&id("orders")]);
}

#[test]
fn a_checksum_among_the_annotations_turns_reloads_into_restarts() {
    let world = running(&json!({}), vec![set(1, "a", &BOTH)], "a");
    let entry = planned(
        &world,
        json!({"config": {"merge": {"debug": true}}, "podTemplate": {"configChecksumAnnotation": true}}),
    );
    assert_eq!(entry.effects, [Effect::RestartsPods]);
}
