//! One look at everything, and the plan that follows from it.

mod remember;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;

use crate::cluster::ViewWants;
use crate::drift::Drift;
use crate::exchange::desired::{Desired, DesiredExchange};
use crate::health::{self, HealthTarget};
use crate::id::{ClusterId, ExchangeId};
use crate::observe::observed::{
    Ancestry, ClusterView, Observed, ReleaseKey, Render, Stored, StoredRelease, Unreadable,
};
use crate::observe::{DEADLINE, Gathered, Patient, compare_all, observe, observe_registry};
use crate::pass::clocks::clocks;
use crate::pass::gone::gone_sets;
use crate::pass::{Before, Equipment, Knowledge, PassError, Programs, identity, proofs};
use crate::plan::action::Plan;
use crate::plan::policy::Policy;
use crate::plan::{plan, to_ask, to_compare};
use crate::reason::Reason;
use crate::source::Revision;

/// Clusters a pass looks at at the same time. What they answer is large, and gone when it is understood. Dead ones cost the
/// others nothing while they are fewer, and from the next pass on they are not waited for.
const AT_ONCE: usize = 16;

/// What one look gave.
#[derive(Debug)]
pub struct Survey {
    /// What git says; the same as before while nothing was committed.
    pub desired: Arc<Desired>,
    /// What clusters and registry say.
    pub observed: Observed,
    /// What is allowed.
    pub policy: Policy,
    /// What follows.
    pub plan: Plan,
}

/// What a plan is made from.
pub(super) struct Seen {
    pub(super) desired: Arc<Desired>,
    pub(super) observed: Observed,
    pub(super) policy: Policy,
    /// Slow clusters that were taken for what they were.
    still: BTreeSet<ClusterId>,
}

/// Reads, observes and plans. Fetches nothing and changes nothing.
pub async fn survey(
    equipment: &Equipment,
    revision: &Revision,
    knowledge: &Knowledge,
    allow_delete: &BTreeSet<ExchangeId>,
    now: Timestamp,
) -> Result<Survey, PassError> {
    let mut seen = see(equipment, revision, knowledge, None, now).await?;
    let allowed = allow_delete.iter().cloned();
    seen.policy.allow_delete.extend(allowed);
    Ok(conclude(equipment, seen, now).await)
}

/// The same, for whoever looks again and again, with the removals that are under way: where nothing was to be done `before`
/// and everything is as it was, it is what was said before. Ten thousand exchanges are not compared once a minute, and not
/// kept twice meanwhile.
pub async fn survey_again(
    equipment: &Equipment,
    revision: &Revision,
    knowledge: &Knowledge,
    removing: BTreeSet<ExchangeId>,
    before: Option<Before>,
    now: Timestamp,
) -> Result<Arc<Survey>, PassError> {
    if let Some(before) = &before {
        before.survey.recall(equipment);
    }
    let mut seen = see(equipment, revision, knowledge, before.as_ref(), now).await?;
    seen.policy.removing = removing;
    match before {
        Some(Before { survey, .. }) if survey.follows_from(&seen, now) => Ok(survey),
        Some(_) | None => Ok(Arc::new(conclude(equipment, seen, now).await)),
    }
}

/// Reads and observes.
async fn see(
    equipment: &Equipment,
    revision: &Revision,
    knowledge: &Knowledge,
    before: Option<&Before>,
    now: Timestamp,
) -> Result<Seen, PassError> {
    let read = equipment.read_settled(revision, knowledge).await?;
    let mut wants = wants(&read.desired);
    if before.is_some_and(|before| before.stays(&read.desired, now)) {
        for id in equipment.settings.clusters.keys() {
            wants.entry(id.clone()).or_default().as_before = true;
        }
    }
    let was = |id: &ClusterId| before.and_then(|before| before.was(id, &read.desired));
    let (mut observed, still) = look(equipment, wants, (DEADLINE, AT_ONCE), &was).await;
    let instance = &equipment.settings.instance;
    let mut policy = policy(equipment, knowledge);
    policy.clocks = clocks(equipment, &observed).await;
    tokio::task::block_in_place(|| -> Result<(), PassError> {
        let last = before.map(|before| &before.survey);
        let proved = last.filter(|last| last.stays_proved(&read.desired, &observed, instance));
        if let Some(last) = proved {
            observed.ancestry.clone_from(&last.observed.ancestry);
            policy.vanished.clone_from(&last.policy.vanished);
        } else {
            policy.vanished = vanished(&read.desired, &observed, knowledge);
            let declared = match read.history {
                Some(_) => BTreeMap::new(),
                None => equipment.state.declared()?,
            };
            proofs::prove(
                &mut observed,
                &read.desired,
                read.history.as_ref(),
                &proofs::Remembered {
                    installed: &knowledge.installed,
                    declared: &declared,
                },
                instance,
            );
        }
        policy.suspended = equipment.state.suspensions(now)?;
        policy.withheld = remember::withheld(&equipment.state, before)?;
        for approval in equipment.state.approvals(now)? {
            let holds = match (&approval.commit, &read.history) {
                (Some(commit), Some(history)) => {
                    history.ancestry(commit) == Ancestry::HeadOrAncestor
                }
                (None, _) => true,
                (Some(_), None) => false,
            };
            if holds {
                policy.allow_delete.extend(approval.ids);
            }
        }
        Ok(())
    })?;
    if let Some(drifts) = &equipment.drifts {
        observed.drifts = drifts.found();
    }
    Ok(Seen {
        desired: read.desired,
        observed,
        policy,
        still,
    })
}

