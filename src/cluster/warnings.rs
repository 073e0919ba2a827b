//! The last warning Kubernetes gave about an object. An API server keeps no events at hand: it reads all of a namespace for
//! one question, and a hundred exchanges that wait for their pods each had one every other second.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;
use tokio::time::Instant;

use super::access::Cluster;
use super::error::shorten;
use crate::id::Namespace;

/// An answer is good for so long, also one that says nothing.
const FRESH: Duration = Duration::from_secs(10);

/// What was asked about: its namespace, kind and name.
type Object = (Namespace, &'static str, String);

/// What was answered lately; empty where there was nothing to say.
#[derive(Default)]
pub(super) struct Warnings(Mutex<HashMap<Object, (Instant, String)>>);

impl Warnings {
    fn known(&self, object: &Object) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, said) = all.get(object)?;
        (at.elapsed() < FRESH).then(|| said.clone())
    }

    fn keep(&self, object: Object, said: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (at, _)| at.elapsed() < FRESH);
        all.insert(object, (Instant::now(), said));
    }
}

impl Cluster {
    /// The text of the last warning about an object, which may be some seconds old. Only a hint, so a refusal to tell is no
    /// error.
    pub async fn last_warning(
        &self,
        namespace: &Namespace,
        kind: &'static str,
        name: &str,
    ) -> Option<String> {
        let object = (namespace.clone(), kind, name.to_owned());
        let warnings = &self.inner.warnings;
        let said = if let Some(said) = warnings.known(&object) {
            said
        } else {
            let said = self.look_for_warning(&object).await.unwrap_or_default();
            warnings.keep(object, said.clone());
            said
        };
        Some(said).filter(|said| !said.is_empty())
    }

    async fn look_for_warning(&self, (namespace, kind, name): &Object) -> Option<String> {
        let api: Api<Event> = self.namespaced(namespace);
        let fields = format!("involvedObject.kind={kind},involvedObject.name={name},type=Warning");
        let events = api
            .list(&ListParams::default().fields(&fields).limit(50))
            .await
            .ok()?;
        let last = events.items.into_iter().max_by_key(|event| {
            event
                .last_timestamp
                .as_ref()
                .map(|time| time.0)
                .or_else(|| event.event_time.as_ref().map(|time| time.0))
        })?;
        Some(shorten(&last.message?, 300))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::{path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use crate::cluster::tests::connect;

    #[tokio::test]
    async fn who_asks_again_soon_is_told_the_same() {
        let server = MockServer::start().await;
        let event = |message: &str, at: &str| json!({"metadata": {}, "involvedObject": {}, "message": message, "lastTimestamp": at});
        let events = json!({"metadata": {}, "items": [
            event("Back-off", "2026-01-01T00:00:09Z"),
            event("no such image", "2026-01-01T00:00:05Z"),
        ]});
        let about = |name: &str, answer: ResponseTemplate| {
            let fields = format!("involvedObject.kind=Pod,involvedObject.name={name},type=Warning");
            Mock::given(path("/api/v1/namespaces/here/events"))
                .and(query_param("fieldSelector", fields))
                .respond_with(answer)
                .expect(1)
        };
        let told = ResponseTemplate::new(200).set_body_json(&events);
        about("nats-0", told).mount(&server).await;
        about("nats-1", ResponseTemplate::new(403))
            .mount(&server)
            .await;
        let cluster = connect(&server, &[]).await;
        let namespace = "here".parse().unwrap();
        for _ in 0..3 {
            let said = cluster.last_warning(&namespace, "Pod", "nats-0").await;
            assert_eq!(said.as_deref(), Some("Back-off"));
            let said = cluster.last_warning(&namespace, "Pod", "nats-1").await;
            assert_eq!(said, None);
        }
    }
}
