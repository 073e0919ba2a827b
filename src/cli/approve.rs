//! `approve`: lets through what a guard holds back.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::anyhow;
use jiff::Timestamp;

use super::named::{named, one_of, refused, state};
use super::reconcile::tell;
use super::{Common, Done, Failure, NOTHING_MATCHED, Output};
use crate::cluster::Cluster;
use crate::config::units::duration;
use crate::id::{ClusterId, ExchangeId};
use crate::pass::cluster_access;
use crate::state::State;
use crate::state::approvals::Approval;
use crate::state::clusters::KnownCluster;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync approve us-east-cluster/communication/nats-orders --expires 2h\n  natsx-sync approve us-east-cluster      its kubeconfig is meant to lead to another cluster now"
)]
pub(super) struct Args {
    /// Exchanges whose removal is meant (id, the end of it from a `/` on, or file), or clusters that are meant to be others now
    #[arg(required = true, value_name = "X|CLUSTER")]
    ids: Vec<String>,
    /// For how long removals are approved
    #[arg(long, default_value = "1h", value_name = "DURATION", value_parser = duration::parse)]
    expires: Duration,
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let mut clusters: BTreeSet<ClusterId> = BTreeSet::new();
    let mut removals: BTreeSet<ExchangeId> = BTreeSet::new();
    let settings = common.settings()?.settings;
    for id in &args.ids {
        let cluster = id.parse().ok();
        if let Some(cluster) = cluster.filter(|id| settings.clusters.contains_key(id)) {
            clusters.insert(cluster);
        } else {
            removals.insert(named(&state(common)?, id).map_err(|failure| unknown(id, failure))?);
        }
    }
    for id in &clusters {
        approve_cluster(common, id, output).await?;
    }
    if !removals.is_empty() {
        approve_removals(common, removals, args.expires, output)?;
    }
    Ok(0)
}

/// A word without a `/` may be meant as a cluster, too.
fn unknown(id: &str, failure: Failure) -> Failure {
    if id.contains('/') {
        return failure;
    }
    let Failure { error, code } = failure;
    let text = format!(
        "the inventory has no cluster {id:?}; one that `run` was told with --kubeconfig is named so here, too: --kubeconfig {id}=FILE"
    );
    Failure::new(code, error.context(text))
}

fn approve_removals(
    common: &Common,
    ids: BTreeSet<ExchangeId>,
    expires: Duration,
    output: &Output,
) -> Result<(), Failure> {
    let (state, status) = super::status::read(common)?;
    // What nobody wants to remove would be let go by the next slip, within the hour.
    for id in &ids {
        let entry = one_of(&id.to_string(), &status.exchanges).map_err(refused)?;
        if entry.needs.is_none() {
            let text = "nothing holds a removal of it back; approve it when `natsx-sync status` shows that";
            return Err(Failure::new(NOTHING_MATCHED, anyhow!("{id}: {text}")));
        }
    }
    let state = State::open_to_write(state.folder())?;
    let now = Timestamp::now();
    let approval = Approval {
        ids,
        commit: status.commit.clone(),
        given: now,
        expires: now.checked_add(expires)?,
    };
    state.approve(&approval)?;
    tell(&state, output);
    let commit = approval
        .commit
        .as_ref()
        .map_or("the folder as it is", |commit| commit.short());
    let ids: Vec<_> = approval.ids.iter().map(ToString::to_string).collect();
    output.result(&format!(
        "approved at {commit} until {:.0}: {}",
        approval.expires,
        ids.join(", ")
    ));
    Ok(())
}

/// Looks where the kubeconfig leads now, and takes exactly that cluster for the one meant.
async fn approve_cluster(common: &Common, id: &ClusterId, output: &Output) -> Result<(), Failure> {
    let settings = common.settings()?.settings;
    let folder = settings.state.clone().ok_or_else(super::status::no_state)?;
    let state = State::open_to_write(&folder)?;
    let access = cluster_access(&settings)
        .into_iter()
        .find(|access| access.id == *id)
        .ok_or_else(|| {
            Failure::new(NOTHING_MATCHED, anyhow!("no cluster {id} in the inventory"))
        })?;
    let cluster = Cluster::connect(&access).await?;
    let uid = cluster.uid().await?.ok_or_else(|| {
        Failure::from(anyhow!(
            "{id} may not be asked for the namespace kube-system, so it is not told from others and needs no approval"
        ))
    })?;
    let now = Timestamp::now();
    let host = cluster.host();
    let known = state.known_cluster(id).ok().flatten();
    if known.as_ref().is_some_and(|known| known.uid == uid) {
        output.result(&format!("{id} is the cluster it was ({uid} at {host})"));
        return Ok(());
    }
    let text = format!("{id} is from now on the cluster {uid} at {host}");
    state.know_cluster(id, &KnownCluster { uid, since: now })?;
    tell(&state, output);
    output.result(&match known {
        Some(known) => format!("{text}; it was {}", known.uid),
        None => text,
    });
    Ok(())
}
