//! `approve`: lets through what a guard holds back.

mod cluster;
mod given;
mod removal;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::anyhow;

use super::named::{Called as _, NotOne, named, state};
use super::{Common, Done, Failure, NOTHING_MATCHED, Output};
use crate::cli::options::Format;
use crate::config::units::duration;
use crate::id::{ClusterId, ExchangeId};
use crate::state::State;
use cluster::{Way, approve_cluster};
use given::Given;
use removal::approve_removals;

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
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let mut clusters: Vec<(ClusterId, Way)> = Vec::new();
    let mut removals: BTreeSet<ExchangeId> = BTreeSet::new();
    let settings = common.settings()?.settings;
    for word in &args.ids {
        let cluster: Option<ClusterId> = word.parse().ok();
        if let Some(id) = cluster.filter(|id| settings.clusters.contains_key(id)) {
            clusters.push((id, Way::Ours));
            continue;
        }
        let state = state(common)?;
        if let Some(id) = told(&state, word)? {
            clusters.push((id, Way::Daemon));
            continue;
        }
        match (named(&state, word), word.parse().ok()) {
            (Ok(id), _) => {
                removals.insert(id);
            }
            // One that was told a cluster with --kubeconfig knows more of it than the settings.
            (Err(failure), Some(id)) if state.holder().is_some() => {
                clusters.push((id, Way::Perhaps(failure)));
            }
            (Err(failure), Some(id)) if failure.code == NOTHING_MATCHED && !is_gone(&failure) => {
                let inventory = settings.clusters.keys();
                return Err(Failure::new(failure.code, neither(&id, inventory)));
            }
            (Err(failure), _) => return Err(failure),
        }
    }
    let mut given = Given::default();
    let done = give(common, clusters, removals, args.expires, &mut given, output).await;
    // What was let through is let through, also where the next was refused.
    given.tell(args.format, output)?;
    done.map(|()| 0)
}

async fn give(
    common: &Common,
    clusters: Vec<(ClusterId, Way)>,
    removals: BTreeSet<ExchangeId>,
    expires: Duration,
    given: &mut Given,
    output: &Output,
) -> Result<(), Failure> {
    for (id, way) in clusters {
        approve_cluster(common, &id, way, given, output).await?;
    }
    if !removals.is_empty() {
        approve_removals(common, removals, expires, given, output)?;
    }
    Ok(())
}

/// Whether an exchange was called so: then it is no slip of the pen.
fn is_gone(failure: &Failure) -> bool {
    matches!(failure.error.downcast_ref(), Some(NotOne::Gone(_)))
}

/// The cluster of this name that a running daemon serves. An exchange that is called so comes first, one whose file is
/// does not.
fn told(state: &State, word: &str) -> Result<Option<ClusterId>, Failure> {
    let (Some(_), Ok(id)) = (state.holder(), word.parse::<ClusterId>()) else {
        return Ok(None);
    };
    let status = state.read_status()?;
    let entries = || status.iter().flat_map(|status| &status.exchanges);
    let mut ids = entries().filter_map(|entry| entry.id.as_ref());
    let is_cluster = ids.any(|exchange| exchange.cluster == id);
    let is_exchange = entries().any(|entry| entry.is_called(word));
    Ok((is_cluster && !is_exchange).then_some(id))
}

/// A word without a `/` may be meant as an exchange or as a cluster.
fn neither<'c>(id: &ClusterId, inventory: impl Iterator<Item = &'c ClusterId>) -> anyhow::Error {
    let all: Vec<_> = inventory.map(ClusterId::as_str).collect();
    let has = if all.is_empty() {
        "has none".to_owned()
    } else {
        format!("has {}", all.join(", "))
    };
    anyhow!(
        "no exchange is called {id} and it is no cluster of the inventory, which {has}; no daemon runs that could know it: name a cluster with --kubeconfig {id}=FILE, or an exchange as `natsx-sync status` does"
    )
}
