//! Whether a removal may hit what another entry of the inventory is to run: two entries may lead to one cluster, and which
//! one it is is not asked where the settings limit us to namespaces.

use super::action::Guard;
use super::scene::{Held, Scene};
use crate::exchange::desired::DesiredExchange;
use crate::id::ExchangeId;
use crate::observe::observed::{ReleaseKey, ReleaseView};
use crate::reason::Reason;

/// Holds the removal of `release` while one of that namespace and name is declared for a cluster that may be this one: then
/// its file names another `cluster_id` now, and nothing else changed.
pub(super) fn tell_apart(
    scene: &Scene<'_>,
    id: &ExchangeId,
    release: Option<&ReleaseView>,
) -> Result<(), Held> {
    if scene.policy.allow_delete.contains(id) {
        return Ok(());
    }
    let key = ReleaseKey::of(id);
    let mut declared = scene.desired.exchanges.values();
    let twin = declared.find(|other| {
        other.id.cluster != id.cluster
            && ReleaseKey::of(&other.id) == key
            && !is_elsewhere(scene, id, other, release)
    });
    let Some(twin) = twin else {
        return Ok(());
    };
    let (old, new, other) = (&id.cluster, &twin.id.cluster, &twin.id);
    let text = format!(
        "{other} is declared and may be this release: {old} and {new} are not known to be two clusters. If they are one, take {old} out of `clusters`; if they are two, this one goes as soon as {other} is seen to run as declared, or is approved"
    );
    let guard = Guard {
        name: Reason::SameCluster,
        needs: format!("natsx-sync approve {id}"),
    };
    Err(Held {
        guard: Some(guard),
        ..Held::blocked(Reason::SameCluster, text)
    })
}

fn is_elsewhere(
    scene: &Scene<'_>,
    id: &ExchangeId,
    other: &DesiredExchange,
    release: Option<&ReleaseView>,
) -> bool {
    let (observed, cluster) = (scene.observed, &other.id.cluster);
    let here = observed.uid(&id.cluster);
    if let (Some(here), Some(there)) = (here, observed.uid(cluster)) {
        return here != there;
    }
    let Some(Ok(there)) = observed.clusters.get(cluster) else {
        return false;
    };
    // Clusters are not looked at in one moment: between two looks an upgrade makes another Secret of one release. Of one that
    // is as wanted none is due.
    let Some(running) = there.releases.get(&ReleaseKey::of(&other.id)) else {
        return false;
    };
    running.is_settled(other.digest.label())
        && release.is_none_or(|release| release.secret.uid != running.secret.uid)
}
