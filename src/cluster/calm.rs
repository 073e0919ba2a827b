//! Releases whose objects were found as they should be. An object that nobody wrote since is so still, and to see that it
//! was not written costs a tenth of asking what would become of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use smol_str::SmolStr;
use tokio::time::Instant;

use super::access::Cluster;
use super::drift::{Compared, PARALLEL};
use crate::drift::IgnoredPath;
use crate::id::{Namespace, ReleaseName};
use crate::observe::observed::ObjectRef;

/// Believed for so long: the API server's defaults, and what its webhooks make of an object, change without a write.
const BELIEVED: Duration = Duration::from_secs(60 * 60);

/// An object as it was found, and its version then.
pub(super) type Seen = (ObjectRef, String);

#[derive(Debug)]
struct Calm {
    since: Instant,
    release: SmolStr,
    ignored: Vec<IgnoredPath>,
    seen: Vec<Seen>,
}

/// The calm releases of a cluster.
#[derive(Default)]
pub(super) struct Calms(Mutex<HashMap<(Namespace, ReleaseName), Arc<Calm>>>);

impl Calms {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Namespace, ReleaseName), Arc<Calm>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, compared: Compared<'_>) -> Option<Arc<Calm>> {
        let calm = Arc::clone(self.lock().get(&key(compared))?);
        let holds = calm.since.elapsed() < BELIEVED
            && calm.release == compared.view.secret.uid
            && calm.ignored == compared.ignored;
        holds.then_some(calm)
    }

    /// None of these differed when it was asked.
    pub(super) fn keep(&self, compared: Compared<'_>, asked: Instant, seen: Vec<Seen>) {
        let calm = Calm {
            since: asked,
            release: compared.view.secret.uid.clone(),
            ignored: compared.ignored.to_vec(),
            seen,
        };
        let mut all = self.lock();
        // Those of releases that are gone, too.
        all.retain(|_, calm| calm.since.elapsed() < BELIEVED);
        all.insert(key(compared), Arc::new(calm));
    }
}

fn key(compared: Compared<'_>) -> (Namespace, ReleaseName) {
    (compared.namespace.clone(), compared.release.clone())
}

impl Cluster {
    /// Whether no object of a release that was calm has been written since. What cannot be read is for the comparison to
    /// tell.
    pub(super) async fn is_calm(&self, compared: Compared<'_>) -> bool {
        let Some(calm) = self.inner.calms.of(compared) else {
            return false;
        };
        let asked: Vec<_> = calm
            .seen
            .iter()
            .map(|seen| self.is_unwritten(compared.namespace, seen))
            .collect();
        stream::iter(asked)
            .buffer_unordered(PARALLEL)
            .all(|same| async move { same })
            .await
    }

    async fn is_unwritten(&self, namespace: &Namespace, (object, version): &Seen) -> bool {
        let found = self.find_object(namespace, object).await;
        found.is_ok_and(|meta| {
            meta.is_some_and(|meta| meta.resource_version.as_ref() == Some(version))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wiremock::matchers::{method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::cluster::tests::{connect, stored_with};
    use crate::observe::observed::{ReleaseStatus, ReleaseView, SecretIdentity};

    const MAP: &str = "/api/v1/namespaces/here/configmaps/conf";

    fn map(version: &str, data: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"nats.conf": data},
            "metadata": {"name": "conf", "namespace": "here", "resourceVersion": version}})
    }

    fn release() -> Value {
        let manifest =
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\ndata: {nats.conf: wanted}\n";
        json!({"metadata": {}, "data": {"release": stored_with("nats", 1, manifest)}})
    }

    #[tokio::test]
    async fn what_was_written_since_is_compared_anew() {
        let server = MockServer::start().await;
        let answer = |value: &Value| ResponseTemplate::new(200).set_body_json(value);
        Mock::given(path(
            "/api/v1/namespaces/here/secrets/sh.helm.release.v1.nats.v1",
        ))
        .respond_with(answer(&release()))
        .mount(&server)
        .await;
        let made = answer(&map("7", "wanted"));
        Mock::given(method("PUT"))
            .and(path(MAP))
            .and(query_param("dryRun", "All"))
            .respond_with(made)
            .expect(4)
            .mount(&server)
            .await;
        let live = |version: &str, data: &str| {
            Mock::given(method("GET"))
                .and(path(MAP))
                .respond_with(answer(&map(version, data)))
        };
        let cluster = connect(&server, &[]).await;
        let (namespace, name) = ("here".parse().unwrap(), "nats".parse().unwrap());
        let view = ReleaseView {
            revision: 1,
            status: ReleaseStatus::Deployed,
            secret: SecretIdentity {
                name: "sh.helm.release.v1.nats.v1".into(),
                uid: "uid-1".into(),
                resource_version: "1".into(),
                created: None,
            },
            stamp: None,
            stored: None,
            undecodable: None,
            last_deployed: None,
        };
        let compared = |view| Compared {
            namespace: &namespace,
            release: &name,
            view,
            ignored: &[],
        };
        let differ = async |view| {
            let drift = cluster.drift(compared(view)).await.unwrap();
            assert!(drift.unread.is_empty(), "{drift:?}");
            drift.differences.len()
        };
        // Asked once for what would become of it, and then only whether it was written.
        let first = live("5", "wanted").mount_as_scoped(&server).await;
        for _ in 0..3 {
            assert_eq!(differ(&view).await, 0);
        }
        drop(first);
        // Somebody edits it. That is no calm to remember.
        let edited = live("6", "edited").mount_as_scoped(&server).await;
        for _ in 0..2 {
            assert_eq!(differ(&view).await, 1);
        }
        drop(edited);
        // What was found of another revision says nothing of this one.
        let _first = live("5", "wanted").mount_as_scoped(&server).await;
        let mut next = view.clone();
        next.secret.uid = "uid-2".into();
        assert_eq!(differ(&next).await, 0);
    }
}
