//! `forget`: a cluster that is no longer in the inventory leaves nothing behind on this host.

use super::named::to_write;
use super::{Common, Done, Failure, NOTHING_MATCHED, Output};
use crate::id::ClusterId;
use crate::state::State;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  natsx-sync forget us-old-cluster")]
pub(super) struct Args {
    /// A cluster that is no longer in the inventory
    #[arg(value_name = "CLUSTER")]
    cluster: ClusterId,
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let id = &args.cluster;
    let settings = match common.daemon_settings() {
        Some(told) => told?,
        None => common.settings()?.settings,
    };
    if settings.clusters.contains_key(id) {
        return Err(Failure::from(anyhow::anyhow!(
            "{id} is in the inventory: take it out of `clusters` first, or accept the cluster its kubeconfig leads to now with `natsx-sync approve {id}`"
        )));
    }
    let folder = settings.state.ok_or_else(super::status::no_state)?;
    if settings.clusters.is_empty() {
        return Err(Failure::from(anyhow::anyhow!(
            "no inventory is named, so nobody knows whether {id} has left it: give --config or --kubeconfig as for `run`"
        )));
    }
    let state = State::look(&folder)?;
    if serves(&state, id)? {
        return Err(Failure::from(anyhow::anyhow!(
            "the daemon that runs works on {id}: it has other settings than these (--config, --kubeconfig)"
        )));
    }
    if !to_write(&state)?.forget_cluster(id)? {
        return Err(Failure::new(
            NOTHING_MATCHED,
            anyhow::anyhow!("nothing is known of a cluster {id}"),
        ));
    }
    output.result(&format!(
        "{id} is forgotten; its releases and its records in the registry stay as they are"
    ));
    Ok(0)
}

/// Whether a daemon runs there that tells of the cluster.
fn serves(state: &State, id: &ClusterId) -> Result<bool, Failure> {
    let (Some(_), Some(status)) = (state.holder(), state.read_status()?) else {
        return Ok(false);
    };
    let mut ids = status
        .exchanges
        .iter()
        .filter_map(|entry| entry.id.as_ref());
    let mut unread = status.unreadable.iter();
    Ok(ids.any(|one| one.cluster == *id) || unread.any(|one| one.cluster.as_ref() == Some(id)))
}
