use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::exchange::desired::DesiredExchange;
use crate::packed::Packed;
use crate::plan::action::{Action, Plan, PlannedExchange, ValueOp};
use crate::plan::plan;
use crate::plan::tests::changes::{CHANGES, upgrade};
use crate::plan::tests::properties::{build, fate};
use crate::plan::tests::world::*;
use crate::reason::Reason;

fn picture(world: &Observed) -> Snapshot {
    let policy = Policy::default();
    let ground = Ground {
        chart: ChartRef {
            name: "nats".to_owned(),
            version: "2.14.2".to_owned(),
        },
        hosts: BTreeMap::from([("prod".parse().unwrap(), "prod.example.org".to_owned())]),
        allow_values: Vec::new(),
        severities: crate::exchange::Severities::default(),
        prune: policy.prune,
        max_delete: policy.max_delete_percent,
        helm_timeout: policy.helm_timeout.as_secs(),
    };
    Snapshot::new(world.clone(), policy.instance, ground, now())
}

/// As it is after a journey through a file; what git knows is the same.
fn seen_again(desired: &Desired, world: &Observed) -> (Observed, Policy) {
    let text = picture(world).to_text().unwrap();
    let snapshot = Recorded::read("world.json", text.clone().into_bytes()).unwrap();
    let policy = snapshot.policy(&BTreeSet::new());
    let again = Observed {
        proofs: world.proofs.clone(),
        ancestry: world.ancestry.clone(),
        ..snapshot.into_observed(desired).unwrap()
    };
    (again, policy)
}

fn plans(desired: &Desired, world: &Observed) -> (Plan, Plan) {
    let (again, policy) = seen_again(desired, world);
    let live = plan(desired, world, &Policy::default(), now());
    (live, plan(desired, &again, &policy, now()))
}

/// The plan of `orders`, when `old` is released and `new` is wanted.
fn change(old: &Value, new: &Value, release: fn(&mut Observed)) -> PlannedExchange {
    let mut world = observed([&exchange("orders", old.clone())]);
    release(&mut world);
    let (_, plan) = plans(&desired([exchange("orders", new.clone())]), &world);
    plan.exchanges[0].clone()
}

fn told(entry: &PlannedExchange) -> String {
    let values = entry.values.iter().map(|change| {
        let sign = match change.op {
            ValueOp::Add => '+',
            ValueOp::Replace => '~',
            ValueOp::Remove => '-',
        };
        let secret = if change.sensitive { "*" } else { "" };
        format!(" {sign}{}{secret}", change.path.join("."))
    });
    let values: String = values.collect();
    format!("{} {}{values}", entry.action.word(), entry.reason)
}

fn users(password: &str) -> Value {
    json!({"config": {"merge": {"authorization": {"password": password}, "note": "x"}}})
}

#[test]
fn unknown_is_no_change_and_a_change_among_the_unknown_is_told() {
    let none: fn(&mut Observed) = |_| {};
    let other = json!({"config": {"merge": {"authorization": {"password": "b"}, "note": "y"}}});
    let without = json!({"config": {"merge": {"note": "x"}}});
    let say = |new: &Value| told(&change(&users("a"), new, none));
    assert_eq!(say(&users("a")), "none UpToDate");
    assert_eq!(
        say(&users("b")),
        "upgrade ValuesChanged ~config.merge.authorization.password*"
    );
    assert_eq!(say(&other), "upgrade ValuesChanged ~config.merge.note");
    assert_eq!(
        say(&without),
        "upgrade ValuesChanged -config.merge.authorization.password*"
    );
    assert_eq!(
        told(&change(&without, &users("a"), none)),
        "upgrade ValuesChanged +config.merge.authorization.password*"
    );
    // Whether somebody else changed the password too is not known.
    let by_others = |world: &mut Observed| release(world, "orders").revision = 2;
    assert_eq!(
        told(&change(&users("a"), &users("b"), by_others)),
        "repair StampOutdated"
    );
}

#[test]
fn a_record_is_compared_as_far_as_it_is_shown() {
    let with = |token: &str, tier: &str| {
        let mut one = exchange("orders", json!({}));
        let metadata = json!({"token": token, "contact": {"password": token, "tier": tier}});
        one.metadata = Packed::of(metadata.as_object().unwrap());
        one
    };
    let world = observed([&with("canary", "gold")]);
    let say = |new: DesiredExchange| {
        let (_, plan) = plans(&desired([new]), &world);
        let changes = plan.exchanges[0]
            .registry
            .clone()
            .map(|change| change.changes);
        let changes = changes.iter().flatten().map(|change| {
            let sign = match change.op {
                ValueOp::Add => '+',
                ValueOp::Replace => '~',
                ValueOp::Remove => '-',
            };
            let hidden = if change.sensitive { "*" } else { "" };
            format!("{sign}{}{hidden}", change.path.join("."))
        });
        (plan.exchanges[0].reason, changes.collect::<Vec<_>>())
    };
    assert_eq!(say(with("canary", "gold")).0, Reason::UpToDate);
    assert_eq!(say(with("other", "gold")).0, Reason::UpToDate);
    assert_eq!(
        say(with("other", "lead")),
        (
            Reason::RecordDiffers,
            vec!["~metadata.contact.tier".to_owned()]
        )
    );
    let mut bare = with("canary", "gold");
    bare.metadata
        .change(|metadata| drop(metadata.remove("token")));
    assert_eq!(say(bare).1, ["-metadata.token*"]);
}

