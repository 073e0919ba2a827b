use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use wiremock::matchers::path_regex;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::*;
use crate::cluster::tests::connect;

const SHORT: Pace = Pace {
    duration: Duration::from_secs(2),
    renew: Duration::from_millis(400),
};

/// One Lease, kept as an API server keeps it.
#[derive(Clone, Default)]
struct Api {
    lease: Arc<Mutex<Option<Value>>>,
    version: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
    /// Answered to every write, if it is not 0.
    fault: Arc<AtomicUsize>,
    paths: Arc<Mutex<Vec<String>>>,
}

impl Api {
    async fn start() -> (Self, MockServer) {
        let (api, server) = (Self::default(), MockServer::start().await);
        Mock::given(path_regex("/leases"))
            .respond_with(api.clone())
            .mount(&server)
            .await;
        (api, server)
    }

    fn spec(&self) -> Value {
        self.lease.lock().unwrap().as_ref().unwrap()["spec"].clone()
    }

    fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    fn fail_writes(&self, code: usize) {
        self.fault.store(code, Ordering::SeqCst);
    }
}

fn refusal(code: usize, reason: &str) -> ResponseTemplate {
    let code = u16::try_from(code).unwrap();
    ResponseTemplate::new(code).set_body_json(json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": reason,
    }))
}

impl Respond for Api {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path().to_owned();
        self.paths.lock().unwrap().push(path);
        let mut lease = self.lease.lock().unwrap();
        if request.method.as_str() == "GET" {
            return match &*lease {
                Some(lease) => ResponseTemplate::new(200).set_body_json(lease),
                None => refusal(404, "NotFound"),
            };
        }
        match self.fault.load(Ordering::SeqCst) {
            0 => {}
            code => return refusal(code, "Forbidden"),
        }
        let mut wanted: Value = serde_json::from_slice(&request.body).unwrap();
        let version = |lease: &Value| lease["metadata"]["resourceVersion"].clone();
        match (request.method.as_str(), &*lease) {
            ("POST", Some(_)) => return refusal(409, "AlreadyExists"),
            ("PUT", None) => return refusal(404, "NotFound"),
            ("PUT", Some(lease)) if version(lease) != version(&wanted) => {
                return refusal(409, "Conflict");
            }
            _ => {}
        }
        self.writes.fetch_add(1, Ordering::SeqCst);
        let next = self.version.fetch_add(1, Ordering::SeqCst) + 1;
        wanted["metadata"]["resourceVersion"] = json!(next.to_string());
        *lease = Some(wanted.clone());
        ResponseTemplate::new(200).set_body_json(wanted)
    }
}

fn host(name: &str) -> Leases {
    Leases::paced(&Instance::default(), name.to_owned(), SHORT)
}

fn exchange(name: &str) -> ExchangeId {
    format!("east/shop/{name}").parse().unwrap()
}

#[tokio::test]
async fn one_host_works_at_a_time_and_lets_the_next_one_in_when_it_is_done() {
    let (api, server) = Api::start().await;
    let cluster = connect(&server, &[]).await;
    let (first, second) = (host("first"), host("second"));
    let (a, b) = (exchange("a"), exchange("b"));
    first.admit(&cluster, &a).await.unwrap();
    first.admit(&cluster, &b).await.unwrap();
    assert_eq!(api.writes(), 1, "one lease for the whole cluster");
    assert_eq!(api.spec()["holderIdentity"], "first");
    let refused = second.admit(&cluster, &a).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::LeaseHeld);
    assert!(refused.to_string().contains("first"), "{refused}");

    // It is renewed as long as one of them needs it, far beyond its duration.
    first.leave(&a);
    for _ in 0..25 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(second.admit(&cluster, &a).await.is_err());
    }
    assert!(api.writes() > 5, "{}", api.writes());
    first.admit(&cluster, &b).await.unwrap();
    first.leave(&b);
    tokio::time::timeout(SHORT.renew, async {
        while !api.spec()["holderIdentity"].is_null() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_millis(800)).await;
    second.admit(&cluster, &a).await.unwrap();
    assert_eq!(api.spec()["holderIdentity"], "second");
    assert_eq!(api.spec()["leaseTransitions"], 1);
    assert!(first.admit(&cluster, &a).await.is_err());
    second.close().await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    first.admit(&cluster, &a).await.unwrap();
    let paths = api.paths.lock().unwrap().clone();
    let place = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
    assert!(
        paths.iter().all(|path| path.starts_with(place)),
        "{paths:?}"
    );
}

#[tokio::test]
async fn nobody_writes_while_there_is_nothing_to_do() {
    let (api, server) = Api::start().await;
    let cluster = connect(&server, &[]).await;
    let host = host("first");
    host.admit(&cluster, &exchange("a")).await.unwrap();
    host.leave(&exchange("a"));
    tokio::time::sleep(SHORT.renew * 3).await;
    assert_eq!(api.writes(), 2, "taken and given back");
}

#[tokio::test]
async fn a_lease_of_a_host_that_is_gone_runs_out_and_never_before() {
    let (api, server) = Api::start().await;
    let cluster = connect(&server, &[]).await;
    let gone = host("gone");
    gone.admit(&cluster, &exchange("a")).await.unwrap();
    // As by kill -9: nobody renews it any more. Its times say nothing: they are by another clock.
    let mut left = api.lease.lock().unwrap().clone().unwrap();
    left["spec"]["renewTime"] = json!("2001-01-01T00:00:00.000000Z");
    gone.close().await;
    left["metadata"]["resourceVersion"] =
        api.lease.lock().unwrap().as_ref().unwrap()["metadata"]["resourceVersion"].clone();
    *api.lease.lock().unwrap() = Some(left);

    let (next, began) = (host("next"), std::time::Instant::now());
    while next.admit(&cluster, &exchange("a")).await.is_err() {
        assert!(began.elapsed() < SHORT.duration * 3);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() > SHORT.duration, "{:?}", began.elapsed());
    assert_eq!(api.spec()["holderIdentity"], "next");
}

