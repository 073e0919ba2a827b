use serde_json::{Value, json};
use wiremock::matchers::{path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::cluster::tests::{connect, mount_absence};

const NAMESPACE: &str = "shop";

fn stored_set(monitor: bool) -> Value {
    let mut ports = vec![
        json!({"name": "nats", "containerPort": 4222}),
        json!({"name": "cluster", "containerPort": 6222}),
    ];
    if monitor {
        ports.push(json!({"name": "monitor", "containerPort": 8222}));
    }
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "orders"},
        "spec": {
            "selector": {"matchLabels": {"app": "orders"}},
            "template": {"spec": {"containers": [{"name": "nats", "ports": ports}]}},
        },
    })
}

fn target(monitor: bool, change: Option<ConfigChange>) -> HealthTarget {
    let stored = StoredRelease {
        chart: "nats".to_owned(),
        chart_version: "2.14.2".to_owned(),
        values: json!({"config": {"merge": {"authorization": {"password": "hunter2-word"}}}}),
        stateful_sets: vec![stored_set(monitor)],
        objects: Vec::new(),
        configuration: Vec::new(),
    };
    let (namespace, release) = (NAMESPACE.parse().unwrap(), "orders".parse().unwrap());
    HealthTarget {
        change,
        ..HealthTarget::of(namespace, release, &stored)
    }
}

async fn answer(server: &MockServer, place: &str, code: u16, body: Value) {
    Mock::given(path(place))
        .respond_with(ResponseTemplate::new(code).set_body_json(body))
        .mount(server)
        .await;
}

/// Two servers of a cluster; each proxy answers as given.
async fn exchange(ready: i32) -> MockServer {
    let server = MockServer::start().await;
    mount_absence(&server).await;
    let mut set = stored_set(true);
    set["metadata"] = json!({"name": "orders", "uid": "set", "generation": 1});
    set["spec"]["replicas"] = json!(2);
    set["status"] = json!({
        "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": ready,
    });
    answer(
        &server,
        "/apis/apps/v1/namespaces/shop/statefulsets/orders",
        200,
        set,
    )
    .await;
    let pod = |index: u32, owner: &str| {
        json!({
            "metadata": {"name": format!("orders-{index}"), "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "orders", "uid": owner},
            ]},
            "status": {"containerStatuses": [{
                "name": "nats", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                "state": {"running": {"startedAt": "2026-06-01T00:00:00Z"}},
            }]},
        })
    };
    Mock::given(path("/api/v1/namespaces/shop/pods"))
        .and(query_param("labelSelector", "app=orders"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "metadata": {}, "items": [pod(1, "set"), pod(0, "set"), pod(9, "other")],
        })))
        .mount(&server)
        .await;
    server
}

fn proxy(index: u32, endpoint: &str) -> String {
    format!("/api/v1/namespaces/shop/pods/orders-{index}:8222/proxy/{endpoint}")
}

async fn mount_server(server: &MockServer, index: u32, peer: u32, leader: &str) {
    let healthy = json!({"status": "ok"});
    answer(server, &proxy(index, "healthz"), 200, healthy).await;
    let id = format!("ID{index}");
    let routes = json!([{"remote_id": format!("ID{peer}")}, {"remote_id": format!("ID{peer}")}]);
    let body = json!({"server_id": id, "num_routes": 2, "routes": routes});
    answer(server, &proxy(index, "routez"), 200, body).await;
    let jsz = json!({"server_id": id, "meta_cluster": {"leader": leader, "cluster_size": 2}});
    answer(server, &proxy(index, "jsz"), 200, jsz).await;
}

#[tokio::test]
async fn servers_that_see_each_other_and_a_leader_are_ready() {
    let server = exchange(2).await;
    mount_server(&server, 0, 1, "orders-1").await;
    mount_server(&server, 1, 0, "orders-1").await;
    let cluster = connect(&server, &[]).await;
    assert_eq!(check(&cluster, &target(true, None)).await, Health::Ready);
}

#[tokio::test]
async fn kubernetes_may_be_content_while_nats_is_not() {
    let server = exchange(2).await;
    mount_server(&server, 0, 1, "orders-1").await;
    let body = json!({"status": "unavailable", "status_code": 503, "error": "JetStream has not established contact with a meta leader"});
    answer(&server, &proxy(1, "healthz"), 503, body).await;
    let cluster = connect(&server, &[]).await;
    let health = check(&cluster, &target(true, None)).await;
    let Health::Waiting { reason, text } = &health else {
        panic!("{health:?}");
    };
    assert_eq!(*reason, Reason::ClusterNotFormed);
    assert!(text.starts_with("orders-1: JetStream"), "{text}");
}