#[test]
fn every_kind_of_change_is_planned_as_if_seen_now() {
    for (name, _, change) in CHANGES {
        let (mut desired, mut world) = upgrade();
        change(&mut desired, &mut world);
        let (live, again) = plans(&desired, &world);
        assert_eq!(again.exchanges, live.exchanges, "{name}");
        assert_eq!(again.unreadable, live.unreadable, "{name}");
    }
}

#[test]
fn what_could_not_be_read_stays_unreadable() {
    let (desired, mut world) = upgrade();
    let why = Unreadable {
        reason: Reason::ClusterUnreachable,
        text: "timed out".to_owned(),
    };
    world
        .clusters
        .insert("prod".parse().unwrap(), Err(why.clone()));
    world.registry = Err(why);
    assert_eq!(picture(&world).unreadable().count(), 2);
    let (live, again) = plans(&desired, &world);
    assert_eq!(again.exchanges[0].action, Action::Unreadable);
    assert_eq!(again.exchanges, live.exchanges);
}

#[test]
fn no_secret_is_in_it() {
    let seed = format!("SU{}", "A".repeat(54));
    let jwt = "eyJhbGciOiJlZDI1NTE5In0.eyJqdGkiOiJjYW5hcnkifQ.c2lnbmF0dXJl";
    let secrets = [
        "canary-1",
        "$2a$11$canarycanarycanarycanary",
        &seed,
        jwt,
        "nats://user:canary@host:4222",
        "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----",
    ];
    for secret in secrets {
        let mut one = exchange(
            "orders",
            json!({
                "config": {"merge": {
                    "authorization": {"password": secret, "users": [{"user": "a", "password": secret}]},
                    "accounts": {"A": {"token": secret, "deep": {"jwt": secret}}},
                }},
                "container": {"env": {"DB_PASSWORD": secret}},
            }),
        );
        one.metadata
            .change(|metadata| drop(metadata.insert("token".to_owned(), secret.into())));
        let mut world = observed([&one]);
        let env = json!([{"name": "DB", "value": secret}]);
        let set = json!({
            "kind": "StatefulSet",
            "metadata": {"name": "orders", "annotations": {"note": secret}},
            "spec": {"replicas": 3, "template": {"spec": {"containers": [{"env": env}]}}},
        });
        let stored = release(&mut world, "orders").stored.as_mut().unwrap();
        stored.stateful_sets = vec![set];
        let mut foreign = world.clone();
        release(&mut foreign, "orders").stamp = None;
        for world in [world, foreign] {
            let text = picture(&world).to_text().unwrap();
            let escaped = Value::from(secret).to_string();
            assert!(!text.contains(secret), "{text}");
            assert!(!text.contains(escaped.trim_matches('"')), "{text}");
            assert!(!text.contains("canary"), "{text}");
        }
    }
}

#[test]
fn a_file_keeps_its_form() {
    let mut one = exchange("orders", users("canary"));
    one.metadata
        .change(|metadata| drop(metadata.insert("token".to_owned(), "canary".into())));
    let mut world = observed([&one]);
    let stored = release(&mut world, "orders").stored.as_mut().unwrap();
    stored.stateful_sets = vec![json!({
        "kind": "StatefulSet",
        "metadata": {"name": "orders", "labels": {}},
        "spec": {"replicas": 1, "serviceName": "orders-headless", "template": {}},
    })];
    let why = Unreadable {
        reason: Reason::ClusterUnreachable,
        text: "10.0.0.1: timed out".to_owned(),
    };
    world.clusters.insert("west".parse().unwrap(), Err(why));
    let text = picture(&world).to_text().unwrap();
    let version = format!("\"tool_version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let filters = vec![
        (version.as_str(), "\"tool_version\": \"VERSION\""),
        (r#""checksum": "[0-9a-f]{64}""#, r#""checksum": "CHECKSUM""#),
    ];
    insta::with_settings!({filters => filters}, { insta::assert_snapshot!(text) });
}

#[test]
fn an_old_picture_is_refused_and_so_is_one_of_tomorrow() {
    let text = picture(&observed([])).to_text().unwrap();
    let snapshot = Recorded::read("world.json", text.clone().into_bytes()).unwrap();
    let hour = Duration::from_secs(3600);
    let at = |time: &str| snapshot.check_age(hour, time.parse().unwrap());
    assert_eq!(at("2026-01-01T12:59:59Z"), Ok(()));
    assert_eq!(at("2026-01-01T11:56:00Z"), Ok(()));
    let old = at("2026-01-01T13:00:01Z").unwrap_err().to_string();
    assert!(old.contains("at 2026-01-01T12:00:00Z, 1h 1s ago"), "{old}");
    assert!(old.contains("--max-age is 1h"), "{old}");
    let ahead = at("2026-01-01T11:54:00Z").unwrap_err();
    assert!(matches!(ahead, AgeError::Ahead { .. }));
}

proptest! {
    #[test]
    fn any_world_is_planned_as_if_seen_now(fates in prop::collection::vec(fate(), 0..9)) {
        let (desired, mut world) = build(&fates);
        // Releases of others are not decoded.
        for release in world.clusters.values_mut().flatten().flat_map(|view| Arc::make_mut(view).releases.values_mut()) {
            release.stored = release.stored.take().filter(|_| release.stamp.is_some());
        }
        let (live, again) = plans(&desired, &world);
        prop_assert_eq!(again.exchanges, live.exchanges);
    }
}
