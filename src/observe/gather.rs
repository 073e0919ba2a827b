//! All clusters at once, each with its own deadline; and the registry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};

use super::look::{Again, Look};
use super::observed::{ClusterView, RegistryView, Unreadable, Views};
use super::patience::{Asked, Patience};
use crate::cluster::{Cluster, ViewWants};
use crate::id::ClusterId;
use crate::reason::Reason;
use crate::registry::Registry;

/// How long a pass waits for one cluster, and one of many for the registry.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// How a pass waits that is one of many.
#[derive(Clone, Copy)]
pub struct Patient<'a> {
    /// What the passes before know of those who kept them waiting.
    pub patience: &'a Arc<Patience>,
    /// What a cluster was, where the pass before read it, nothing was to be done there, and the same is wanted.
    pub was: &'a (dyn Fn(&ClusterId) -> Option<Arc<ClusterView>> + Sync),
}

/// What was seen of all clusters.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Each, or why it was not seen.
    pub views: Views,
    /// Those that are slow and were taken for what they were: nothing may be done there because of that.
    pub still: BTreeSet<ClusterId>,
}

/// Looks at `at_once` clusters at the same time, each with its own deadline from when its turn comes. Where that is all of
/// them, a dead one costs its own deadline and nothing of the others.
/// One that is known as lost or slow costs nothing.
/// A cluster that could not be connected to keeps the reason; a cluster without wants is asked for its releases alone.
pub async fn observe(
    clusters: &BTreeMap<ClusterId, Result<Cluster, Unreadable>>,
    wants: &BTreeMap<ClusterId, Arc<ViewWants>>,
    (deadline, at_once): (Duration, usize),
    patient: Option<Patient<'_>>,
) -> Gathered {
    let nothing = Arc::default();
    let looks = clusters.iter().map(|(id, cluster)| {
        let wants = wants.get(id).unwrap_or(&nothing);
        async move {
            let (view, is_still) = match (cluster, patient) {
                (Err(unreadable), _) => (Err(unreadable.clone()), false),
                (Ok(cluster), None) => (view(cluster, wants, deadline).await, false),
                (Ok(cluster), Some(patient)) => {
                    wait_for((id, cluster), wants, deadline, patient).await
                }
            };
            (id.clone(), view, is_still)
        }
    });
    // A list, as the compiler does not see that the closure is good for any lifetime.
    let looks: Vec<_> = looks.collect();
    let looks = stream::iter(looks).buffer_unordered(at_once);
    let gather = |mut gathered: Gathered, (id, view, is_still): (ClusterId, _, bool)| {
        if is_still {
            gathered.still.insert(id.clone());
        }
        gathered.views.insert(id, view);
        std::future::ready(gathered)
    };
    looks.fold(Gathered::default(), gather).await
}

/// Looks at a cluster, unless it is known to keep whoever does so waiting; and whether it was taken for what it was.
async fn wait_for(
    (id, cluster): (&ClusterId, &Cluster),
    wants: &Arc<ViewWants>,
    deadline: Duration,
    Patient { patience, was }: Patient<'_>,
) -> (Result<Arc<ClusterView>, Unreadable>, bool) {
    let asked = Asked::Cluster(id.clone(), cluster.clone());
    if let Some(lost) = patience.lost_with(&asked) {
        return (Err(lost), false);
    }
    let again: Again<Arc<ClusterView>> = {
        let (cluster, wants) = (cluster.clone(), Arc::clone(wants));
        Arc::new(move || {
            let (cluster, wants) = (cluster.clone(), Arc::clone(&wants));
            Box::pin(Look::at(
                async move { view(&cluster, &wants, deadline).await },
            ))
        })
    };
    if patience.is_slow(&asked)
        && let Some(was) = was(id)
        && patience.stands_still(&asked, &was, &again)
    {
        return (Ok(was), true);
    }
    let told = asked.told();
    let look = again().await;
    patience.take_time(&asked, told, &look);
    patience.take_look(asked, &look, again);
    (look.answer, false)
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
    let registry = registry.clone();
    let again: Again<Arc<RegistryView>> = Arc::new(move || {
        let registry = registry.clone();
        Box::pin(Look::at(async move { registry.view().await }))
    });
    // It says after half a minute that its database is away: nobody waits for that but who asks beside the passes.
    let look = Look::at(async {
        let answer = tokio::time::timeout(DEADLINE, again()).await;
        answer.map_or_else(|_elapsed| Err(no_registry()), |look| look.answer)
    });
    let look = look.await;
    patience.take_look(Asked::Registry, &look, again);
    look.answer
}

fn no_registry() -> Unreadable {
    Unreadable {
        reason: Reason::RegistryUnreadable,
        text: format!(
            "the registry gave no complete answer within {} s; it is asked beside the passes",
            DEADLINE.as_secs()
        ),
    }
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

    fn registry_at(server: &MockServer) -> Registry {
        let access = RegistryAccess {
            url: server.uri().parse().unwrap(),
            token_file: None,
            ca_file: None,
        };
        Registry::connect(&access).unwrap()
    }

    #[tokio::test]
    async fn a_registry_that_hangs_is_not_waited_for_until_it_gives_up() {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(60)))
            .mount(&server)
            .await;
        let registry = registry_at(&server);
        let patience = Arc::new(Patience::default());
        let began = Instant::now();
        let why = observe_registry(&registry, Some(&patience)).await;
        assert!(began.elapsed() < DEADLINE * 2, "{:?}", began.elapsed());
        let why = why.unwrap_err();
        assert_eq!(why.reason, Reason::RegistryUnreadable);
        assert!(why.text.contains("within 10 s"), "{}", why.text);
    }

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
        let registry = registry_at(&server);
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