/// Its pods cannot be listed here: nobody needs to, where there are none.
#[tokio::test]
async fn nobody_is_asked_of_what_is_scaled_to_nothing() {
    let server = MockServer::start().await;
    mount_absence(&server).await;
    let place = "/apis/apps/v1/namespaces/shop/statefulsets/orders";
    let mut set = stored_set(true);
    set["metadata"] = json!({"name": "orders", "uid": "set", "generation": 1});
    set["spec"]["replicas"] = json!(0);
    set["status"] = json!({"observedGeneration": 1, "replicas": 0});
    answer(&server, place, 200, set.clone()).await;
    let cluster = connect(&server, &[]).await;
    // Released with one server, and scaled since.
    let scaled = check(&cluster, &target(true, None)).await;
    let Health::Waiting { reason, text } = &scaled else {
        panic!("{scaled:?}");
    };
    assert_eq!(*reason, Reason::ScaledDown);
    assert!(text.starts_with("scaled to 0 of 1 servers"), "{text}");
    let command = "`kubectl -n shop scale statefulset orders --replicas=1`";
    assert!(text.contains(command), "{text}");
    let released = HealthTarget {
        shapes: Some(Box::new([Shape::read(&set).unwrap()])),
        ..target(true, None)
    };
    assert_eq!(check(&cluster, &released).await, Health::Limited);
}

#[tokio::test]
async fn a_rollout_comes_before_any_question_to_nats() {
    let server = exchange(1).await;
    let cluster = connect(&server, &[]).await;
    let health = check(&cluster, &target(true, None)).await;
    let Health::Waiting { reason, text } = &health else {
        panic!("{health:?}");
    };
    assert_eq!(*reason, Reason::RollingOut);
    assert!(text.starts_with("1 of 2 pods ready"), "{text}");
}

#[tokio::test]
async fn without_a_monitor_or_a_permission_nothing_is_claimed() {
    let server = exchange(2).await;
    let cluster = connect(&server, &[]).await;
    assert_eq!(check(&cluster, &target(false, None)).await, Health::Limited);
    let refusal = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden",
        "message": "pods \"orders-0\" is forbidden: cannot get resource \"pods/proxy\"",
    });
    for index in [0, 1] {
        answer(&server, &proxy(index, "healthz"), 403, refusal.clone()).await;
    }
    let health = check(&cluster, &target(true, None)).await;
    let Health::Unknown { text } = &health else {
        panic!("{health:?}");
    };
    assert!(text.contains("pods/proxy"), "{text}");
}

#[tokio::test]
async fn a_refused_reload_is_found_in_the_log() {
    let server = exchange(2).await;
    for (index, peer, loaded) in [
        (0, 1, "2026-06-02T00:01:00Z"),
        (1, 0, "2026-06-01T00:00:00Z"),
    ] {
        mount_server(&server, index, peer, "orders-1").await;
        let varz = json!({"config_load_time": loaded, "config_digest": "sha256:aa"});
        answer(&server, &proxy(index, "varz"), 200, varz).await;
    }
    Mock::given(path("/api/v1/namespaces/shop/pods/orders-1/log"))
        .and(query_param("container", "nats"))
        .respond_with(ResponseTemplate::new(200).set_body_string(
            "[7] [ERR] Failed to reload server configuration: nats.conf:3: bad size in hunter2-word\n",
        ))
        .mount(&server)
        .await;
    let cluster = connect(&server, &[]).await;
    let change = ConfigChange {
        at: "2026-06-02T00:00:00Z".parse().unwrap(),
        before: Vec::new(),
        digests: BTreeMap::new(),
    };
    let health = check(&cluster, &target(true, Some(change))).await;
    let Health::Failed { reason, text } = &health else {
        panic!("{health:?}");
    };
    assert_eq!(*reason, Reason::ReloadRefused);
    assert!(text.contains("orders-1: Failed to reload"), "{text}");
    assert!(text.contains("bad size in (sensitive"), "{text}");
}

#[tokio::test]
async fn how_long_a_change_waits_is_told_by_the_clock_of_the_cluster() {
    let change = || ConfigChange {
        at: "2026-06-02T00:00:00Z".parse().unwrap(),
        before: Vec::new(),
        digests: BTreeMap::new(),
    };
    // Months from ours, as any other difference.
    for (date, expected) in [
        ("Tue, 02 Jun 2026 00:00:40 GMT", Reason::ReloadPending),
        ("Tue, 02 Jun 2026 00:02:59 GMT", Reason::ReloadPending),
        ("Tue, 02 Jun 2026 00:03:05 GMT", Reason::ReloadRefused),
        // The change is from a replica whose clock is ahead.
        ("Mon, 01 Jun 2026 23:59:58 GMT", Reason::ReloadPending),
    ] {
        let server = exchange(2).await;
        for (index, peer) in [(0, 1), (1, 0)] {
            mount_server(&server, index, peer, "orders-1").await;
            let varz = json!({"config_load_time": "2026-06-01T00:00:00Z", "config_digest": "aa"});
            answer(&server, &proxy(index, "varz"), 200, varz).await;
            let log = format!("/api/v1/namespaces/shop/pods/orders-{index}/log");
            Mock::given(path(log))
                .respond_with(ResponseTemplate::new(200))
                .mount(&server)
                .await;
        }
        Mock::given(path("/version"))
            .respond_with(ResponseTemplate::new(403).insert_header("date", date))
            .mount(&server)
            .await;
        let cluster = connect(&server, &[]).await;
        let health = check(&cluster, &target(true, Some(change()))).await;
        assert_eq!(health.reason(), expected, "{date}: {health:?}");
    }
}
