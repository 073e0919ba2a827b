//! What `JetStream` stores holds changes that would lose it.

use rstest::rstest;
use serde_json::{Value, json};

use super::world::*;
use crate::observe::observed::{ServerStored, Stored, Unreadable};
use crate::plan::policy::Policy;
use crate::plan::{plan, to_ask};
use crate::reason::Reason;

fn servers(count: Option<u64>, more: &Value) -> Value {
    let cluster = match count {
        Some(count) => json!({"enabled": true, "replicas": count}),
        None => json!({}),
    };
    let mut jetstream = json!({
        "enabled": true,
        "fileStore": {"enabled": false},
        "memoryStore": {"enabled": true, "maxSize": "64Mi"},
    });
    for (key, value) in more.as_object().unwrap() {
        jetstream[key] = value.clone();
    }
    json!({"config": {"cluster": cluster, "jetstream": jetstream}})
}

fn stored(streams: &[u64], memory: u64) -> Stored {
    let of = |(number, streams): (usize, &u64)| {
        let server = ServerStored {
            streams: *streams,
            memory,
            file: 0,
        };
        (format!("orders-{number}"), server)
    };
    Stored {
        servers: streams.iter().enumerate().map(of).collect(),
    }
}

fn decided(old: Value, new: Value, said: Result<Stored, Unreadable>) -> String {
    let mut world = observed([&exchange("orders", old)]);
    let wanted = desired([exchange("orders", new)]);
    let first = plan(&wanted, &world, &Policy::default(), now());
    assert_eq!(to_ask(&first, &wanted, &world).count(), 1);
    world.stored.insert(id("orders"), said);
    verdict(&wanted, &world, &Policy::default(), "orders")
}

#[rstest]
#[case(Some(5), Some(4), &[1, 1, 1, 0, 0], "upgrade ValuesChanged")]
#[case(Some(5), Some(4), &[1, 1, 0, 0, 1], "blocked StreamsAtRisk")]
#[case(Some(5), Some(2), &[1, 1, 0, 0, 0], "blocked StreamsAtRisk")]
#[case(Some(3), Some(1), &[0, 0, 0], "upgrade ValuesChanged")]
#[case(None, Some(3), &[0], "upgrade ValuesChanged")]
#[case(None, Some(3), &[2], "blocked StreamsAtRisk")]
fn servers_that_hold_streams_stay(
    #[case] old: Option<u64>,
    #[case] new: Option<u64>,
    #[case] streams: &[u64],
    #[case] expected: &str,
) {
    let (old, new) = (servers(old, &json!({})), servers(new, &json!({})));
    assert_eq!(decided(old, new, Ok(stored(streams, 0))), expected);
}

#[rstest]
#[case(1 << 20, "upgrade ValuesChanged")]
#[case(3 << 20, "blocked StoreTooSmall")]
fn a_store_holds_what_is_in_it(#[case] used: u64, #[case] expected: &str) {
    let smaller = json!({"memoryStore": {"enabled": true, "maxSize": "2Mi"}});
    let (old, new) = (servers(None, &json!({})), servers(None, &smaller));
    assert_eq!(decided(old, new, Ok(stored(&[1], used))), expected);
}

#[test]
fn what_cannot_be_asked_may_be_anything() {
    let why = Unreadable {
        reason: Reason::ClusterForbidden,
        text: "may not get pods/proxy".to_owned(),
    };
    let (old, new) = (servers(Some(3), &json!({})), servers(Some(2), &json!({})));
    assert_eq!(decided(old, new, Err(why)), "blocked StoreUnknown");
}

#[test]
fn nobody_is_asked_about_what_loses_nothing() {
    let world = observed([&exchange("orders", servers(Some(3), &json!({})))]);
    let larger = json!({"memoryStore": {"enabled": true, "maxSize": "128Mi"}});
    let wanted = desired([exchange("orders", servers(Some(5), &larger))]);
    let plan = plan(&wanted, &world, &Policy::default(), now());
    assert_eq!(to_ask(&plan, &wanted, &world).count(), 0);
}
