use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use wiremock::matchers::{body_partial_json, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{connect, list, meta, mount_absence, status, stored};
use crate::cluster::{ClusterError, DryRun};
use crate::observe::observed::{ObjectRef, SecretIdentity};
use crate::reason::Reason;

const SECRET: &str = "/api/v1/namespaces/a/secrets/sh.helm.release.v1.nats.v2";

fn identity() -> SecretIdentity {
    SecretIdentity {
        name: "sh.helm.release.v1.nats.v2".into(),
        uid: "the-uid".into(),
        resource_version: "12".into(),
        created: None,
    }
}

#[tokio::test]
async fn a_secret_is_deleted_only_as_it_was_seen() {
    let server = MockServer::start().await;
    Mock::given(method("DELETE"))
        .and(path(SECRET))
        .and(body_partial_json(json!({
            "preconditions": {"uid": "the-uid", "resourceVersion": "12"},
        })))
        .respond_with(ResponseTemplate::new(409).set_body_json(status(
            409,
            "Conflict",
            "the object has been modified",
        )))
        .expect(1)
        .mount(&server)
        .await;
    let cluster = connect(&server, &[]).await;
    let namespace = "a".parse().unwrap();
    let error = cluster
        .delete_release_secret(&namespace, &identity())
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::Changed { .. }));
    assert_eq!(error.reason(), Reason::StaleFence);
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_stamp_is_patched_with_the_version_it_was_seen_at() {
    let server = MockServer::start().await;
    Mock::given(method("PATCH"))
        .and(path(SECRET))
        .and(body_partial_json(json!({"metadata": {
            "uid": "the-uid", "resourceVersion": "12",
            "labels": {"natsx-sync/revision": "2", "natsx-sync/commit": null},
        }})))
        .respond_with(ResponseTemplate::new(200).set_body_json(meta(
            "a",
            "nats",
            2,
            "deployed",
            &json!({}),
        )))
        .expect(1)
        .mount(&server)
        .await;
    let labels = BTreeMap::from([("natsx-sync/revision".to_owned(), "2".to_owned())]);
    let cluster = connect(&server, &[]).await;
    cluster
        .patch_stamp(&"a".parse().unwrap(), &identity(), &labels)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_dry_run_replaces_the_whole_without_effect() {
    let server = MockServer::start().await;
    Mock::given(method("PUT"))
        .and(path("/apis/apps/v1/namespaces/a/statefulsets/nats"))
        .and(query_param("dryRun", "All"))
        .and(query_param("fieldValidation", "Strict"))
        .and(body_partial_json(json!({"metadata": {"namespace": "a"}})))
        .respond_with(ResponseTemplate::new(422).set_body_json(status(
            422,
            "Invalid",
            "spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
        )))
        .expect(1)
        .mount(&server)
        .await;
    let cluster = connect(&server, &[]).await;
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "nats", "resourceVersion": "4"}});
    let outcome = cluster
        .dry_run_stateful_set(&"a".parse().unwrap(), &set)
        .await
        .unwrap();
    assert!(matches!(
        outcome,
        DryRun::Refused {
            reason: Reason::StatefulSetImmutable,
            ..
        }
    ));
    let requests = server.received_requests().await.unwrap();
    assert!(!String::from_utf8_lossy(&requests[0].body).contains("resourceVersion"));
}

#[tokio::test]
async fn a_namespace_is_made_once_and_never_where_the_settings_limit_us() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/api/v1/namespaces/a"))
        .respond_with(ResponseTemplate::new(404).set_body_json(status(404, "NotFound", "no")))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path("/api/v1/namespaces"))
        .and(body_partial_json(json!({"metadata": {
            "name": "a", "labels": {"natsx-sync/created-by": "default"},
        }})))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"metadata": {"name": "a"}})))
        .expect(1)
        .mount(&server)
        .await;
    let (namespace, instance) = ("a".parse().unwrap(), "default".parse().unwrap());
    let free = connect(&server, &[]).await;
    assert!(free.ensure_namespace(&namespace, &instance).await.unwrap());
    let limited = connect(&server, &["a"]).await;
    let error = limited
        .ensure_namespace(&namespace, &instance)
        .await
        .unwrap_err();
    assert_eq!(error.reason(), Reason::NamespaceMissing);
}

#[tokio::test]
async fn objects_are_looked_for_one_by_one() {
    let server = MockServer::start().await;
    mount_absence(&server).await;
    Mock::given(path("/apis/apps/v1/namespaces/a/statefulsets/nats"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "metadata": {"name": "nats", "deletionTimestamp": "2026-06-01T00:00:00Z"},
        })))
        .mount(&server)
        .await;
    let object = |api_version: &str, kind: &str| ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: None,
        name: "nats".to_owned(),
    };
    let objects = [
        object("apps/v1", "StatefulSet"),
        object("v1", "Service"),
        object("monitoring.coreos.com/v1", "PodMonitor"),
    ];
    let cluster = connect(&server, &[]).await;
    let present = cluster
        .present(&"a".parse().unwrap(), &objects)
        .await
        .unwrap();
    assert_eq!(present.len(), 1);
    assert!(present[0].terminating);

    let mute = MockServer::start().await;
    let cluster = connect(&mute, &[]).await;
    let namespace = "a".parse().unwrap();
    assert!(cluster.present(&namespace, &objects).await.is_err());
}

