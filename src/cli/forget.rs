//! `forget`: a cluster that is no longer in the inventory leaves nothing behind on this host.

use super::{Common, Done, Failure, Output};
use crate::id::ClusterId;
use crate::state::State;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A cluster that is no longer in the inventory
    #[arg(value_name = "CLUSTER")]
    cluster: ClusterId,
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let id = &args.cluster;
    let settings = common.settings()?.settings;
    if settings.clusters.contains_key(id) {
        return Err(Failure::from(anyhow::anyhow!(
            "{id} is in the inventory: take it out of `clusters` first, or accept the cluster its kubeconfig leads to now with `natsx-sync approve {id}`"
        )));
    }
    let folder = settings.state.ok_or_else(super::status::no_state)?;
    if !State::open_to_write(&folder)?.forget_cluster(id)? {
        return Err(Failure::new(
            7,
            anyhow::anyhow!("nothing is known of a cluster {id}"),
        ));
    }
    output.result(&format!(
        "{id} is forgotten; its releases and its records in the registry stay as they are"
    ));
    Ok(0)
}
