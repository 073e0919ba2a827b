//! A write touches what it was decided on, and nothing else, against every server of the contract.

use std::time::Duration;

use natsx_sync::id::{Instance, SystemId};
use natsx_sync::observe::observed::Record;
use natsx_sync::registry::{Claim, Registry, RegistryError, Written};
use serde_json::json;

use crate::twin::Twin;
use crate::{client, own, put, record, state, unused};

fn id() -> SystemId {
    "a".parse().unwrap()
}

fn marked(instance: &str, name: &str) -> Record {
    let mut record = Record {
        name: Some(name.to_owned()),
        ..record("a")
    };
    record
        .metadata
        .change(|metadata| metadata["natsx"]["instance"] = json!(instance));
    record
}

async fn claim_on(registry: &Registry) -> Claim {
    Claim::on(&Instance::default(), &registry.find(&id()).await.unwrap())
}

/// Each write, with what a claim covers.
async fn all_refused(
    registry: &Registry,
    claim: &Claim,
    is_expected: impl Fn(&RegistryError) -> bool,
) {
    let before = registry.find(&id()).await.unwrap();
    let wanted = marked("default", "wanted");
    for error in [
        registry.put_record(&wanted, claim).await.unwrap_err(),
        registry
            .set_state(&id(), "deleting", claim)
            .await
            .unwrap_err(),
        registry.delete_record(&id(), claim).await.unwrap_err(),
    ] {
        assert!(is_expected(&error), "{error}");
        assert!(!error.is_unknown(), "never tried again as it is");
    }
    assert_eq!(registry.find(&id()).await.unwrap(), before, "left alone");
}

async fn holds(registry: &Registry, other: &Registry) {
    // Made by somebody else since nothing was seen there.
    let theirs = Claim::on(&"theirs".parse().unwrap(), &[]);
    other
        .put_record(&marked("theirs", "x"), &theirs)
        .await
        .unwrap();
    let not_ours = |error: &RegistryError| matches!(error, RegistryError::NotOurs { .. });
    all_refused(registry, &unused(), not_ours).await;
    // Seen, and somebody else's all the same; a claim to unmarked records is none to theirs.
    let seen = Claim {
        adopts: true,
        ..claim_on(registry).await
    };
    all_refused(registry, &seen, not_ours).await;
    let theirs = Claim::on(
        &"theirs".parse().unwrap(),
        &registry.find(&id()).await.unwrap(),
    );
    other.delete_record(&id(), &theirs).await.unwrap();

    // Ours, and changed since.
    put(registry, &marked("default", "one")).await.unwrap();
    let before = claim_on(registry).await;
    put(other, &marked("default", "two")).await.unwrap();
    let changed = |error: &RegistryError| matches!(error, RegistryError::Changed { .. });
    all_refused(registry, &before, changed).await;
    all_refused(registry, &unused(), changed).await;

    // What changes by itself is no change.
    let seen = claim_on(registry).await;
    state(other, &id(), "degraded").await.unwrap();
    let wanted = marked("default", "three");
    assert_eq!(
        registry.put_record(&wanted, &seen).await.unwrap(),
        Written::Updated
    );
    // What is as wanted is taken, whoever was faster.
    assert_eq!(
        registry.put_record(&wanted, &seen).await.unwrap(),
        Written::Unchanged
    );

    // Gone since: it is for the next plan to say whether it is made anew.
    let seen = claim_on(registry).await;
    other.delete_record(&id(), &seen).await.unwrap();
    let error = registry.put_record(&wanted, &seen).await.unwrap_err();
    assert!(changed(&error), "{error}");
    assert_eq!(
        registry.delete_record(&id(), &seen).await.unwrap(),
        Written::Absent
    );
}

#[tokio::test]
async fn a_write_is_held_to_what_was_seen_in_the_original() {
    let twin = Twin::start().await;
    let url = format!("http://{}", twin.address);
    holds(&client(&url), &client(&url)).await;
}

#[tokio::test]
async fn a_write_is_held_to_what_was_seen_in_our_own() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = own(&folder).await;
    let url = format!("http://{}", embedded.address);
    holds(&client(&url), &client(&url)).await;
}

#[tokio::test]
async fn unmarked_records_are_taken_over_only_by_who_may() {
    let twin = Twin::start().await;
    let registry = client(&format!("http://{}", twin.address));
    twin.insert(json!({"system_id": "a", "name": "nobody's"}));
    let claim = claim_on(&registry).await;
    let wanted = marked("default", "ours");
    let refused = registry.put_record(&wanted, &claim).await;
    assert!(matches!(refused, Err(RegistryError::NotOurs { .. })));
    let claim = Claim {
        adopts: true,
        ..claim
    };
    let taken = registry.put_record(&wanted, &claim).await;
    assert_eq!(taken.unwrap(), Written::Updated);
    assert_eq!(twin.of("a").len(), 1);
}

/// Our own server closes the gap between the look and the write, where the original leaves one.
#[tokio::test]
async fn a_change_between_the_look_and_the_write_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = own(&folder).await;
    let url = format!("http://{}", embedded.address);
    let (registry, other) = (client(&url), client(&url));
    for round in 0..40 {
        let first = put(&other, &marked("default", "before")).await;
        first.unwrap();
        let seen = claim_on(&registry).await;
        let late = Duration::from_micros(100 * round);
        let (one, two) = (marked("default", "one"), marked("default", "two"));
        let (ours, theirs) = tokio::join!(registry.put_record(&one, &seen), async {
            tokio::time::sleep(late).await;
            other.put_record(&two, &seen).await
        });
        let done = [&ours, &theirs].iter().filter(|one| one.is_ok()).count();
        assert_eq!(done, 1, "{round}: {ours:?} {theirs:?}");
        let kept = registry.find(&id()).await.unwrap();
        assert_eq!(kept, [if ours.is_ok() { one } else { two }], "{round}");
    }
}
