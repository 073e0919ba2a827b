//! Secrets of every shape in every place: none may be found in any face.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use natsx_sync::diagnostic::Diagnostic;
use natsx_sync::exchange::desired::{Desired, Suspend};
use natsx_sync::observe::observed::{Observed, ReleaseView, Render};
use natsx_sync::packed::Packed;
use natsx_sync::plan::policy::Policy;
use natsx_sync::reason::Reason;
use natsx_sync::report::{
    Header, Style, UNBOUNDED, diagnostics_json, diagnostics_text, plan_json, plan_markdown,
    plan_text,
};
use serde_json::{Value, json};

use crate::fixture::Fixture;
use crate::world::unreachable;

/// A text with a secret in it, and the secret.
fn shapes() -> Vec<(String, String)> {
    let base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRSTUVWX";
    let mixed = "Zk3vQ9xT1mB7yR5wN2cL8dH4jF6gS0pA";
    let mut shapes: Vec<(String, String)> = Vec::new();
    let mut whole = |text: String| shapes.push((text.clone(), text));
    for kind in ["SU", "SA", "SO", "SN", "SC", "SX"] {
        whole(format!("{kind}{base32}"));
    }
    for cost in [
        "$2a$11$",
        "$2b$12$",
        "$2y$10$",
        "$6$salt$",
        "$argon2id$v=19$m=1$",
        "$apr1$x$",
    ] {
        whole(format!("{cost}{mixed}"));
    }
    for prefix in [
        "ghp_",
        "gho_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "sk_live_",
        "rk_test_",
        "AIza",
        "npm_",
        "hvs.",
        "dop_v1_",
        "pypi-",
        "ya29.",
        "sk-",
    ] {
        whole(format!("{prefix}{mixed}"));
    }
    whole("AKIAABCDEFGHIJKLMNOP".to_owned());
    whole(format!("eyJhbGciOiJFZDI1NTE5In0.{mixed}.{mixed}"));
    whole(mixed.to_owned());
    for (before, after) in [
        (
            "-----BEGIN RSA PRIVATE KEY-----\n",
            "\n-----END RSA PRIVATE KEY-----",
        ),
        (
            "-----BEGIN EC PRIVATE KEY-----\n",
            "\n-----END EC PRIVATE KEY-----",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\n",
            "\n-----END PRIVATE KEY-----",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", ""),
        (
            "-----BEGIN USER NKEY SEED-----\n",
            "\n------END USER NKEY SEED------",
        ),
        (
            "-----BEGIN NATS USER JWT-----\n",
            "\n------END NATS USER JWT------",
        ),
    ] {
        shapes.push((
            format!("{before}MIICWwIBAAKBgQ{after}"),
            "MIICWwIBAAKBgQ".to_owned(),
        ));
    }
    for (before, after) in [
        ("nats://user:", "@host:4222"),
        ("tls://", "@host:4222"),
        ("postgres://me:", "@db/x"),
        ("password: ", ""),
        ("token = \"", "\""),
        ("https://host/x?api_key=", "&y=1"),
        ("Authorization: Bearer ", ""),
        ("{\"secret\":\"", "\"}"),
    ] {
        shapes.push((
            format!("{before}hunter2-word{after}"),
            "hunter2-word".to_owned(),
        ));
    }
    shapes
}

type Put = fn(&mut Desired, &mut Observed, &mut Policy, &str);

fn old_values(world: &mut Observed, values: Value) {
    release(world).stored.as_mut().unwrap().values = values;
}

fn release(world: &mut Observed) -> &mut ReleaseView {
    let view = world.clusters.get_mut(&"east".parse().unwrap()).unwrap();
    let view = Arc::make_mut(view.as_mut().unwrap());
    view.releases.values_mut().next().unwrap()
}

fn wanted(desired: &mut Desired) -> &mut natsx_sync::exchange::desired::DesiredExchange {
    Arc::make_mut(desired.exchanges.values_mut().next().unwrap())
}

/// The places a secret may stand in. What is not refused by its file comes from releases, records and answers.
const PLACES: [(&str, Put); 13] = [
    ("a key that names it", |_, world, _, secret| {
        old_values(world, json!({"config": {"password": secret}}));
    }),
    ("a key that says nothing", |desired, _, _, secret| {
        wanted(desired).values = Packed::of(&json!({"container": {"note": secret}}));
    }),
    ("a list of users", |_, world, _, secret| {
        old_values(
            world,
            json!({"config": {"merge": {"users": [{"user": "a", "password": secret}]}}}),
        );
    }),
    ("a block of configuration", |desired, _, _, secret| {
        let block = format!("port: 4222\nleafnodes {{\n  note: x\n  {secret}\n}}\n");
        wanted(desired).values = Packed::of(&json!({"config": {"merge": {"block": block}}}));
    }),
    ("an address", |_, world, _, secret| {
        old_values(
            world,
            json!({"config": {"routes": [format!("nats://me:{secret}@host:4222")]}}),
        );
    }),
    ("metadata", |desired, _, _, secret| {
        wanted(desired)
            .metadata
            .change(|metadata| drop(metadata.insert("note".to_owned(), Value::from(secret))));
    }),
    ("a name", |desired, _, _, secret| {
        wanted(desired).name = format!("Orders {secret}");
    }),
    ("a record", |_, world, _, secret| {
        let records = &mut Arc::make_mut(world.registry.as_mut().unwrap()).records;
        records.values_mut().next().unwrap()[0].name = Some(secret.to_owned());
    }),
    ("helm's refusal", |desired, world, _, secret| {
        old_values(world, json!({}));
        let id = wanted(desired).id.clone();
        world
            .renders
            .insert(id, Render::Refused(format!("error near {secret}: no")));
    }),
    ("a cluster's answer", |_, world, _, secret| {
        let text = format!("the server said {secret}");
        world
            .clusters
            .insert("east".parse().unwrap(), Err(unreachable(&text)));
    }),
    ("a reason somebody gave", |desired, _, policy, secret| {
        let suspend = Suspend {
            reason: format!("see {secret}"),
            until: None,
        };
        policy.suspended.insert(wanted(desired).id.clone(), suspend);
    }),
    ("a key of a map", |desired, _, _, secret| {
        wanted(desired).values = Packed::of(&json!({"container": {secret: "x"}}));
    }),
    ("a finding", |desired, _, _, secret| {
        let finding = Diagnostic::warning(Reason::UnknownValue, format!("there is {secret}"))
            .hint(format!("not {secret}"))
            .in_file(format!("exchanges/{secret}.yaml"));
        wanted(desired).diagnostics.push(finding.clone());
        desired.diagnostics.push(finding);
    }),
];

fn base() -> Fixture {
    let orders = json!({"orders": {"helm_values": {"config": {"cluster": {"enabled": true}}}}});
    serde_json::from_value(json!({
        "says": "", "head": orders, "released": orders, "unchanged": true,
    }))
    .unwrap()
}

fn faces(desired: &Desired, world: &Observed, policy: &Policy) -> String {
    let plan = natsx_sync::plan::plan(desired, world, policy, Fixture::now());
    let style = Style {
        unchanged: true,
        ..Style::default()
    };
    let header = Header::default();
    [
        plan_text(&plan, &header, style),
        plan_markdown(&plan, &header, &crate::comment()),
        plan_json(&plan, &header),
        diagnostics_text(&desired.diagnostics, false, UNBOUNDED),
        diagnostics_json(&desired.diagnostics),
        format!("{plan:?}"),
    ]
    .join("\n")
}

#[test]
fn no_secret_of_any_shape_gets_out_of_any_place() {
    let shapes = shapes();
    assert!(shapes.len() >= 40, "{}", shapes.len());
    let mut leaks = Vec::new();
    for (text, secret) in &shapes {
        for (place, put) in PLACES {
            for (how, text) in [("", text.clone()), (" in base64", STANDARD.encode(text))] {
                let (mut desired, mut world, mut policy) = base().world();
                put(&mut desired, &mut world, &mut policy, &text);
                wanted(&mut desired).digest = natsx_sync::id::Digest::of(text.as_bytes());
                let shown = faces(&desired, &world, &policy);
                let secret = secret.trim();
                let spellings = [secret.to_owned(), STANDARD.encode(text.as_bytes()), text];
                let found = spellings.iter().find(|spelling| {
                    let quoted = Value::from(spelling.as_str()).to_string();
                    shown.contains(spelling.as_str()) || shown.contains(quoted.trim_matches('"'))
                });
                if let Some(found) = found {
                    leaks.push(format!("{found:?} in {place}{how}"));
                }
            }
        }
    }
    assert!(
        leaks.is_empty(),
        "{} leaks:\n{}",
        leaks.len(),
        leaks.join("\n")
    );
}

#[test]
fn a_known_secret_is_hidden_where_it_stands_without_a_name() {
    let (mut desired, mut world, policy) = base().world();
    let secret = "correct-horse";
    old_values(
        &mut world,
        json!({"config": {"merge": {"password": secret}}}),
    );
    wanted(&mut desired).values = Packed::of(
        &json!({"container": {"note": format!("it is {secret}, or {}", STANDARD.encode(secret))}}),
    );
    wanted(&mut desired).name = format!("the {secret} exchange");
    wanted(&mut desired).digest = natsx_sync::id::Digest::of(b"other");
    let shown = faces(&desired, &world, &policy);
    assert!(
        !shown.contains(secret) && !shown.contains(&STANDARD.encode(secret)),
        "{shown}"
    );
    assert!(shown.contains("the (sensitive #1) exchange"), "{shown}");
}
