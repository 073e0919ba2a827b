//! Taking a picture of the world, and planning with one.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::survey::{look, wants};
use super::{Equipment, PassError, Repository, Survey, proofs};
use crate::id::ExchangeId;
use crate::plan::plan;
use crate::snapshot::{Ground, Recorded, Snapshot, condensed};
use crate::source::Revision;

/// How long one cluster may take: every release of ours is decoded, because any of them may be asked for.
const DEADLINE: Duration = Duration::from_secs(60);

/// Clusters looked at at once: what is on its way from each fills memory as well, and only decoding takes long.
const AT_ONCE: usize = 8;

/// Looks at everything and leaves out what is or may be secret. `revision` says which Secrets exchanges refer to.
pub async fn take_snapshot(
    equipment: &Equipment,
    revision: &Revision,
) -> Result<Snapshot, PassError> {
    let read = tokio::task::block_in_place(|| equipment.read(revision))?;
    let mut wants = wants(&read.desired);
    for id in equipment.settings.clusters.keys() {
        wants.entry(id.clone()).or_default().decode_marked = Some(condensed);
    }
    let settings = &equipment.settings;
    let taken_at = Timestamp::now();
    let (observed, _) = look(equipment, wants, (DEADLINE, AT_ONCE), &|_| None).await;
    let ground = Ground {
        chart: equipment.context().chart,
        hosts: equipment.hosts(),
        allow_values: settings.policy.allow_values.clone(),
        severities: settings.policy.severity.clone(),
        prune: settings.policy.prune,
        max_delete: settings.policy.max_delete,
        helm_timeout: settings.helm.timeout.as_secs(),
    };
    let instance = settings.instance.clone();
    Ok(Snapshot::new(observed, instance, ground, taken_at))
}

/// The plan at the time of the picture. Talks to no cluster; the clusters, the host names and the policy are those of
/// the picture.
pub fn survey_snapshot(
    repository: &Repository,
    revision: &Revision,
    snapshot: Recorded<'_>,
    allow_delete: &BTreeSet<ExchangeId>,
) -> Result<Survey, PassError> {
    let read = repository.read(revision, &snapshot.context())?;
    let policy = snapshot.policy(allow_delete);
    let taken_at = snapshot.taken_at();
    let mut observed = snapshot.into_observed(&read.desired)?;
    proofs::prove(
        &mut observed,
        &read.desired,
        read.history.as_ref(),
        &proofs::Remembered::default(),
        &policy.instance,
    );
    let plan = plan(&read.desired, &observed, &policy, taken_at);
    Ok(Survey {
        desired: read.desired,
        observed,
        policy,
        plan,
    })
}
