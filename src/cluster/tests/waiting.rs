//! Whom a pass patient for, one of many.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::view::mount_namespaces;
use super::{connect, list, meta, status};
use crate::cluster::{Cluster, ViewWants};
use crate::id::ClusterId;
use crate::observe::observed::{ClusterView, Unreadable};
use crate::observe::{Patience, Patient, Was, observe};
use crate::reason::Reason;

const SECOND: Duration = Duration::from_secs(1);

/// What one look gave, and how long it took.
type Seen = (Result<Arc<ClusterView>, Unreadable>, Duration);

/// The passes of one cluster.
struct Passes {
    id: ClusterId,
    cluster: Cluster,
    deadline: Duration,
    patience: Arc<Patience>,
}

impl Passes {
    async fn of(server: &MockServer, deadline: Duration) -> Self {
        Self {
            id: "east".parse().unwrap(),
            cluster: connect(server, &[]).await,
            deadline,
            patience: Arc::new(Patience::asking_every(Duration::from_millis(50))),
        }
    }

    async fn look(&self, was: impl Fn() -> Was + Sync) -> Seen {
        self.look_for(&ViewWants::default(), was).await
    }

    async fn look_for(&self, wants: &ViewWants, was: impl Fn() -> Was + Sync) -> Seen {
        let began = Instant::now();
        let clusters = BTreeMap::from([(self.id.clone(), Ok(self.cluster.clone()))]);
        let wants = BTreeMap::from([(self.id.clone(), Arc::new(wants.clone()))]);
        let patient = Patient {
            patience: &self.patience,
            was: &|_| was(),
        };
        let limits = (self.deadline, usize::MAX);
        let mut views = observe(&clusters, &wants, limits, Some(patient)).await;
        (views.remove(&self.id).unwrap(), began.elapsed())
    }

    async fn until_answered(&self) {
        let answered = self.patience.answered();
        tokio::time::timeout(10 * SECOND, answered.notified())
            .await
            .unwrap();
    }
}

fn secrets(items: &[serde_json::Value]) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(list(items, ""))
}

#[tokio::test]
async fn a_cluster_that_hangs_keeps_one_pass_waiting_and_no_other() {
    let server = MockServer::start().await;
    mount_namespaces(&server).await;
    let hang = Mock::given(path("/api/v1/secrets"))
        .respond_with(secrets(&[]).set_delay(60 * SECOND))
        .mount_as_scoped(&server)
        .await;
    let passes = Passes::of(&server, 2 * SECOND).await;
    let (first, waited) = passes.look(|| Was::Unread).await;
    assert!(waited >= 2 * SECOND, "{waited:?}: it was never seen before");
    let (second, waited) = passes.look(|| Was::Unread).await;
    assert!(waited < SECOND, "{waited:?}");
    assert_eq!(second.unwrap_err(), first.unwrap_err());

    drop(hang);
    Mock::given(path("/api/v1/secrets"))
        .respond_with(secrets(&[]))
        .mount(&server)
        .await;
    passes.until_answered().await;
    passes.look(|| Was::Unread).await.0.unwrap();
}

#[tokio::test]
async fn a_cluster_that_begins_to_hang_is_not_waited_for_until_its_deadline() {
    let server = MockServer::start().await;
    mount_namespaces(&server).await;
    Mock::given(path("/api/v1/secrets"))
        .respond_with(secrets(&[]).set_delay(60 * SECOND))
        .mount(&server)
        .await;
    let passes = Passes::of(&server, 3 * SECOND).await;
    let (view, waited) = passes.look(|| Was::Other).await;
    assert!(waited < 2 * SECOND, "{waited:?}");
    let text = view.unwrap_err().text;
    assert!(text.contains("within 1 s"), "{text}");
    passes.until_answered().await;
    let (view, waited) = passes.look(|| Was::Unread).await;
    assert!(
        waited < SECOND,
        "{waited:?}: the look beside has found it out"
    );
    let text = view.unwrap_err().text;
    assert!(text.contains("within 3 s"), "{text}");
}

/// Asked three times it is known to be away; no pass after that one patient so long, and what it answers in the end is news,
/// be it a refusal.
#[tokio::test]
async fn a_cluster_that_is_away_keeps_one_pass_waiting_and_no_other() {
    let server = MockServer::start().await;
    let away = Mock::given(any())
        .respond_with(ResponseTemplate::new(503))
        .mount_as_scoped(&server)
        .await;
    let passes = Passes::of(&server, 20 * SECOND).await;
    let (first, waited) = passes.look(|| Was::Unread).await;
    assert_eq!(first.unwrap_err().reason, Reason::ClusterUnreachable);
    assert!(waited > Duration::from_millis(500), "{waited:?}");
    let (second, waited) = passes.look(|| Was::Unread).await;
    assert_eq!(second.unwrap_err().reason, Reason::ClusterUnreachable);
    assert!(waited < Duration::from_millis(200), "{waited:?}");

    drop(away);
    Mock::given(any())
        .respond_with(ResponseTemplate::new(403).set_body_json(status(403, "Forbidden", "no")))
        .mount(&server)
        .await;
    passes.until_answered().await;
    let (third, _) = passes.look(|| Was::Unread).await;
    assert_eq!(third.unwrap_err().reason, Reason::ClusterForbidden);
}

