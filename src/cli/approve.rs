//! `approve`: lets through what a guard holds back.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::anyhow;
use jiff::Timestamp;

use super::named::{Called as _, NotOne, named, one_of, refused, state};
use super::said::{said, tell};
use super::{Common, Done, Failure, NOTHING_MATCHED, Output};
use crate::cluster::Cluster;
use crate::config::units::duration;
use crate::control::{self, Approved, ControlError};
use crate::daemon::meant;
use crate::id::{ClusterId, ExchangeId};
use crate::pass::cluster_access;
use crate::state::State;
use crate::state::approvals::Approval;
use crate::state::journal::{Subject, Verb};

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
    for (id, way) in clusters {
        approve_cluster(common, &id, way, output).await?;
    }
    if !removals.is_empty() {
        approve_removals(common, removals, args.expires, output)?;
    }
    Ok(0)
}

/// Whether an exchange was called so: then it is no slip of the pen.
fn is_gone(failure: &Failure) -> bool {
    matches!(failure.error.downcast_ref(), Some(NotOne::Gone(_)))
}

/// Who knows how a cluster is reached.
enum Way {
    /// The settings and options.
    Ours,
    /// The daemon.
    Daemon,
    /// The daemon, if anybody; no exchange is called so, as this says.
    Perhaps(Failure),
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

/// Why no exchange is meant, and no cluster either; one that is gone was meant as an exchange.
fn neither_way(failure: Failure, refused: &ControlError) -> Failure {
    if is_gone(&failure) {
        return failure;
    }
    let Failure { error, code } = failure;
    Failure::new(code, anyhow!("{error}; as a cluster: {refused}"))
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
    let commit = approval
        .commit
        .as_ref()
        .map_or("the folder as it is", |commit| commit.short());
    let text = format!("its removal, at {commit}");
    let until = Some(approval.expires);
    let each = approval.ids.iter().cloned().map(Subject::Exchange);
    let all = each.map(|id| said(Verb::Approve, id, text.as_str(), until));
    tell(&state, all.collect(), output);
    let ids: Vec<_> = approval.ids.iter().map(ToString::to_string).collect();
    output.result(&format!(
        "approved at {commit} until {:.0}: {}",
        approval.expires,
        ids.join(", ")
    ));
    Ok(())
}

/// Looks where the kubeconfig leads now, and takes exactly that cluster for the one meant.
async fn approve_cluster(
    common: &Common,
    id: &ClusterId,
    way: Way,
    output: &Output,
) -> Result<(), Failure> {
    let settings = common.settings()?.settings;
    let folder = settings.state.clone().ok_or_else(super::status::no_state)?;
    let state = State::open_to_write(&folder)?;
    let asked = || tokio::task::block_in_place(|| control::approve(&state, id));
    let approved = match way {
        Way::Ours => {
            let mut all = cluster_access(&settings).into_iter();
            let access = all.find(|access| access.id == *id).ok_or_else(|| {
                Failure::new(NOTHING_MATCHED, anyhow!("no cluster {id} in the inventory"))
            })?;
            meant(&state, &Cluster::connect(&access).await?).await?
        }
        Way::Daemon => asked()?,
        Way::Perhaps(failure) => asked().map_err(|refused| neither_way(failure, &refused))?,
    };
    let text = match approved {
        Approved::Now(text) => text,
        // Nothing was done, so there is nothing to see and to tell of.
        Approved::Already(text) => {
            output.result(&text);
            return Ok(());
        }
    };
    let about = Subject::Cluster(id.clone());
    tell(
        &state,
        vec![said(Verb::Approve, about, text.as_str(), None)],
        output,
    );
    output.result(&text);
    Ok(())
}
