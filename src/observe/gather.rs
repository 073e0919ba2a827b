//! All clusters at once, each with its own deadline.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};

use super::Patience;
use super::observed::{ClusterView, Unreadable, Views};
use crate::cluster::{Cluster, ViewWants};
use crate::id::ClusterId;
use crate::reason::Reason;

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
            let connected = cluster.as_ref().ok();
            let lost = patience
                .zip(connected)
                .and_then(|(patience, cluster)| patience.lost_with(id, cluster));
            let view = match (cluster, lost) {
                (Err(unreadable), _) => Err(unreadable.clone()),
                (Ok(_), Some(lost)) => Err(lost),
                (Ok(cluster), None) => match look(cluster, wants, deadline).await {
                    Ok(view) => view,
                    Err(late) => {
                        if let Some(patience) = patience {
                            let why = (late.clone(), deadline);
                            patience.lose(id, cluster.clone(), wants.clone(), why);
                        }
                        Err(late)
                    }
                },
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

/// What it answered, or that it did not answer in time.
async fn look(
    cluster: &Cluster,
    wants: &ViewWants,
    deadline: Duration,
) -> Result<Result<Arc<ClusterView>, Unreadable>, Unreadable> {
    tokio::time::timeout(deadline, cluster.view(wants))
        .await
        .map_err(|_elapsed| Unreadable {
            reason: Reason::ClusterUnreachable,
            text: format!(
                "{}: no complete answer within {} s",
                cluster.address(),
                deadline.as_secs()
            ),
        })
}
