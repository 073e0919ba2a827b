//! Whom a pass patient for, one of many.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::runtime::watcher::Event;
use serde_json::json;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::view::mount_namespaces;
use super::{connect, list, meta, status};
use crate::cluster::Cluster;
use crate::id::ClusterId;
use crate::observe::observed::{ClusterView, Unreadable};
use crate::observe::{Patience, Patient, observe};
use crate::reason::Reason;

const SECOND: Duration = Duration::from_secs(1);
/// Sooner than a slow cluster answers.
const SOON: Duration = Duration::from_millis(300);
/// When a slow one answers.
const LATE: Duration = Duration::from_millis(700);

/// What one look gave, and how long it took.
type Seen = (Result<Arc<ClusterView>, Unreadable>, Duration);

/// Nothing is known of the pass before, or something is to be done.
const NEW: Option<&Arc<ClusterView>> = None;

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

    /// A pass; it `was` so before, and nothing was to be done.
    async fn look(&self, was: Option<&Arc<ClusterView>>) -> Seen {
        let began = Instant::now();
        let clusters = BTreeMap::from([(self.id.clone(), Ok(self.cluster.clone()))]);
        let patient = Patient {
            patience: &self.patience,
            was: &|_| was.cloned(),
        };
        let limits = (self.deadline, usize::MAX);
        let gathered = observe(&clusters, &BTreeMap::new(), limits, Some(patient)).await;
        let mut views = gathered.views;
        let view = views.remove(&self.id).unwrap();
        if gathered.still.contains(&self.id) {
            assert!(Arc::ptr_eq(view.as_ref().unwrap(), was.unwrap()));
            assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        }
        (view, began.elapsed())
    }

    async fn is_still(&self, was: &Arc<ClusterView>) -> bool {
        let asked = Instant::now();
        self.look(Some(was)).await.0.unwrap();
        asked.elapsed() < SOON
    }

    async fn has_news(&self, within: Duration) -> bool {
        let answered = self.patience.answered();
        tokio::time::timeout(within, answered.notified())
            .await
            .is_ok()
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
    let (first, waited) = passes.look(NEW).await;
    assert!(waited >= 2 * SECOND, "{waited:?}: it was never seen before");
    let (second, waited) = passes.look(NEW).await;
    assert!(waited < SECOND, "{waited:?}");
    assert_eq!(second.unwrap_err(), first.unwrap_err());

    drop(hang);
    Mock::given(path("/api/v1/secrets"))
        .respond_with(secrets(&[]))
        .mount(&server)
        .await;
    assert!(passes.has_news(10 * SECOND).await);
    passes.look(NEW).await.0.unwrap();
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
    let (first, waited) = passes.look(NEW).await;
    assert_eq!(first.unwrap_err().reason, Reason::ClusterUnreachable);
    assert!(waited > Duration::from_millis(500), "{waited:?}");
    let (second, waited) = passes.look(NEW).await;
    assert_eq!(second.unwrap_err().reason, Reason::ClusterUnreachable);
    assert!(waited < Duration::from_millis(200), "{waited:?}");

    drop(away);
    Mock::given(any())
        .respond_with(ResponseTemplate::new(403).set_body_json(status(403, "Forbidden", "no")))
        .mount(&server)
        .await;
    assert!(passes.has_news(10 * SECOND).await);
    let (third, _) = passes.look(NEW).await;
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
    passes.look(NEW).await.0.unwrap_err();
    passes.cluster = connect(&alive, &[]).await;
    passes.look(NEW).await.0.unwrap();
    let asked = async || dead.received_requests().await.unwrap().len();
    tokio::time::sleep(2 * SECOND).await;
    let before = asked().await;
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(asked().await, before, "the old one is still asked");
}

/// A cluster that answers late, and has answered once.
async fn slow() -> (MockServer, Passes, Arc<ClusterView>) {
    let server = MockServer::start().await;
    answer(&server, &[], LATE).await;
    let passes = Passes::of(&server, 10 * SECOND).await;
    let (view, waited) = passes.look(NEW).await;
    assert!(waited >= LATE, "{waited:?}");
    (server, passes, view.unwrap())
}

/// From now on, these releases.
async fn answer(server: &MockServer, items: &[serde_json::Value], delay: Duration) {
    server.reset().await;
    mount_namespaces(server).await;
    Mock::given(path("/api/v1/secrets"))
        .respond_with(secrets(items).set_delay(delay))
        .mount(server)
        .await;
}

#[tokio::test]
async fn a_slow_cluster_is_what_it_was_until_a_look_beside_the_passes_says_otherwise() {
    let (server, passes, was) = slow().await;
    assert!(passes.is_still(&was).await);
    assert!(!passes.has_news(2 * SECOND).await, "it was the same");
    answer(
        &server,
        &[meta("a", "nats", 1, "deployed", &json!({}))],
        LATE,
    )
    .await;
    assert!(passes.is_still(&was).await);
    assert!(passes.is_still(&was).await, "the look is under way");
    assert!(passes.has_news(3 * SECOND).await);
    let (view, waited) = passes.look(Some(&was)).await;
    assert!(waited >= LATE, "{waited:?}: it is waited for");
    assert_eq!(view.unwrap().releases.len(), 1);
}

#[tokio::test]
async fn a_slow_cluster_is_waited_for_where_something_is_to_be_done() {
    let (_server, passes, was) = slow().await;
    let (_, waited) = passes.look(NEW).await;
    assert!(waited >= LATE, "{waited:?}");
    assert!(passes.is_still(&was).await);
    passes.patience.must_look(&passes.id);
    assert!(passes.has_news(SOON).await, "the next pass comes soon");
    assert!(!passes.is_still(&was).await);
}

#[tokio::test]
async fn what_a_slow_cluster_tells_is_waited_for() {
    let (_server, passes, was) = slow().await;
    let mut listening = passes.cluster.inner.told.listen(1);
    listening.take(0, &Event::<()>::InitDone);
    assert!(!passes.is_still(&was).await, "nobody listened before");
    assert!(passes.is_still(&was).await);
    // Also while a look is under way that may have come too early for it.
    listening.take(0, &Event::Delete(()));
    assert!(!passes.is_still(&was).await);
    assert!(passes.is_still(&was).await);
    assert!(!passes.has_news(2 * SECOND).await, "it was the same");
}

#[tokio::test]
async fn a_slow_cluster_that_is_away_or_quick_again_is_no_longer_what_it_was() {
    let (server, passes, was) = slow().await;
    server.reset().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(503))
        .mount(&server)
        .await;
    assert!(passes.is_still(&was).await);
    assert!(passes.has_news(5 * SECOND).await);
    let (view, waited) = passes.look(Some(&was)).await;
    assert_eq!(view.unwrap_err().reason, Reason::ClusterUnreachable);
    assert!(waited < SOON, "{waited:?}");
    answer(&server, &[], Duration::ZERO).await;
    assert!(passes.has_news(5 * SECOND).await);
    assert!(passes.look(NEW).await.1 < SOON);
    answer(&server, &[], LATE).await;
    let (_, waited) = passes.look(Some(&was)).await;
    assert!(waited >= LATE, "{waited:?}: it is not known to be slow");
}
