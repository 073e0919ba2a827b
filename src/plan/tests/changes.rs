//! Every kind of change, and whether it matters to the plan of one exchange.

use std::sync::Arc;

use serde_json::json;

use super::world::*;
use crate::exchange::desired::{Desired, DesiredExchange, OWN_FILE, SecretKey};
use crate::observe::observed::{Observed, Record, ReleaseKey, Unreadable};
use crate::packed::Packed;
use crate::plan::plan;
use crate::plan::policy::Policy;
use crate::reason::Reason;

pub(crate) type Change = fn(&mut Desired, &mut Observed);

/// What happens to a world, whether the plan of `orders` is still the same, and how a person is told.
pub(crate) const CHANGES: [(&str, Option<&str>, Change); 20] = [
    // Files and settings
    ("its file", Some("file"), |desired, _| {
        wanted(desired).blobs.change(|blobs| {
            blobs.insert(OWN_FILE.to_owned(), "x".to_owned());
        });
    }),
    ("a profile", Some("profiles/a.yaml"), |desired, _| {
        wanted(desired).blobs.change(|blobs| {
            blobs.insert("profiles/a.yaml".to_owned(), "x".to_owned());
        });
    }),
    ("its file moves", None, |desired, _| {
        wanted(desired).file = "exchanges/elsewhere.yaml".to_owned();
    }),
    ("another commit", None, |desired, _| {
        desired.commit = Some("b".repeat(40).parse().unwrap());
    }),
    ("another file", None, |desired, _| {
        let other = desired.exchanges.get_mut(&id("other")).unwrap();
        Arc::make_mut(other).blobs = Packed::default();
    }),
    ("one more file", None, |desired, _| {
        let more = exchange("more", json!({}));
        desired.exchanges.insert(more.id.clone(), more.into());
    }),
    ("the chart", Some("chart"), |desired, _| {
        wanted(desired).chart.version = "2.14.3".to_owned();
    }),
    ("the cluster's host", Some("public_url"), |desired, _| {
        wanted(desired).public_url = Some("https://other/nats/x".to_owned());
    }),
    // Releases
    ("labels are patched", Some("release"), |_, world| {
        release(world, "orders").secret.resource_version = "2".into();
    }),
    ("made anew", Some("release"), |_, world| {
        release(world, "orders").secret.uid = "other".into();
    }),
    ("another revision", Some("release"), |_, world| {
        release(world, "orders").revision = 2;
    }),
    ("the release goes", Some("release"), |_, world| {
        view(world).releases.remove(&ReleaseKey::of(&id("orders")));
    }),
    ("another release", None, |_, world| {
        release(world, "other").revision = 7;
    }),
    ("a Secret goes", Some("action"), |_, world| {
        view(world)
            .missing_secrets
            .insert((id("orders").namespace, secret()));
    }),
    // Records
    ("health", None, |_, world| mark(world, "state", "degraded")),
    ("the record's commit", None, |_, world| {
        mark(world, "commit", "c");
    }),
    ("the record", Some("record"), |_, world| {
        record(world).org_ids = Some("other".to_owned());
    }),
    ("the record's owner", Some("record"), |_, world| {
        mark(world, "instance", "other");
    }),
    ("a second record", Some("record"), |_, world| {
        let one = record(world).clone();
        let registry = registry(world);
        registry
            .records
            .entry(one.system_id.clone())
            .or_default()
            .push(one);
    }),
    ("the registry is away", Some("record"), |_, world| {
        world.registry = Err(Unreadable {
            reason: Reason::RegistryUnreadable,
            text: "down".to_owned(),
        });
    }),
];

/// `orders` is to be upgraded, `other` is as wanted.
pub(crate) fn upgrade() -> (Desired, Observed) {
    let other = exchange("other", json!({}));
    let world = observed([&exchange("orders", some_values()), &other]);
    let mut new = exchange("orders", json!({"config": {"cluster": {"enabled": true}}}));
    new.secrets.insert(secret());
    (desired([new, other]), world)
}

fn secret() -> SecretKey {
    SecretKey {
        name: "auth".to_owned(),
        key: None,
    }
}

fn wanted(desired: &mut Desired) -> &mut DesiredExchange {
    Arc::make_mut(desired.exchanges.get_mut(&id("orders")).unwrap())
}

fn record(world: &mut Observed) -> &mut Record {
    let registry = registry(world);
    let key = id("orders").system_id();
    &mut registry.records.get_mut(key.as_str()).unwrap()[0]
}

fn mark(world: &mut Observed, key: &str, value: &str) {
    let record = record(world);
    record
        .metadata
        .change(|metadata| metadata["natsx"][key] = value.into());
}

#[test]
fn a_fingerprint_tells_what_matters_to_its_exchange() {
    let print = |desired: &Desired, world: &Observed| {
        let plan = plan(desired, world, &Policy::default(), now());
        let entry = plan
            .exchanges
            .iter()
            .find(|entry| entry.id == Some(id("orders")));
        entry.unwrap().fingerprint.clone()
    };
    for (name, part, change) in CHANGES {
        let (mut desired, mut world) = upgrade();
        let before = print(&desired, &world);
        assert_eq!(print(&desired, &world), before);
        change(&mut desired, &mut world);
        assert_eq!(print(&desired, &world) != before, part.is_some(), "{name}");
    }
}
