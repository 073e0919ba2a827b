use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kube::runtime::watcher::Event;
use serde_json::json;
use wiremock::matchers::{header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{connect, list, meta, mount_absence, status, stored};
use crate::cluster::{ViewWants, stamp_labels};
use crate::exchange::desired::SecretKey;
use crate::observe::observe;
use crate::observe::observed::{ReleaseKey, Stamp, StoredRelease, Unreadable};
use crate::reason::Reason;

const LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

fn key(text: &str) -> ReleaseKey {
    ReleaseKey::try_from(text.to_owned()).unwrap()
}

fn ours(revision: u32) -> serde_json::Value {
    json!(stamp_labels(&Stamp {
        instance: "default".parse().unwrap(),
        system_id: "x".parse().unwrap(),
        digest: "a".repeat(40),
        chart: None,
        commit: None,
        revision,
    }))
}

pub(super) async fn mount_namespaces(server: &MockServer) {
    Mock::given(path("/api/v1/namespaces/kube-system"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "metadata": {"name": "kube-system", "uid": "the-uid"},
        })))
        .mount(server)
        .await;
    Mock::given(path("/api/v1/namespaces"))
        .and(query_param("fieldSelector", "status.phase=Terminating"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(list(&[json!({"metadata": {"name": "ending"}})], "")),
        )
        .mount(server)
        .await;
}

#[tokio::test]
async fn pages_make_one_view_and_only_what_is_open_is_decoded() {
    let server = MockServer::start().await;
    mount_namespaces(&server).await;
    let secrets = || {
        Mock::given(method("GET"))
            .and(path("/api/v1/secrets"))
            .and(header("accept", LIST))
            .and(query_param(
                "labelSelector",
                "owner=helm,status!=superseded",
            ))
            .and(query_param("limit", "500"))
    };
    secrets()
        .and(query_param_is_missing("continue"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list(
            &[
                meta("a", "same", 1, "deployed", &ours(1)),
                meta("a", "upgraded", 3, "deployed", &ours(2)),
            ],
            "more",
        )))
        .expect(1)
        .mount(&server)
        .await;
    secrets()
        .and(query_param("continue", "more"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list(
            &[
                meta("b", "broken", 1, "failed", &ours(1)),
                meta("b", "foreign", 9, "failed", &json!({})),
            ],
            "",
        )))
        .expect(1)
        .mount(&server)
        .await;
    for (place, data) in [
        (
            "a/secrets/sh.helm.release.v1.upgraded.v3",
            stored("upgraded", 3),
        ),
        ("b/secrets/sh.helm.release.v1.broken.v1", "AAAA".to_owned()),
    ] {
        Mock::given(path(format!("/api/v1/namespaces/{place}")))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({
                "metadata": {}, "data": {"release": data},
            })))
            .expect(1)
            .mount(&server)
            .await;
    }
    let wants = ViewWants {
        desired: BTreeMap::from([(key("a/same"), "a".repeat(40))]),
        ..ViewWants::default()
    };
    let view = connect(&server, &[]).await.view(&wants).await.unwrap();
    assert_eq!(view.uid.as_deref(), Some("the-uid"));
    assert!(
        view.terminating_namespaces
            .contains(&"ending".parse().unwrap())
    );
    assert_eq!(view.releases.len(), 4);
    let same = &view.releases[&key("a/same")];
    assert!(same.stored.is_none() && same.undecodable.is_none());
    assert!(same.secret.created.is_some());
    let upgraded = &view.releases[&key("a/upgraded")];
    assert_eq!(upgraded.stored.as_ref().unwrap().chart_version, "2.14.2");
    let broken = &view.releases[&key("b/broken")];
    assert!(broken.stored.is_none() && broken.undecodable.is_some());
}

