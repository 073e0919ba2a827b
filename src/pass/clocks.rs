//! What time it is where a lock stands.

use std::collections::BTreeMap;

use futures::future::join_all;
use jiff::Timestamp;

use super::Equipment;
use crate::id::ClusterId;
use crate::observe::DEADLINE;
use crate::observe::observed::{ClusterView, Observed, ReleaseView};

/// What time it is in clusters where an operation of ours holds a release. One that does not say it opens no lock for its age.
pub(super) async fn clocks(
    equipment: &Equipment,
    observed: &Observed,
) -> BTreeMap<ClusterId, Timestamp> {
    let instance = &equipment.settings.instance;
    let is_ours = |release: &ReleaseView| {
        let stamp = release.stamp.as_ref();
        stamp.is_some_and(|stamp| stamp.instance == *instance)
    };
    let is_held = |view: &ClusterView| {
        let mut releases = view.releases.values();
        releases.any(|release| release.status.is_pending() && is_ours(release))
    };
    let views = observed.clusters.iter();
    let held = views.filter(|(_, view)| view.as_ref().is_ok_and(|view| is_held(view)));
    let asked = held.map(|(id, _)| async move {
        let cluster = equipment.inventory.trusted(id)?.ok()?;
        let now = tokio::time::timeout(DEADLINE, cluster.now()).await;
        Some((id.clone(), now.ok()?.ok()?))
    });
    join_all(asked).await.into_iter().flatten().collect()
}
