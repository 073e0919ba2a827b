//! All clusters at once, each with its own deadline; and the registry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};

use super::look::Look;
use super::observed::{ClusterView, RegistryView, Unreadable, Views};
use super::patience::{Asked, Patience};
use crate::cluster::{Cluster, ViewWants};
use crate::id::ClusterId;
use crate::reason::Reason;
use crate::registry::Registry;

/// How long a pass waits for one cluster.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Looks at `at_once` clusters at the same time, each with its own deadline from when its turn comes. Where that is all of
/// them, a dead one costs its own deadline and nothing of the others.
/// One that is lost by `patience` costs nothing.
/// A cluster that could not be connected to keeps the reason; a cluster without wants is asked for its releases alone.
pub async fn observe(
    clusters: &BTreeMap<ClusterId, Result<Cluster, Unreadable>>,
    wants: &BTreeMap<ClusterId, ViewWants>,
    (deadline, at_once): (Duration, usize),
    patience: Option<&Arc<Patience>>,
) -> Views {
    let nothing = ViewWants::default();
    let looks = clusters.iter().map(|(id, cluster)| {
        let wants = wants.get(id).unwrap_or(&nothing);
        async move {
            let view = match (cluster, patience) {
                (Err(unreadable), _) => Err(unreadable.clone()),
                (Ok(cluster), None) => view(cluster, wants, deadline).await,
                (Ok(cluster), Some(patience)) => {
                    let asked = Asked::Cluster(id.clone(), cluster.clone());
                    if let Some(lost) = patience.lost_with(&asked) {
                        return (id.clone(), Err(lost));
                    }
                    let look = Look::at(view(cluster, wants, deadline)).await;
                    patience.take_look(asked, &look, || {
                        let what = Arc::new((cluster.clone(), wants.clone()));
                        move || {
                            let what = Arc::clone(&what);
                            Look::at(async move { view(&what.0, &what.1, deadline).await })
                        }
                    });
                    look.answer
                }
            };
            (id.clone(), view)
        }
    });
    // A list, as the compiler does not see that the closure is good for any lifetime.
    let looks: Vec<_> = looks.collect();
    stream::iter(looks)
        .buffer_unordered(at_once)
        .collect()
        .await
}

/// Reads the registry; lost by `patience`, it costs nothing.
pub async fn observe_registry(
    registry: &Registry,
    patience: Option<&Arc<Patience>>,
) -> Result<Arc<RegistryView>, Unreadable> {
    let Some(patience) = patience else {
        return registry.view().await;
    };
    if let Some(lost) = patience.lost_with(&Asked::Registry) {
        return Err(lost);
    }
    let look = Look::at(registry.view()).await;
    patience.take_look(Asked::Registry, &look, || {
        let registry = registry.clone();
        move || {
            let registry = registry.clone();
            Look::at(async move { registry.view().await })
        }
    });
    look.answer
}

/// What it answered; that it did not answer in time is why it could not be read.
async fn view(
    cluster: &Cluster,
    wants: &ViewWants,
    deadline: Duration,
) -> Result<Arc<ClusterView>, Unreadable> {
    let late = |_elapsed| {
        let (address, seconds) = (cluster.address(), deadline.as_secs());
        Err(Unreadable {
            reason: Reason::ClusterUnreachable,
            text: format!("{address}: no complete answer within {seconds} s"),
        })
    };
    tokio::time::timeout(deadline, cluster.view(wants))
        .await
        .unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::registry::RegistryAccess;

    /// As the original does, which says after half a minute that its database is away.
    #[tokio::test]
    async fn a_registry_that_is_long_in_failing_keeps_one_pass_waiting_and_no_other() {
        let server = MockServer::start().await;
        let failed = json!({"success": false, "error": "no reachable servers"});
        let away = Mock::given(any())
            .respond_with(
                ResponseTemplate::new(400)
                    .set_body_json(failed)
                    .set_delay(Duration::from_millis(800)),
            )
            .mount_as_scoped(&server)
            .await;
        let access = RegistryAccess {
            url: server.uri().parse().unwrap(),
            token_file: None,
            ca_file: None,
        };
        let registry = Registry::connect(&access).unwrap();
        let patience = Arc::new(Patience::asking_every(Duration::from_millis(50)));
        let look = async || {
            let began = Instant::now();
            let answer = observe_registry(&registry, Some(&patience)).await;
            (answer.map_err(|why| why.text), began.elapsed())
        };
        let (first, waited) = look().await;
        assert!(waited >= Duration::from_millis(800), "{waited:?}");
        let (second, waited) = look().await;
        assert!(waited < Duration::from_millis(100), "{waited:?}");
        assert_eq!(second.unwrap_err(), first.unwrap_err());

        drop(away);
        Mock::given(any())
            .respond_with(
                ResponseTemplate::new(200).set_body_json(json!({"success": true, "data": []})),
            )
            .mount(&server)
            .await;
        tokio::time::timeout(Duration::from_secs(10), patience.answered().notified())
            .await
            .unwrap();
        look().await.0.unwrap();
    }
}
