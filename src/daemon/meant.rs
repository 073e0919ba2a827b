//! A person says that a kubeconfig is meant to lead to the cluster it leads to.

use jiff::Timestamp;

use crate::cluster::{Cluster, ClusterError};
use crate::control::Approved;
use crate::state::clusters::KnownCluster;
use crate::state::{State, StateError};

/// Why nothing was taken for meant.
#[derive(Debug, thiserror::Error)]
pub enum MeantError {
    /// It does not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// It does not say which one it is.
    #[error(
        "{0} may not be asked for the namespace kube-system, so it is not told from others and needs no approval"
    )]
    Nameless(String),
    /// It does not say any more which one it is.
    #[error(
        "the namespace kube-system of {0} cannot be read any more, so nobody can tell which cluster this is: grant `get` on namespaces, with the rule `natsx-sync doctor` prints, and approve it then"
    )]
    Untold(String),
    /// It cannot be remembered.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Takes exactly the cluster that answers now for the one meant, and says which that is.
pub async fn meant(state: &State, cluster: &Cluster) -> Result<Approved, MeantError> {
    let id = cluster.id();
    let known = state.known_cluster(id).ok().flatten();
    let uid = cluster.uid().await?.ok_or_else(|| match &known {
        Some(_) if cluster.namespaces().is_none() => MeantError::Untold(id.to_string()),
        Some(_) | None => MeantError::Nameless(id.to_string()),
    })?;
    let host = cluster.host();
    if known.as_ref().is_some_and(|known| known.uid == uid) {
        let text = format!("{id} is the cluster it was ({uid} at {host})");
        return Ok(Approved::Already(text));
    }
    let text = format!("{id} is from now on the cluster {uid} at {host}");
    let since = Timestamp::now();
    state.know_cluster(id, &KnownCluster { uid, since })?;
    Ok(Approved::Now(match known {
        Some(known) => format!("{text}; it was {}", known.uid),
        None => text,
    }))
}