#[tokio::test]
async fn a_wanted_release_of_which_only_superseded_revisions_are_left_is_seen() {
    let server = MockServer::start().await;
    mount_namespaces(&server).await;
    let answer = |selector: &'static str, items: &[serde_json::Value]| {
        let answer = ResponseTemplate::new(200).set_body_json(list(items, ""));
        Mock::given(path("/api/v1/secrets"))
            .and(query_param("labelSelector", selector))
            .respond_with(answer)
            .expect(1)
            .mount(&server)
    };
    let there = meta("a", "there", 2, "deployed", &ours(2));
    answer("owner=helm,status!=superseded", &[there]).await;
    let old = |namespace, revision| {
        meta(
            namespace,
            "headless",
            revision,
            "superseded",
            &ours(revision),
        )
    };
    answer(
        "owner=helm,status=superseded,name in (headless,new)",
        &[old("a", 3), old("a", 4), old("b", 5)],
    )
    .await;
    Mock::given(path(
        "/api/v1/namespaces/a/secrets/sh.helm.release.v1.headless.v4",
    ))
    .respond_with(ResponseTemplate::new(200).set_body_json(json!({
        "metadata": {}, "data": {"release": stored("headless", 4)},
    })))
    .mount(&server)
    .await;
    let wanted = ["a/there", "a/headless", "a/new"];
    let wants = ViewWants {
        desired: wanted.map(|name| (key(name), "a".repeat(40))).into(),
        ..ViewWants::default()
    };
    let view = connect(&server, &[]).await.view(&wants).await.unwrap();
    let seen: Vec<_> = view.releases.keys().cloned().map(String::from).collect();
    assert_eq!(seen, ["a/headless", "a/there"]);
    let headless = &view.releases[&key("a/headless")];
    assert_eq!((headless.revision, headless.stored.is_some()), (4, true));
}

#[tokio::test]
async fn of_what_a_picture_decodes_only_what_it_shows_is_kept() {
    let server = MockServer::start().await;
    mount_namespaces(&server).await;
    let answer = |body| ResponseTemplate::new(200).set_body_json(body);
    let release = meta("a", "one", 1, "deployed", &ours(1));
    Mock::given(path("/api/v1/secrets"))
        .respond_with(answer(list(&[release], "")))
        .mount(&server)
        .await;
    let secret = json!({"metadata": {}, "data": {"release": stored("one", 1)}});
    Mock::given(path(
        "/api/v1/namespaces/a/secrets/sh.helm.release.v1.one.v1",
    ))
    .respond_with(answer(secret))
    .mount(&server)
    .await;
    let wants = ViewWants {
        decode_marked: Some(|stored| StoredRelease {
            values: json!({}),
            ..stored
        }),
        ..ViewWants::default()
    };
    let view = connect(&server, &[]).await.view(&wants).await.unwrap();
    let kept = view.releases[&key("a/one")].stored.as_ref().unwrap();
    assert_eq!(kept.chart_version, "2.14.2");
    assert_eq!(kept.values, json!({}));
}

#[tokio::test]
async fn a_list_that_ran_out_of_time_begins_anew() {
    let server = MockServer::start().await;
    mount_namespaces(&server).await;
    Mock::given(path("/api/v1/secrets"))
        .and(query_param("continue", "old"))
        .respond_with(ResponseTemplate::new(410).set_body_json(status(410, "Expired", "too old")))
        .mount(&server)
        .await;
    let first = |next: &str| {
        let items = [meta("a", "one", 1, "deployed", &json!({}))];
        ResponseTemplate::new(200).set_body_json(list(&items, next))
    };
    Mock::given(path("/api/v1/secrets"))
        .respond_with(first("old"))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(path("/api/v1/secrets"))
        .respond_with(first(""))
        .mount(&server)
        .await;
    let view = connect(&server, &[])
        .await
        .view(&ViewWants::default())
        .await
        .unwrap();
    assert_eq!(view.releases.len(), 1);
}

#[tokio::test]
async fn a_refusal_is_a_reason_and_names_the_host() {
    let server = MockServer::start().await;
    mount_namespaces(&server).await;
    let message = "secrets is forbidden: User \"ci\" cannot list resource \"secrets\"";
    Mock::given(path("/api/v1/secrets"))
        .respond_with(ResponseTemplate::new(403).set_body_json(status(403, "Forbidden", message)))
        .mount(&server)
        .await;
    let cluster = connect(&server, &[]).await;
    let unreadable = cluster.view(&ViewWants::default()).await.unwrap_err();
    assert_eq!(unreadable.reason, Reason::ClusterForbidden);
    let address = server.address().to_string();
    assert!(unreadable.text.contains(&address), "{}", unreadable.text);
    assert!(
        unreadable.text.contains("cannot list"),
        "{}",
        unreadable.text
    );
}

