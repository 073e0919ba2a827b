//! The traps of the original, one by one, and that the client falls into none.

use natsx_sync::id::Instance;
use natsx_sync::observe::observed::Record;
use natsx_sync::reason::Reason;
use natsx_sync::registry::{Claim, Registry, RegistryError, Written};
use serde_json::{Value, json};

use crate::twin::{Fault, NAN, Twin};
use crate::{claim, client, delete, put, record, state, unused};

async fn start() -> (Twin, Registry) {
    let twin = Twin::start().await;
    let registry = client(&format!("http://{}", twin.address));
    (twin, registry)
}

fn id() -> natsx_sync::id::SystemId {
    "a".parse().unwrap()
}

/// Traps 1 and 2.
#[tokio::test]
async fn a_dead_database_is_no_absence_and_an_empty_one_is_filled_again() {
    let (twin, registry) = start().await;
    put(&registry, &record("a")).await.unwrap();
    let known = claim(&registry, "a").await.unwrap();
    twin.world().is_dead = true;

    let unreadable = registry.view().await.unwrap_err();
    assert_eq!(unreadable.reason, Reason::RegistryUnreadable);
    assert!(
        unreadable.text.contains("Connection refused"),
        "{}",
        unreadable.text
    );
    for error in [
        registry.find(&id()).await.unwrap_err(),
        registry.put_record(&record("a"), &known).await.unwrap_err(),
        registry
            .set_state(&id(), "deleting", &known)
            .await
            .unwrap_err(),
        registry.delete_record(&id(), &known).await.unwrap_err(),
    ] {
        assert!(error.is_unknown(), "{error}");
    }
    let log = twin.world().log.clone();
    assert_eq!(
        log.iter().filter(|line| *line == "POST /backbone").count(),
        1,
        "{log:?}"
    );
    assert!(
        !log.iter().any(|line| line.starts_with("DELETE")),
        "{log:?}"
    );

    twin.world().is_dead = false;
    twin.world().documents.clear();
    assert!(registry.view().await.unwrap().records.is_empty());
    assert_eq!(delete(&registry, &id()).await.unwrap(), Written::Absent);
    assert_eq!(
        put(&registry, &record("a")).await.unwrap(),
        Written::Created
    );
}

/// The database dies between the query and the write.
#[tokio::test]
async fn a_404_with_other_words_is_unknown() {
    let (twin, registry) = start().await;
    twin.insert(json!({"system_id": "a"}));
    twin.world().pause = std::time::Duration::from_millis(60);
    let (id, claim) = (id(), claim(&registry, "a").await.unwrap());
    twin.world().log.clear();
    let (outcome, ()) = tokio::join!(registry.delete_record(&id, &claim), async {
        while twin.world().log.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(75)).await;
        twin.world().is_dead = true;
    });
    assert!(outcome.is_err_and(|error| error.is_unknown()));
}

/// Trap 3: a partial record that an upsert left is completed; rows may lack any field.
#[tokio::test]
async fn partial_records_are_completed() {
    let (twin, registry) = start().await;
    twin.insert(json!({"system_id": "a", "name": "x"}));
    let found = registry.find(&id()).await.unwrap();
    assert_eq!(found[0].name.as_deref(), Some("x"));
    assert_eq!(
        put(&registry, &record("a")).await.unwrap(),
        Written::Updated
    );
    assert_eq!(registry.find(&id()).await.unwrap(), [record("a")]);
}

/// Trap 4 and lost answers: neither makes a second record, nor passes for a failure.
#[tokio::test]
async fn lost_answers_and_requests_are_settled_by_a_query() {
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let (twin, registry) = start().await;
        for method in ["POST", "PUT", "DELETE", "QUERY"] {
            twin.world().faults.insert(method, vec![fault]);
        }
        assert_eq!(
            registry.put_record(&record("a"), &unused()).await.unwrap(),
            Written::Created
        );
        assert_eq!(twin.of("a").len(), 1);
        assert_eq!(
            state(&registry, &id(), "degraded").await.unwrap(),
            Written::Updated
        );
        assert_eq!(twin.of("a")[0]["metadata"]["natsx"]["state"], "degraded");
        assert_eq!(delete(&registry, &id()).await.unwrap(), Written::Deleted);
        assert!(twin.of("a").is_empty());
        assert!(!twin.created_blindly());
    }
}

