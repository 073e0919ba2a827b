//! Which `StatefulSet`s a person took away, because Kubernetes does not let change what has to change about them.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use super::Equipment;
use crate::id::ExchangeId;
use crate::observe::DEADLINE;
use crate::observe::observed::{ObjectRef, Observed};
use crate::plan::action::Plan;
use crate::reason::Reason;

/// Of the exchanges that are held back for it. What cannot be read is not gone.
pub(super) async fn gone_sets(
    equipment: &Equipment,
    observed: &Observed,
    plan: &Plan,
) -> BTreeMap<ExchangeId, BTreeSet<String>> {
    let held = plan.exchanges.iter();
    let held = held.filter(|entry| entry.reason == Reason::StatefulSetImmutable);
    let asked = held.filter_map(|entry| {
        let id = entry.id.as_ref()?;
        Some(async move { Some((id.clone(), of(equipment, observed, id).await?)) })
    });
    let found = join_all(asked.collect::<Vec<_>>()).await;
    let found = found.into_iter().flatten();
    found.filter(|(_, gone)| !gone.is_empty()).collect()
}

async fn of(
    equipment: &Equipment,
    observed: &Observed,
    id: &ExchangeId,
) -> Option<BTreeSet<String>> {
    let objects = &observed.release(id)?.stored.as_ref()?.objects;
    let is_set = |object: &&ObjectRef| object.kind == "StatefulSet";
    let sets: Vec<ObjectRef> = objects.iter().filter(is_set).cloned().collect();
    let cluster = equipment.inventory.trusted(&id.cluster)?.ok()?;
    let present = cluster.present(&id.namespace, &sets);
    let present = tokio::time::timeout(DEADLINE, present).await.ok()?.ok()?;
    let present: BTreeSet<String> = present.into_iter().map(|one| one.object.name).collect();
    let names = sets.into_iter().map(|set| set.name);
    Some(names.filter(|name| !present.contains(name)).collect())
}