#[tokio::test]
async fn a_restart_goes_on_at_once() {
    let (api, server) = Api::start().await;
    let cluster = connect(&server, &[]).await;
    let killed = host("here");
    killed.admit(&cluster, &exchange("a")).await.unwrap();
    let again = host("here");
    again.admit(&cluster, &exchange("a")).await.unwrap();
    assert_eq!(api.spec()["leaseTransitions"], 0);
    // The one before, had it only slept, finds that it is no longer the one who writes.
    tokio::time::sleep(SHORT.renew * 2).await;
    let version = |api: &Api| api.version.load(Ordering::SeqCst);
    assert!(version(&api) > 2, "renewed by one of them");
}

#[tokio::test]
async fn who_cannot_renew_starts_nothing_more() {
    let (api, server) = Api::start().await;
    let cluster = connect(&server, &[]).await;
    let (cut_off, other) = (host("cut off"), host("other"));
    let a = exchange("a");
    cut_off.admit(&cluster, &a).await.unwrap();
    let began = std::time::Instant::now();
    api.fail_writes(500);
    let refused = loop {
        assert!(other.admit(&cluster, &a).await.is_err());
        match cut_off.admit(&cluster, &a).await {
            Ok(()) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(refused) => break refused,
        }
    };
    // Before anybody else may begin.
    assert!(began.elapsed() < SHORT.duration, "{:?}", began.elapsed());
    assert_ne!(refused.reason(), Reason::LeaseHeld);
    tokio::time::sleep(SHORT.duration).await;
    api.fail_writes(0);
    tokio::time::timeout(SHORT.duration * 2, async {
        while other.admit(&cluster, &a).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .ok();
    let (mine, theirs) = (
        cut_off.admit(&cluster, &a).await,
        other.admit(&cluster, &a).await,
    );
    assert!(mine.is_ok() != theirs.is_ok(), "{mine:?} {theirs:?}");
}

/// The settings lead to another cluster, and somebody has approved of that.
#[tokio::test]
async fn the_lease_of_one_cluster_admits_to_no_other() {
    let ((old, first), (new, second)) = (Api::start().await, Api::start().await);
    let host = host("here");
    let before = connect(&first, &[]).await;
    host.admit(&before, &exchange("a")).await.unwrap();
    let after = connect(&second, &[]).await;
    let other = Leases::paced(&Instance::default(), "other".to_owned(), SHORT);
    other.admit(&after, &exchange("a")).await.unwrap();
    let refused = host.admit(&after, &exchange("b")).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::LeaseHeld);
    other.close().await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    host.admit(&after, &exchange("b")).await.unwrap();
    assert_eq!(new.spec()["holderIdentity"], "here");
    let writes = (old.writes(), new.writes());
    tokio::time::sleep(SHORT.renew * 3).await;
    assert_eq!(old.writes(), writes.0, "nothing is done there any more");
    assert!(new.writes() > writes.1, "it is kept");
    // What may not be done in one may be done in the other.
    old.fail_writes(403);
    host.admit(&before, &exchange("a")).await.unwrap();
    new.lease.lock().unwrap().take();
    host.admit(&after, &exchange("b")).await.unwrap();
    assert_eq!(new.spec()["holderIdentity"], "here");
}

#[tokio::test]
async fn a_lease_is_renewed_over_the_connection_there_is() {
    let (api, first) = Api::start().await;
    let second = MockServer::start().await;
    Mock::given(path_regex("/leases"))
        .respond_with(api.clone())
        .mount(&second)
        .await;
    let host = host("here");
    let a = exchange("a");
    host.admit(&connect(&first, &[]).await, &a).await.unwrap();
    // As with a token that is accepted no longer.
    first.reset().await;
    Mock::given(path_regex("/leases"))
        .respond_with(refusal(401, "Unauthorized"))
        .mount(&first)
        .await;
    let cluster = connect(&second, &[]).await;
    let began = std::time::Instant::now();
    while began.elapsed() < SHORT.duration * 2 {
        host.admit(&cluster, &a).await.unwrap();
        tokio::time::sleep(SHORT.renew / 4).await;
    }
    assert!(api.writes() > 4, "{}", api.writes());
    assert_eq!(api.spec()["leaseTransitions"], 0);
}

#[tokio::test]
async fn without_the_right_to_leases_the_work_goes_on() {
    let (api, server) = Api::start().await;
    let cluster = connect(&server, &[]).await;
    api.fail_writes(403);
    let host = host("poor");
    for _ in 0..3 {
        host.admit(&cluster, &exchange("a")).await.unwrap();
    }
    let asked = api.paths.lock().unwrap().len();
    assert_eq!(asked, 2, "not asked again at once");
}

#[tokio::test]
async fn limited_to_namespaces_each_has_its_own() {
    let (api, server) = Api::start().await;
    let cluster = connect(&server, &["shop", "yard"]).await;
    let host = host("limited");
    host.admit(&cluster, &exchange("a")).await.unwrap();
    let paths = api.paths.lock().unwrap().clone();
    assert!(paths.iter().all(|path| path.contains("/namespaces/shop/")));
    let name = api.lease.lock().unwrap().as_ref().unwrap()["metadata"]["name"].clone();
    assert_eq!(name, "natsx-sync-default");
}
