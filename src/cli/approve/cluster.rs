//! Clusters that are meant to be others than they were.

use anyhow::anyhow;

use super::given::{Given, Meant};
use super::is_gone;
use crate::cli::said::{said, tell};
use crate::cli::{Common, Failure, NOTHING_MATCHED, Output, status};
use crate::cluster::Cluster;
use crate::control::{self, Approved, ControlError};
use crate::daemon::meant;
use crate::id::ClusterId;
use crate::pass::cluster_access;
use crate::state::State;
use crate::state::journal::{Subject, Verb};

/// Who knows how a cluster is reached.
pub(super) enum Way {
    /// The settings and options.
    Ours,
    /// The daemon.
    Daemon,
    /// The daemon, if anybody; no exchange is called so, as this says.
    Perhaps(Failure),
}

/// Looks where the kubeconfig leads now, and takes exactly that cluster for the one meant.
pub(super) async fn approve_cluster(
    common: &Common,
    id: &ClusterId,
    way: Way,
    given: &mut Given,
    output: &Output,
) -> Result<(), Failure> {
    let settings = common.settings()?.settings;
    let folder = settings.state.clone().ok_or_else(status::no_state)?;
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
    let (is_new, text) = match approved {
        Approved::Now(text) => {
            let about = Subject::Cluster(id.clone());
            let said = said(Verb::Approve, about, text.as_str(), None);
            given.seen_by(tell(&state, vec![said], output));
            (true, text)
        }
        // Nothing was done, so there is nothing to see and to tell of.
        Approved::Already(text) => (false, text),
    };
    let id = id.clone();
    given.clusters.push(Meant { id, is_new, text });
    Ok(())
}

/// Why no exchange is meant, and no cluster either; one that is gone was meant as an exchange.
fn neither_way(failure: Failure, refused: &ControlError) -> Failure {
    if is_gone(&failure) {
        return failure;
    }
    let Failure { error, code } = failure;
    Failure::new(code, anyhow!("{error}; as a cluster: {refused}"))
}
