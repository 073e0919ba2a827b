//! All clusters at once, each with its own deadline.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;

use super::observed::{ClusterView, Unreadable};
use crate::cluster::{Cluster, ViewWants};
use crate::id::ClusterId;
use crate::reason::Reason;

/// How long a pass waits for one cluster.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Looks at every cluster at the same time; a dead one costs its own deadline and nothing of the others.
/// A cluster that could not be connected to keeps the reason; a cluster without wants is asked for its releases alone.
pub async fn observe(
    clusters: &BTreeMap<ClusterId, Result<Cluster, Unreadable>>,
    wants: &BTreeMap<ClusterId, ViewWants>,
    deadline: Duration,
) -> BTreeMap<ClusterId, Result<ClusterView, Unreadable>> {
    let nothing = ViewWants::default();
    let looks = clusters.iter().map(|(id, cluster)| {
        let wants = wants.get(id).unwrap_or(&nothing);
        async move {
            let view = match cluster {
                Ok(cluster) => look(cluster, wants, deadline).await,
                Err(unreadable) => Err(unreadable.clone()),
            };
            (id.clone(), view)
        }
    });
    join_all(looks).await.into_iter().collect()
}

async fn look(
    cluster: &Cluster,
    wants: &ViewWants,
    deadline: Duration,
) -> Result<ClusterView, Unreadable> {
    tokio::time::timeout(deadline, cluster.view(wants))
        .await
        .unwrap_or_else(|_elapsed| {
            Err(Unreadable {
                reason: Reason::ClusterUnreachable,
                text: format!(
                    "{}: no complete answer within {} s",
                    cluster.host(),
                    deadline.as_secs()
                ),
            })
        })
}