/// As with the new address of one whose old one swallows everything.
#[tokio::test]
async fn a_cluster_that_hangs_is_asked_at_once_over_another_connection() {
    let (dead, alive) = (MockServer::start().await, MockServer::start().await);
    mount_namespaces(&alive).await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_delay(60 * SECOND))
        .mount(&dead)
        .await;
    Mock::given(path("/api/v1/secrets"))
        .respond_with(secrets(&[]))
        .mount(&alive)
        .await;
    let mut passes = Passes::of(&dead, SECOND).await;
    passes.look(|| Was::Unread).await.0.unwrap_err();
    passes.cluster = connect(&alive, &[]).await;
    passes.look(|| Was::Unread).await.0.unwrap();
    let asked = async || dead.received_requests().await.unwrap().len();
    tokio::time::sleep(2 * SECOND).await;
    let before = asked().await;
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(asked().await, before, "the old one is still asked");
}

/// A cluster that answers after a second and a half.
async fn slow() -> (MockServer, Passes) {
    let server = MockServer::start().await;
    mount_namespaces(&server).await;
    Mock::given(path("/api/v1/secrets"))
        .respond_with(secrets(&[]).set_delay(SECOND * 3 / 2))
        .mount(&server)
        .await;
    let passes = Passes::of(&server, 10 * SECOND).await;
    (server, passes)
}

#[tokio::test]
async fn a_slow_cluster_is_what_it_was_until_a_look_beside_the_passes_says_otherwise() {
    let (server, passes) = slow().await;
    let (first, waited) = passes.look(|| Was::Unread).await;
    assert!(waited > SECOND, "{waited:?}: it was never seen before");
    let first = first.unwrap();
    let settled = || Was::Settled(Arc::clone(&first));
    for most in [Duration::from_millis(1400), Duration::from_millis(200)] {
        let (view, waited) = passes.look(settled).await;
        assert!(Arc::ptr_eq(&view.unwrap(), &first));
        assert!(waited < most, "{waited:?}");
        assert!(passes.patience.is_still(&passes.id));
    }
    // Nothing is new.
    let news = passes.patience.answered();
    tokio::time::timeout(3 * SECOND, news.notified())
        .await
        .unwrap_err();

    server.reset().await;
    mount_namespaces(&server).await;
    let items = [meta("a", "nats", 1, "deployed", &json!({}))];
    Mock::given(path("/api/v1/secrets"))
        .respond_with(secrets(&items).set_delay(SECOND * 3 / 2))
        .mount(&server)
        .await;
    let (view, _) = passes.look(settled).await;
    assert!(Arc::ptr_eq(&view.unwrap(), &first));
    passes.until_answered().await;
    let (view, waited) = passes.look(settled).await;
    assert_eq!(view.unwrap().releases.len(), 1);
    assert!(waited < Duration::from_millis(200), "{waited:?}");
    assert!(!passes.patience.is_still(&passes.id), "it was read");
}

#[tokio::test]
async fn what_is_wanted_anew_in_a_slow_cluster_waits_for_a_look_that_began_since() {
    let (_server, passes) = slow().await;
    let (view, _) = passes.look(|| Was::Other).await;
    view.unwrap_err();
    let more = ViewWants {
        decode: [crate::observe::observed::ReleaseKey::try_from("a/nats".to_owned()).unwrap()]
            .into(),
        ..ViewWants::default()
    };
    let (view, _) = passes.look_for(&more, || Was::Unread).await;
    view.unwrap_err();
    // The first look was for something else.
    passes.until_answered().await;
    let (view, _) = passes.look_for(&more, || Was::Unread).await;
    view.unwrap_err();
    passes.until_answered().await;
    let (view, waited) = passes.look_for(&more, || Was::Unread).await;
    view.unwrap();
    assert!(waited < Duration::from_millis(200), "{waited:?}");

    // So is one that began before something was done there.
    let (view, _) = passes.look_for(&more, || Was::Other).await;
    view.unwrap_err();
    passes.patience.outdate(&passes.id);
    passes.until_answered().await;
    let (view, _) = passes.look_for(&more, || Was::Other).await;
    view.unwrap_err();
    passes.until_answered().await;
    let (view, _) = passes.look_for(&more, || Was::Other).await;
    view.unwrap();
}