/// A token that has expired is no missing right: nothing that is granted helps.
#[tokio::test]
async fn credentials_that_are_not_accepted_are_told_from_rights_that_are_missing() {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(401))
        .mount(&server)
        .await;
    let cluster = connect(&server, &[]).await;
    let unreadable = cluster.view(&ViewWants::default()).await.unwrap_err();
    assert_eq!(unreadable.reason, Reason::ClusterUnauthorized);
    assert!(
        unreadable
            .text
            .ends_with("not accepted: it does not say why"),
        "{}",
        unreadable.text
    );
}

#[tokio::test]
async fn an_api_server_that_fails_for_a_moment_is_asked_again() {
    let server = MockServer::start().await;
    mount_namespaces(&server).await;
    Mock::given(path("/api/v1/secrets"))
        .respond_with(ResponseTemplate::new(500).set_body_json(status(500, "", "etcd")))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(path("/api/v1/secrets"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list(&[], "")))
        .mount(&server)
        .await;
    let cluster = connect(&server, &[]).await;
    assert!(cluster.view(&ViewWants::default()).await.is_ok());
}

#[tokio::test]
async fn limited_to_namespaces_nothing_else_is_asked() {
    let server = MockServer::start().await;
    mount_absence(&server).await;
    for (namespace, answer) in [
        ("there", json!({"metadata": {"name": "there", "uid": "u"}})),
        (
            "ending",
            json!({"metadata": {"name": "ending", "deletionTimestamp": "2026-06-01T00:00:00Z"}}),
        ),
    ] {
        Mock::given(path(format!("/api/v1/namespaces/{namespace}")))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .mount(&server)
            .await;
    }
    for namespace in ["there", "ending", "gone"] {
        Mock::given(path(format!("/api/v1/namespaces/{namespace}/secrets")))
            .respond_with(ResponseTemplate::new(200).set_body_json(list(&[], "")))
            .mount(&server)
            .await;
    }
    Mock::given(path("/api/v1/namespaces/there/secrets/auth"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"data": {"user": "eA=="}})))
        .mount(&server)
        .await;
    let wanted = |name: &str, key: Option<&str>| {
        let key = key.map(str::to_owned);
        (
            "there".parse().unwrap(),
            SecretKey {
                name: name.to_owned(),
                key,
            },
        )
    };
    let wants = ViewWants {
        secrets: BTreeSet::from([
            wanted("auth", Some("user")),
            wanted("auth", Some("password")),
            wanted("auth", None),
            wanted("absent", None),
        ]),
        ..ViewWants::default()
    };
    let cluster = connect(&server, &["there", "ending", "gone"]).await;
    let view = cluster.view(&wants).await.unwrap();
    assert_eq!(view.uid, None);
    assert_eq!(view.scope.as_ref().map(BTreeSet::len), Some(3));
    assert_eq!(
        view.missing_namespaces,
        BTreeSet::from(["gone".parse().unwrap()])
    );
    assert_eq!(
        view.terminating_namespaces,
        BTreeSet::from(["ending".parse().unwrap()])
    );
    assert_eq!(
        view.missing_secrets,
        BTreeSet::from([wanted("auth", Some("password")), wanted("absent", None)])
    );
}

#[tokio::test]
async fn a_refusal_is_no_silence() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(422).set_body_json(status(422, "Invalid", "no")))
        .mount(&server)
        .await;
    let cluster = connect(&server, &["there"]).await;
    let unreadable = cluster.view(&ViewWants::default()).await.unwrap_err();
    assert_eq!(unreadable.reason, Reason::ClusterRefused);
}

#[tokio::test]
async fn a_bare_404_is_no_absence() {
    let server = MockServer::start().await;
    let cluster = connect(&server, &["there"]).await;
    let unreadable = cluster.view(&ViewWants::default()).await.unwrap_err();
    assert_eq!(unreadable.reason, Reason::ClusterUnreachable);
}

