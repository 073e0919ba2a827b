use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{connect, list, meta, status};
use crate::cluster::{Change, ClusterError};

const SECRETS: &str = "/api/v1/namespaces/a/secrets";
const SETS: &str = "/apis/apps/v1/namespaces/a/statefulsets";

fn set(uid: &str, generation: i64) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {
        "name": "nats", "namespace": "a", "uid": uid, "generation": generation, "resourceVersion": "8",
        "annotations": {"meta.helm.sh/release-name": "nats", "meta.helm.sh/release-namespace": "a"},
    }})
}

fn event(kind: &str, mut object: Value) -> String {
    object["kind"] = "PartialObjectMetadata".into();
    object["apiVersion"] = "meta.k8s.io/v1".into();
    json!({"type": kind, "object": object}).to_string() + "\n"
}

async fn mount(server: &MockServer, at: &str, items: &[Value], watched: ResponseTemplate) {
    Mock::given(method("GET"))
        .and(path(at))
        .and(query_param_is_missing("watch"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list(items, "")))
        .mount(server)
        .await;
    // Whoever comes back is told that it is too late.
    Mock::given(method("GET"))
        .and(path(at))
        .and(query_param("watch", "true"))
        .respond_with(watched)
        .up_to_n_times(1)
        .mount(server)
        .await;
    Mock::given(method("GET"))
        .and(path(at))
        .and(query_param("watch", "true"))
        .respond_with(ResponseTemplate::new(410).set_body_json(status(410, "Expired", "too old")))
        .mount(server)
        .await;
}

/// What is told until it can be watched no more, each kind in its order, and why it cannot.
async fn told(server: &MockServer) -> (Vec<Change>, Vec<Change>, ClusterError) {
    let cluster = connect(server, &["a"]).await;
    let mut told = Vec::new();
    let instance = "default".parse().unwrap();
    let ended = cluster
        .watch_changes(&instance, |change| {
            told.push(change);
            true
        })
        .await;
    let servers = |change: &Change| matches!(change, Change::Servers { .. });
    let (servers, releases) = told.into_iter().partition(servers);
    (releases, servers, ended.unwrap_err())
}

fn release(revision: u32, version: Option<&str>, marked: bool) -> Change {
    let uid = format!("uid-{revision}");
    Change::Release {
        id: "east/a/nats".parse().unwrap(),
        revision,
        secret: version.map(|version| (uid, version.to_owned())),
        marked,
    }
}

#[tokio::test]
async fn releases_that_are_there_then_what_happens_to_them() {
    let server = MockServer::start().await;
    let mark = json!({"natsx-sync/instance": "default"});
    let next = meta("a", "nats", 2, "deployed", &mark);
    let text = event("ADDED", next.clone()) + &event("DELETED", next);
    let watched = ResponseTemplate::new(200).set_body_string(text);
    let first = meta("a", "nats", 1, "deployed", &json!({}));
    mount(&server, SECRETS, &[first], watched).await;
    let silent = ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(20));
    mount(&server, SETS, &[], silent).await;
    let (releases, _, _) = told(&server).await;
    let expected = [
        release(1, Some("7"), false),
        Change::Listed,
        release(2, Some("7"), true),
        release(2, None, true),
    ];
    assert_eq!(releases, expected);
    let watched_as_listed = server.received_requests().await.unwrap().into_iter();
    let watched_as_listed = watched_as_listed.filter(|request| {
        let query = request.url.query().unwrap_or_default();
        request.url.path() == SECRETS && query.contains("watch=true")
    });
    for request in watched_as_listed {
        let query = request.url.query().unwrap_or_default();
        assert!(
            query.contains("owner%3Dhelm%2Cstatus%21%3Dsuperseded&"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_set_that_only_gets_ready_is_told_from_one_that_was_edited() {
    let server = MockServer::start().await;
    let events = [
        event("MODIFIED", set("u", 1)),
        event("MODIFIED", set("u", 2)),
        event("MODIFIED", set("u", 2)),
        event("DELETED", set("u", 2)),
        event("ADDED", set("v", 1)),
    ];
    let watched = ResponseTemplate::new(200).set_body_string(events.concat());
    mount(&server, SETS, &[set("u", 1)], watched).await;
    let silent = ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(20));
    mount(&server, SECRETS, &[], silent).await;
    let (_, servers, _) = told(&server).await;
    let edited: Vec<_> = servers
        .iter()
        .map(|change| matches!(change, Change::Servers { edited: true, .. }))
        .collect();
    assert_eq!(edited, [false, true, false, true, true]);
}

#[tokio::test]
async fn where_it_may_not_watch_it_says_so() {
    let server = MockServer::start().await;
    let refusal = status(403, "Forbidden", "cannot watch resource \"secrets\"");
    let watched = ResponseTemplate::new(403).set_body_json(refusal);
    mount(&server, SECRETS, &[], watched).await;
    let silent = ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(20));
    mount(&server, SETS, &[], silent).await;
    let (_, _, error) = told(&server).await;
    assert!(matches!(error, ClusterError::Forbidden { .. }), "{error}");
    assert!(error.to_string().contains("cannot watch"), "{error}");
}