fn going(name: &str, release: &str, deleted: Option<&str>) -> serde_json::Value {
    let labels = json!({"app.kubernetes.io/instance": release});
    json!({"metadata": {"name": name, "namespace": "a", "deletionTimestamp": deleted, "labels": labels}})
}

#[tokio::test]
async fn those_who_ask_together_are_answered_by_one_look_each_for_itself() {
    let server = MockServer::start().await;
    let deleted = Some("2026-06-01T00:00:00Z");
    Mock::given(method("GET"))
        .and(path("/apis/apps/v1/namespaces/a/statefulsets"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(list(&[going("b", "nats-1", deleted)], ""))
                .set_delay(Duration::from_millis(50)),
        )
        // The first asks alone, and the others meanwhile.
        .expect(2)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list(&[], "")))
        .with_priority(100)
        .mount(&server)
        .await;
    let cluster = connect(&server, &[]).await;
    let namespace = "a".parse().unwrap();
    let releases: Vec<_> = (0..20)
        .map(|number| format!("nats-{number}").parse().unwrap())
        .collect();
    let asked = releases
        .iter()
        .map(|release| cluster.terminating(&namespace, release));
    let found = futures::future::join_all(asked).await;
    let counts: Vec<usize> = found
        .iter()
        .map(|one| one.as_ref().unwrap().len())
        .collect();
    let mut expected = vec![0; 20];
    expected[1] = 1;
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn whoever_looks_for_others_may_stop_and_they_are_answered_all_the_same() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(list(&[], ""))
                .set_delay(Duration::from_millis(50)),
        )
        .mount(&server)
        .await;
    let cluster = connect(&server, &[]).await;
    let ask = |release: &'static str| {
        let cluster = cluster.clone();
        tokio::spawn(async move {
            let namespace = "a".parse().unwrap();
            cluster
                .terminating(&namespace, &release.parse().unwrap())
                .await
        })
    };
    // The first looks alone, the second then for the third as well, and stops in the midst of it.
    let (first, second, third) = (ask("nats-1"), ask("nats-2"), ask("nats-3"));
    first.await.unwrap().unwrap();
    while server.received_requests().await.unwrap().len() <= 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    second.abort();
    let third = tokio::time::timeout(Duration::from_secs(10), third).await;
    let third = third.expect("somebody looks for it").unwrap();
    assert_eq!(third.unwrap(), []);
}

#[tokio::test]
async fn what_is_being_deleted_is_found_by_the_label_of_its_release() {
    let server = MockServer::start().await;
    let object = |name: &str, deleted: Option<&str>| going(name, "nats", deleted);
    let mount = |place: &'static str, items: Vec<serde_json::Value>| {
        Mock::given(method("GET"))
            .and(path(place))
            .and(query_param(
                "labelSelector",
                "app.kubernetes.io/instance=nats",
            ))
            .respond_with(ResponseTemplate::new(200).set_body_json(list(&items, "")))
            .mount(&server)
    };
    mount("/api/v1/namespaces/a/services", vec![object("nats", None)]).await;
    let going = object("nats", Some("2026-06-01T00:00:00Z"));
    mount(
        "/apis/apps/v1/namespaces/a/statefulsets",
        vec![object("other", None), going],
    )
    .await;
    let (namespace, release) = ("a".parse().unwrap(), "nats".parse().unwrap());
    let cluster = connect(&server, &[]).await;
    // A list that cannot be read is no empty list.
    assert!(cluster.terminating(&namespace, &release).await.is_err());
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list(&[], "")))
        .with_priority(100)
        .mount(&server)
        .await;
    let found = cluster.terminating(&namespace, &release).await.unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|one| (one.kind.as_str(), one.name.as_str()))
        .collect();
    assert_eq!(found, [("StatefulSet", "nats")]);
}

#[tokio::test]
async fn a_release_is_read_for_fences_and_a_misplaced_one_is_refused() {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/namespaces/a/secrets"))
        .and(query_param("labelSelector", "owner=helm,name=nats"))
        .and(query_param_is_missing("resourceVersion"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list(
            &[meta("a", "nats", 2, "pending-upgrade", &json!({}))],
            "",
        )))
        .mount(&server)
        .await;
    Mock::given(path(SECRET))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({"data": {"release": stored("other", 2)}})),
        )
        .mount(&server)
        .await;
    let cluster = connect(&server, &[]).await;
    let (namespace, release) = ("a".parse().unwrap(), "nats".parse().unwrap());
    let view = cluster.release(&namespace, &release).await.unwrap();
    assert!(view.unwrap().status.is_pending());
    let error = cluster.stored(&namespace, &release, 2).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ReleaseUnreadable);
}
