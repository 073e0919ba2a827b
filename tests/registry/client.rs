//! What holds against every server of the contract.

use natsx_sync::registry::{Registry, RegistryError, Written};
use serde_json::json;

use crate::twin::Twin;
use crate::{client, delete, own, put, record, state};

async fn lives(registry: &Registry) {
    let (id, other) = ("a-1".parse().unwrap(), record("b-2"));
    let mut record = record("a-1");
    assert_eq!(put(registry, &record).await.unwrap(), Written::Created);
    assert_eq!(put(registry, &record).await.unwrap(), Written::Unchanged);
    assert_eq!(put(registry, &other).await.unwrap(), Written::Created);
    assert_eq!(registry.find(&id).await.unwrap(), [record.clone()]);

    record.name = Some("Renamed".to_owned());
    record
        .metadata
        .change(|metadata| drop(metadata.remove("team")));
    assert_eq!(put(registry, &record).await.unwrap(), Written::Updated);
    assert_eq!(
        state(registry, &id, "degraded").await.unwrap(),
        Written::Updated
    );
    assert_eq!(
        state(registry, &id, "degraded").await.unwrap(),
        Written::Unchanged
    );
    record
        .metadata
        .change(|metadata| metadata["natsx"]["state"] = json!("degraded"));

    let view = registry.view().await.unwrap();
    assert_eq!(view.records.len(), 2);
    assert_eq!(view.records["a-1"], [record]);
    assert_eq!(view.records["b-2"], [other]);
    assert_eq!(view.unusable, 0);

    assert_eq!(delete(registry, &id).await.unwrap(), Written::Deleted);
    assert_eq!(delete(registry, &id).await.unwrap(), Written::Absent);
    assert_eq!(
        state(registry, &id, "ready").await.unwrap(),
        Written::Absent
    );
    assert_eq!(registry.view().await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn a_record_lives_in_the_original() {
    let twin = Twin::start().await;
    lives(&client(&format!("http://{}", twin.address))).await;
    assert!(!twin.created_blindly());
}

#[tokio::test]
async fn a_record_lives_in_our_own() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = own(&folder).await;
    // A slash at the end of the address changes nothing.
    lives(&client(&format!("http://{}/", embedded.address))).await;
    embedded.close().await.unwrap();
}

#[tokio::test]
async fn writers_of_one_record_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let (twin, embedded) = (Twin::start().await, own(&folder).await);
    for address in [twin.address, embedded.address] {
        let registry = client(&format!("http://{address}"));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let registry = registry.clone();
            tasks.spawn(async move { put(&registry, &record("same")).await.unwrap() });
        }
        let written = tasks.join_all().await;
        assert_eq!(
            written
                .iter()
                .filter(|written| **written == Written::Created)
                .count(),
            1
        );
        assert_eq!(registry.view().await.unwrap().records["same"].len(), 1);
    }
    assert!(!twin.created_blindly());
}

#[tokio::test]
async fn at_most_eight_requests_at_a_time() {
    let twin = Twin::start().await;
    twin.world().pause = std::time::Duration::from_millis(20);
    let registry = client(&format!("http://{}", twin.address));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..24 {
        let registry = registry.clone();
        tasks.spawn(async move {
            put(&registry, &record(&format!("r{number}")))
                .await
                .unwrap()
        });
    }
    tasks.join_all().await;
    let most = twin.world().most_in_flight;
    assert!((2..=8).contains(&most), "{most}");
    assert_eq!(registry.view().await.unwrap().records.len(), 24);
}

#[tokio::test]
async fn unusable_settings_are_refused() {
    for url in [
        "http://user:secret@127.0.0.1:1",
        "ftp://127.0.0.1",
        "unix:/run/x",
    ] {
        let access = natsx_sync::registry::RegistryAccess {
            url: url.parse().unwrap(),
            token_file: None,
            ca_file: None,
        };
        let error = Registry::connect(&access).unwrap_err();
        assert!(matches!(error, RegistryError::Access { .. }), "{url}");
        assert!(!format!("{error}{error:?}").contains("secret"));
    }
    let access = natsx_sync::registry::RegistryAccess {
        url: "http://registry.example.org".parse().unwrap(),
        token_file: Some("/nowhere".into()),
        ca_file: None,
    };
    assert!(Registry::connect(&access).is_err(), "a token in the clear");
}
