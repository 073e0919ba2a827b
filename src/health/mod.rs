//! Whether an exchange works: its `StatefulSet` is rolled out and NATS says so itself (design 4.5).

mod judge;
mod live;
mod monitor;
mod reload;
mod rollout;
mod shape;
mod stored;
mod urls;

use std::collections::BTreeMap;

use futures::future::try_join_all;
use jiff::Timestamp;

use crate::cluster::{Cluster, ClusterError};
use crate::id::{Namespace, ReleaseName};
use crate::mask::{Masker, Secrets};
use crate::observe::observed::StoredRelease;
use crate::reason::Reason;
use live::LivePod;
use shape::Shape;

pub use stored::stored;
pub use urls::client_urls;

/// Whose health is asked for: little more than names, so that it can be kept for many.
pub struct HealthTarget {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its release, for texts.
    pub release: ReleaseName,
    /// The `StatefulSet`s of the stored manifest; none where one of them does not say how its servers are asked.
    shapes: Option<Box<[Shape]>>,
    /// Set when the rendered configuration changed: then every server has to have loaded it.
    pub change: Option<ConfigChange>,
    /// Hides the secrets it is released with in what servers and Kubernetes say.
    mask: Masker,
}

impl HealthTarget {
    /// The target of a stored release whose configuration is in force already.
    pub fn of(namespace: Namespace, release: ReleaseName, stored: &StoredRelease) -> Self {
        let mut secrets = Secrets::default();
        secrets.learn(&[], &stored.values);
        Self {
            namespace,
            release,
            shapes: stored.stateful_sets.iter().map(Shape::read).collect(),
            change: None,
            mask: secrets.masker(),
        }
    }
}

/// When a configuration was in force: from the creation of the revision that brought it to that of the one that took it
/// away, by the cluster's clock, which is in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InForce {
    /// The revision that brought it.
    pub from: Timestamp,
    /// The revision that took it away.
    pub until: Timestamp,
}

/// A configuration that is to be loaded.
#[derive(Debug, Clone)]
pub struct ConfigChange {
    /// When it was written, by the clock of the cluster (the release Secret's creation).
    pub at: Timestamp,
    /// When the same configuration was in force already: what is put back before a server saw the change, however often,
    /// is never loaded again, as for the server nothing ever changed.
    pub before: Vec<InForce>,
    /// What `nats-server -t` prints for it, by pod, where that is known: the only proof that needs no clock.
    pub digests: BTreeMap<String, String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Rolled out, and NATS says so.
    Ready,
    /// Not yet.
    Waiting {
        /// `RollingOut`, `ReloadPending`, `ClusterNotFormed`, `ScaledDown` or `StatefulSetGone`.
        reason: Reason,
        /// For people.
        text: String,
    },
    /// It will not get there by waiting.
    Failed {
        /// `ReloadRefused`.
        reason: Reason,
        /// For people.
        text: String,
    },
    /// Rolled out; the monitor is off, so NATS cannot be asked.
    Limited,
    /// It could not be read.
    Unknown {
        /// For people.
        text: String,
    },
}

impl Health {
    /// How much it outweighs another finding of the same exchange.
    fn weight(&self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::Limited => 1,
            Self::Waiting { .. } => 2,
            Self::Unknown { .. } => 3,
            Self::Failed { .. } => 4,
        }
    }

    /// The same without secrets: a server that refuses its configuration quotes it.
    fn without_secrets(mut self, mask: &Masker) -> Self {
        match &mut self {
            Self::Waiting { text, .. } | Self::Failed { text, .. } | Self::Unknown { text } => {
                *text = mask.text(text);
            }
            Self::Ready | Self::Limited => {}
        }
        self
    }

    /// The stable word for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Ready | Self::Limited => Reason::Ready,
            Self::Waiting { reason, .. } | Self::Failed { reason, .. } => *reason,
            Self::Unknown { .. } => Reason::HealthUnknown,
        }
    }
}

/// Asks Kubernetes and, through the API server's pod proxy, every server.
pub async fn check(cluster: &Cluster, target: &HealthTarget) -> Health {
    ask(cluster, target).await.without_secrets(&target.mask)
}

async fn ask(cluster: &Cluster, target: &HealthTarget) -> Health {
    let shapes = match &target.shapes {
        Some(shapes) if !shapes.is_empty() => shapes,
        _ => {
            return Health::Unknown {
                text: format!(
                    "the manifest of {} has no StatefulSet that could be asked",
                    target.release
                ),
            };
        }
    };
    // The chart makes one; a few more are no reason to hold the state of a question for each.
    let mut worst = Health::Ready;
    for shape in shapes {
        let found = check_one(cluster, target, shape).await;
        let found = found.unwrap_or_else(|error| unknown(&error));
        if found.weight() >= worst.weight() {
            worst = found;
        }
    }
    worst
}

fn unknown(error: &ClusterError) -> Health {
    Health::Unknown {
        text: error.to_string(),
    }
}

async fn check_one(
    cluster: &Cluster,
    target: &HealthTarget,
    shape: &Shape,
) -> Result<Health, ClusterError> {
    let Some(live) = live::set(cluster, &target.namespace, shape).await? else {
        return Ok(Health::Waiting {
            reason: Reason::StatefulSetGone,
            text: format!(
                "StatefulSet {} is not there: the next change of the exchange makes it anew, as drift detection does by itself",
                shape.name
            ),
        });
    };
    let behind = rollout::behind(&live);
    if behind.is_none() && live.spec.replicas == Some(0) {
        // Released as nothing, or taken down by somebody.
        return Ok(match shape.released {
            0 => Health::Limited,
            released => Health::Waiting {
                reason: Reason::ScaledDown,
                text: format!(
                    "scaled to 0 of {released} servers; `kubectl -n {} scale statefulset {} --replicas={released}` scales it up, as drift detection does by itself",
                    target.namespace, shape.name
                ),
            },
        });
    }
    let pods = live::pods(cluster, &target.namespace, shape, &live).await?;
    if let Some(behind) = behind {
        let why = rollout::hindrance(cluster, &target.namespace, &live, &pods).await;
        return Ok(Health::Waiting {
            reason: Reason::RollingOut,
            text: match why {
                Some(why) => format!("{behind}: {why}"),
                None => behind,
            },
        });
    }
    if shape.monitor.is_none() {
        return Ok(Health::Limited);
    }
    if pods.is_empty() {
        return Ok(Health::Unknown {
            text: format!("StatefulSet {} has pods that are not found", shape.name),
        });
    }
    ask_servers(cluster, target, shape, &pods).await
}

async fn ask_servers(
    cluster: &Cluster,
    target: &HealthTarget,
    shape: &Shape,
    pods: &[LivePod],
) -> Result<Health, ClusterError> {
    let asked = pods
        .iter()
        .map(|pod| monitor::ask(cluster, target, shape, pod));
    let servers = try_join_all(asked).await?;
    if let Some(waiting) = judge::formed(shape, &servers) {
        return Ok(waiting);
    }
    match &target.change {
        None => Ok(Health::Ready),
        Some(change) => reload::check(cluster, &target.namespace, shape, &servers, change).await,
    }
}

#[cfg(test)]
mod tests;