/// Plans, and asks what a first plan leaves open.
async fn conclude(equipment: &Equipment, seen: Seen, now: Timestamp) -> Survey {
    let Seen {
        desired,
        mut observed,
        policy,
        still,
    } = seen;
    let mut plan = plan(&desired, &observed, &policy, now);
    if unsee(equipment, &still, &plan, &mut observed) {
        plan = crate::plan::plan(&desired, &observed, &policy, now);
    }
    let (renders, stored, drifts) = tokio::join!(
        render(equipment, &desired, &plan),
        ask_stores(equipment, &desired, &observed, &plan),
        compare(equipment, &desired, &observed, &plan),
    );
    let is_news = !(renders.is_empty() && stored.is_empty() && drifts.is_empty());
    (observed.renders, observed.stored) = (renders, stored);
    observed.drifts.extend(drifts);
    if is_news {
        plan = crate::plan::plan(&desired, &observed, &policy, now);
    }
    observed.gone_sets = gone_sets(equipment, &observed, &plan).await;
    if !observed.gone_sets.is_empty() {
        plan = crate::plan::plan(&desired, &observed, &policy, now);
    }
    // What was asked since may have shown that something is to be done.
    if unsee(equipment, &still, &plan, &mut observed) {
        plan = crate::plan::plan(&desired, &observed, &policy, now);
    }
    Survey {
        desired,
        observed,
        policy,
        plan,
    }
}

/// Where something is to be done after all in a cluster that was taken for what it was, it counts as unread: the next pass waits
/// for it. Answers whether there is one.
fn unsee(
    equipment: &Equipment,
    still: &BTreeSet<ClusterId>,
    plan: &Plan,
    observed: &mut Observed,
) -> bool {
    let mut found = false;
    for id in still.iter().filter(|id| !plan.is_settled_in(id)) {
        let unread = Unreadable {
            reason: Reason::ClusterUnreachable,
            text: format!("{id} answers late and is looked at before anything is done there"),
        };
        observed.clusters.insert(id.clone(), Err(unread));
        if let Some(patience) = &equipment.patience {
            patience.must_look(id);
        }
        found = true;
    }
    found
}

/// What clusters and registry say, each within its deadline, so many clusters at once; nothing of what git knows. `was` is what
/// a cluster was, for whoever looks again and again; with it come the clusters that were taken for that.
pub(super) async fn look(
    equipment: &Equipment,
    wants: BTreeMap<ClusterId, ViewWants>,
    limits: (Duration, usize),
    was: &(dyn Fn(&ClusterId) -> Option<Arc<ClusterView>> + Sync),
) -> (Observed, BTreeSet<ClusterId>) {
    let connected = equipment.inventory.all();
    let wants = wants.into_iter().map(|(id, wants)| (id, Arc::new(wants)));
    let wants = wants.collect();
    let patience = equipment.patience.as_ref();
    let patient = patience.map(|patience| Patient { patience, was });
    let (Gathered { mut views, still }, registry) = tokio::join!(
        observe(&connected, &wants, limits, patient),
        observe_registry(&equipment.registry, patience),
    );
    let uids = equipment.inventory.uids(&views);
    let led = identity::identify(&mut views, &equipment.state, &uids);
    equipment.inventory.trust(&views);
    let observed = Observed {
        led,
        ..Observed::new(views, registry)
    };
    (observed, still)
}