#[tokio::test]
async fn a_dead_cluster_costs_its_own_deadline_and_nothing_of_the_others() {
    let (alive, dead) = (MockServer::start().await, MockServer::start().await);
    for (server, delay) in [(&alive, 0), (&dead, 60)] {
        mount_namespaces(server).await;
        let answer = ResponseTemplate::new(200).set_body_json(list(&[], ""));
        Mock::given(path("/api/v1/secrets"))
            .respond_with(answer.set_delay(Duration::from_secs(delay)))
            .mount(server)
            .await;
    }
    let never = Unreadable {
        reason: Reason::ClusterUnreachable,
        text: "no kubeconfig".to_owned(),
    };
    let clusters = BTreeMap::from([
        ("alive".parse().unwrap(), Ok(connect(&alive, &[]).await)),
        ("dead".parse().unwrap(), Ok(connect(&dead, &[]).await)),
        ("never".parse().unwrap(), Err(never.clone())),
    ]);
    let nothing = BTreeMap::new();
    let second = Duration::from_secs(1);
    let one_by_one = observe(&clusters, &nothing, (second, 1), None).await.views;
    let views = observe(&clusters, &nothing, (second, usize::MAX), None)
        .await
        .views;
    assert!(one_by_one.keys().eq(views.keys()), "none is left out");
    assert!(views[&"alive".parse().unwrap()].is_ok());
    let late = views[&"dead".parse().unwrap()].as_ref().unwrap_err();
    assert_eq!(late.reason, Reason::ClusterUnreachable);
    assert!(late.text.contains("within 1 s"), "{}", late.text);
    assert_eq!(
        views[&"never".parse().unwrap()].as_ref().unwrap_err(),
        &never
    );
}

/// Unknown is never absent.
#[tokio::test]
async fn whether_a_release_was_begun_is_asked_by_name() {
    let server = MockServer::start().await;
    mount_absence(&server).await;
    let first =
        |name: &str| format!("/api/v1/namespaces/shop/secrets/sh.helm.release.v1.{name}.v1");
    let there = json!({"metadata": {"name": "sh.helm.release.v1.a.v1"}});
    for (name, code, body) in [
        ("a", 200, there),
        ("broken", 403, status(403, "Forbidden", "no")),
    ] {
        Mock::given(path(first(name)))
            .respond_with(ResponseTemplate::new(code).set_body_json(body))
            .mount(&server)
            .await;
    }
    let cluster = connect(&server, &[]).await;
    let namespace = "shop".parse().unwrap();
    let begun = async |name: &str| {
        cluster
            .is_begun(&namespace, &name.parse().unwrap())
            .await
            .ok()
    };
    assert_eq!(begun("a").await, Some(true));
    assert_eq!(begun("b").await, Some(false));
    assert_eq!(begun("broken").await, None);
}

#[tokio::test]
async fn releases_of_which_nothing_was_told_are_not_listed_again() {
    let server = MockServer::start().await;
    mount_absence(&server).await;
    Mock::given(path("/api/v1/namespaces/a"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"metadata": {"name": "a"}})))
        .up_to_n_times(4)
        .mount(&server)
        .await;
    let secrets = "/api/v1/namespaces/a/secrets";
    let items = [meta("a", "nats", 1, "deployed", &ours(1))];
    Mock::given(path(secrets))
        .respond_with(ResponseTemplate::new(200).set_body_json(list(&items, "")))
        .mount(&server)
        .await;
    let cluster = connect(&server, &["a"]).await;
    let lists = async || {
        let requests = server.received_requests().await.unwrap();
        let lists = requests.iter().filter(|one| one.url.path() == secrets);
        lists.count()
    };
    let as_before = ViewWants {
        as_before: true,
        ..ViewWants::default()
    };
    let first = cluster.view(&as_before).await.unwrap();
    let unwatched = cluster.view(&as_before).await.unwrap();
    assert_eq!(lists().await, 2, "nobody listens");
    assert!(Arc::ptr_eq(&first, &unwatched));

    let mut listening = cluster.inner.told.listen(1);
    listening.take(0, &Event::<()>::InitDone);
    cluster.view(&as_before).await.unwrap();
    assert_eq!(lists().await, 3, "it was not listed since they listen");
    let still = cluster.view(&as_before).await.unwrap();
    assert_eq!(lists().await, 3);
    assert!(Arc::ptr_eq(&first, &still));

    let gone = cluster.view(&as_before).await.unwrap();
    assert_eq!(lists().await, 4, "the namespace is gone");
    assert!(gone.missing_namespaces.contains(&"a".parse().unwrap()));
    cluster.view(&as_before).await.unwrap();
    assert_eq!(lists().await, 4);
    cluster.view(&ViewWants::default()).await.unwrap();
    assert_eq!(lists().await, 5, "something else is wanted");
    listening.take(0, &Event::Delete(()));
    cluster.view(&as_before).await.unwrap();
    assert_eq!(lists().await, 6, "something was told");
    drop(listening);
    cluster.view(&as_before).await.unwrap();
    assert_eq!(lists().await, 7, "nobody listens any more");
}