#[tokio::test]
async fn giving_up_is_bounded() {
    let (twin, registry) = start().await;
    twin.world()
        .faults
        .insert("POST", vec![Fault::LoseRequest; 10]);
    assert!(put(&registry, &record("a")).await.unwrap_err().is_unknown());
    let creates = twin
        .world()
        .log
        .iter()
        .filter(|line| *line == "POST /backbone")
        .count();
    assert_eq!(creates, 3);
    assert!(!twin.created_blindly());
}

/// Traps 5 and 15.
#[tokio::test]
async fn duplicates_become_one_or_none() {
    let (twin, registry) = start().await;
    for number in 0..16 {
        twin.insert(json!({"system_id": "a", "name": format!("n{number}")}));
    }
    twin.insert(json!({"system_id": "b"}));
    assert_eq!(registry.view().await.unwrap().records["a"].len(), 16);
    assert_eq!(
        put(&registry, &record("a")).await.unwrap(),
        Written::Updated
    );
    assert_eq!(registry.find(&id()).await.unwrap(), [record("a")]);
    for _ in 0..16 {
        twin.insert(json!({"system_id": "a"}));
    }
    assert_eq!(delete(&registry, &id()).await.unwrap(), Written::Deleted);
    assert!(twin.of("a").is_empty());
    assert_eq!(twin.of("b").len(), 1);
}

/// Two writers that know nothing of each other: whatever they leave, the next write makes right.
#[tokio::test]
async fn foreign_writers_are_survived() {
    let (twin, first) = start().await;
    let second = client(&format!("http://{}", twin.address));
    twin.world().pause = std::time::Duration::from_millis(20);
    let (one, two) = (record("a"), record("a"));
    let claim = unused();
    let (_, _) = tokio::join!(
        first.put_record(&one, &claim),
        second.put_record(&two, &claim)
    );
    put(&first, &one).await.unwrap();
    assert_eq!(first.find(&id()).await.unwrap(), [one]);
}

/// Traps 7, 10, 11, 13: strange rows hide nobody.
#[tokio::test]
async fn strange_rows_hide_nobody() {
    let (twin, registry) = start().await;
    put(&registry, &record("a")).await.unwrap();
    twin.insert(json!({"system_id": "nan", "metadata": {"load": NAN, "ok": 1}}));
    twin.insert(
        json!({"system_id": "types", "name": 3, "org_ids": ["x"], "metadata": null, "extra": 1}),
    );
    twin.insert(json!({"system_id": "", "name": "never found"}));
    twin.insert(json!({"system_id": "a/b"}));
    twin.insert(json!({"name": "keyless"}));
    let view = registry.view().await.unwrap();
    assert_eq!(view.unusable, 2);
    assert_eq!(view.records["a"], [record("a")]);
    assert_eq!(view.records["nan"][0].metadata.open()["ok"], 1);
    assert_eq!(view.records["nan"][0].metadata.open()["load"], Value::Null);
    assert_eq!(view.records["types"][0].name, None);
    assert_eq!(view.records["types"][0].metadata.open().len(), 0);
    assert_eq!(view.records.len(), 4);
    assert_eq!(
        put(&registry, &record("types")).await.unwrap(),
        Written::Updated
    );
}

/// Trap 7: keys that could never be read back are refused before anything is sent.
#[tokio::test]
async fn unusable_keys_are_never_sent() {
    let (twin, registry) = start().await;
    for key in ["", "a/b", "..", "ü", "a b"] {
        let error = put(
            &registry,
            &Record {
                system_id: key.to_owned(),
                ..record("a")
            },
        )
        .await;
        assert!(matches!(error, Err(RegistryError::Key(_))), "{key}");
    }
    assert!(twin.world().log.is_empty());
}

/// Trap 14: an address with a doubled slash gets a redirect, which would repeat a write.
#[tokio::test]
async fn redirects_are_not_followed() {
    let (twin, _) = start().await;
    let registry = client(&format!("http://{}/x//", twin.address));
    assert!(put(&registry, &record("a")).await.unwrap_err().is_unknown());
    assert!(registry.view().await.unwrap_err().text.contains("308"));
    assert!(twin.world().documents.is_empty());
}

#[tokio::test]
async fn records_of_others_get_no_state() {
    let (twin, registry) = start().await;
    twin.insert(json!({"system_id": "a", "name": "theirs"}));
    let found = registry.find(&id()).await.unwrap();
    let claim = Claim::on(&Instance::default(), &found);
    let error = registry.set_state(&id(), "deleting", &claim).await;
    assert!(matches!(error, Err(RegistryError::NotOurs { .. })));
    assert_eq!(twin.of("a")[0].get("metadata"), None);
}