/// Renders what the first plan could only estimate.
async fn render(
    equipment: &Equipment,
    desired: &Desired,
    plan: &Plan,
) -> BTreeMap<ExchangeId, Render> {
    let (installs, limit) = match equipment.programs {
        Programs::Never => return BTreeMap::new(),
        Programs::Changes(limit) => (false, limit),
        Programs::Everything(limit) => (true, limit),
    };
    let wanted: Vec<&DesiredExchange> = plan
        .to_render(installs)
        .filter_map(|id| desired.exchanges.get(id).map(AsRef::as_ref))
        .collect();
    let parallel = equipment.settings.helm.concurrency.resolve();
    equipment
        .renderer
        .render_all(&wanted, parallel, limit)
        .await
}

/// Compares single objects with their release, where nobody does it beside the passes.
async fn compare(
    equipment: &Equipment,
    desired: &Desired,
    observed: &Observed,
    plan: &Plan,
) -> BTreeMap<ExchangeId, Result<Drift, Unreadable>> {
    if equipment.drifts.is_some() {
        return BTreeMap::new();
    }
    let clusters = equipment.inventory.all();
    let wanted = to_compare(plan, desired, observed);
    compare_all(&clusters, wanted, DEADLINE).await
}

/// Asks the servers whose stored streams a planned change may lose.
async fn ask_stores(
    equipment: &Equipment,
    desired: &Desired,
    observed: &Observed,
    plan: &Plan,
) -> BTreeMap<ExchangeId, Result<Stored, Unreadable>> {
    let mut asked = Vec::new();
    for (id, release) in to_ask(plan, desired, observed) {
        asked.push(async move { (id.clone(), ask_store(equipment, id, release).await) });
    }
    join_all(asked).await.into_iter().collect()
}

async fn ask_store(
    equipment: &Equipment,
    id: &ExchangeId,
    release: &StoredRelease,
) -> Result<Stored, Unreadable> {
    let unknown = |text: String| Unreadable {
        reason: Reason::StoreUnknown,
        text,
    };
    let all = equipment.inventory.all();
    let cluster = all
        .get(&id.cluster)
        .ok_or_else(|| unknown(format!("cluster {} is not in the inventory", id.cluster)))?;
    let cluster = cluster.as_ref().map_err(Clone::clone)?;
    let target = HealthTarget::of(id.namespace.clone(), id.release.clone(), release);
    tokio::time::timeout(DEADLINE, health::stored(cluster, &target))
        .await
        .unwrap_or_else(|_elapsed| {
            let text = format!("no complete answer within {} s", DEADLINE.as_secs());
            Err(unknown(text))
        })
}

/// What this host installed and nobody sees any more where it could be seen.
fn vanished(desired: &Desired, observed: &Observed, knowledge: &Knowledge) -> BTreeSet<ExchangeId> {
    let wanted = desired.exchanges.keys();
    let installed = wanted.filter(|id| knowledge.installed.contains_key(*id));
    let gone = installed.filter(|id| observed.release(id).is_none());
    gone.cloned().collect()
}

/// What each cluster is asked beyond the list of its releases.
pub(super) fn wants(desired: &Desired) -> BTreeMap<ClusterId, ViewWants> {
    let mut wants: BTreeMap<ClusterId, ViewWants> = BTreeMap::new();
    for exchange in desired.exchanges.values() {
        let id = &exchange.id;
        let wanted = wants.entry(id.cluster.clone()).or_default();
        wanted
            .desired
            .insert(ReleaseKey::of(id), exchange.digest.label().to_owned());
        for secret in &exchange.secrets {
            wanted
                .secrets
                .insert((id.namespace.clone(), secret.clone()));
        }
    }
    wants
}

fn policy(equipment: &Equipment, knowledge: &Knowledge) -> Policy {
    let settings = &equipment.settings;
    Policy {
        instance: settings.instance.clone(),
        prune: settings.policy.prune,
        max_delete_percent: settings.policy.max_delete,
        journalled: knowledge.journalled.clone(),
        begun: knowledge.begun.clone(),
        volumes_left: knowledge.volumes_left.clone(),
        helm_timeout: settings.helm.timeout,
        put_back: knowledge.put_back.clone(),
        ..Policy::default()
    }
}

#[cfg(test)]
mod tests;
