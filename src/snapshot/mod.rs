//! A picture of the world without secrets, so that plans can be made where no cluster may be asked: in a pull request.
//! Pure but for `fetch`.

mod clusters;
mod fetch;
mod mask;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

pub use fetch::{FetchError, bounded, fetch};
pub use mask::condensed;

use crate::exchange::desired::{ChartRef, Desired};
use crate::exchange::{Context, Severities};
use crate::id::{ClusterId, ExchangeId, Instance};
use crate::observe::observed::{
    ClusterView, Hidden, Observed, RegistryView, ReleaseKey, ReleaseView, Unreadable,
};
use crate::plan::policy::Policy;
use crate::sealed::{self, Kind, SealError};

/// How far clocks of two hosts may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What was seen, and what of the operator's settings a plan depends on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot<C = Seen<ClusterView>> {
    /// Who took it.
    pub tool_version: String,
    /// When it was seen.
    pub taken_at: Timestamp,
    /// Whose releases are ours.
    pub instance: Instance,
    /// The operator's settings that plans depend on.
    pub settings: Ground,
    /// Every cluster of the inventory.
    pub clusters: BTreeMap<ClusterId, C>,
    /// Which clusters those are that were not read, as far as that is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub led: BTreeMap<ClusterId, String>,
    /// The registry.
    pub registry: Seen<RegistryView>,
    /// What is left out.
    pub hidden: Hidden,
}

/// A snapshot as it is read: the clusters, which are most of it, are left in the file until it is known what a plan needs
/// of them.
#[derive(Debug)]
pub struct Recorded<'b> {
    file: &'b str,
    /// Far more than what is taken from it, and gone before anything is planned.
    bytes: Vec<u8>,
    rest: Snapshot<IgnoredAny>,
}

/// Settings that plans depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// The chart of files that name no version.
    pub chart: ChartRef,
    /// Host of public URLs by cluster.
    pub hosts: BTreeMap<ClusterId, String>,
    /// Privileged values that are let through.
    pub allow_values: Vec<String>,
    /// How bad lints are taken.
    #[serde(default)]
    pub severities: Severities,
    /// Remove what is no longer declared.
    pub prune: bool,
    /// Largest share of a cluster's exchanges removed unasked, in percent.
    pub max_delete: u32,
    /// How long a Helm operation may run, in seconds.
    pub helm_timeout: u64,
}

/// What was seen, or why it was not: not seen is never taken for not there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen<T> {
    /// It was read.
    View(T),
    /// It was not.
    Unreadable(Unreadable),
}

impl<T> From<Seen<T>> for Result<T, Unreadable> {
    fn from(seen: Seen<T>) -> Self {
        match seen {
            Seen::View(view) => Ok(view),
            Seen::Unreadable(why) => Err(why),
        }
    }
}

/// A picture that is not of now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// Older than allowed.
    #[error("{file} was taken {when}, and --max-age is {most}: take it anew (StaleSnapshot)")]
    TooOld {
        /// The file.
        file: String,
        /// When it was taken.
        when: String,
        /// How old it may be.
        most: String,
    },
    /// From the future.
    #[error(
        "{file} was taken at {taken_at:.0}, which is still to come: check the clocks of both hosts (StaleSnapshot)"
    )]
    Ahead {
        /// The file.
        file: String,
        /// When it says it was taken.
        taken_at: Timestamp,
    },
}

impl Snapshot {
    /// The picture of `observed`: what is or may be a secret is left out.
    pub fn new(observed: Observed, instance: Instance, ground: Ground, now: Timestamp) -> Self {
        let mut hidden = Hidden::default();
        let clusters = observed.clusters.into_iter().map(|(id, view)| {
            let seen = match view {
                Ok(view) => Seen::View(mask::cluster(&id, Arc::unwrap_or_clone(view), &mut hidden)),
                Err(why) => Seen::Unreadable(mask::reason(&why)),
            };
            (id, seen)
        });
        let clusters: BTreeMap<_, _> = clusters.collect();
        // Views say it themselves.
        let mut led = observed.led;
        led.retain(|id, _| matches!(clusters.get(id), Some(Seen::Unreadable(_))));
        let registry = match observed.registry {
            Ok(view) => Seen::View(mask::registry(Arc::unwrap_or_clone(view), &mut hidden)),
            Err(why) => Seen::Unreadable(mask::reason(&why)),
        };
        Self {
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at: now,
            instance,
            settings: ground,
            clusters,
            led,
            registry,
            hidden,
        }
    }

    /// The text of its file.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        sealed::seal(Kind::Snapshot, self)
    }

    /// What could not be read, and why.
    pub fn unreadable(&self) -> impl Iterator<Item = (&str, &Unreadable)> {
        let clusters = self.clusters.iter().filter_map(|(id, seen)| match seen {
            Seen::View(_) => None,
            Seen::Unreadable(why) => Some((id.as_str(), why)),
        });
        let registry = match &self.registry {
            Seen::View(_) => None,
            Seen::Unreadable(why) => Some(("registry", why)),
        };
        clusters.chain(registry)
    }
}

impl<'b> Recorded<'b> {
    /// Reads a file; `file` is its name.
    pub fn read(file: &'b str, bytes: Vec<u8>) -> Result<Self, SealError> {
        let rest = sealed::open(Kind::Snapshot, file, &bytes)?;
        Ok(Self { file, bytes, rest })
    }

    /// When it was seen.
    pub fn taken_at(&self) -> Timestamp {
        self.rest.taken_at
    }

    /// Refuses one that is older than `most`.
    pub fn check_age(&self, most: Duration, now: Timestamp) -> Result<(), AgeError> {
        let file = self.file;
        let age = now.duration_since(self.taken_at());
        if age < -SKEW {
            return Err(AgeError::Ahead {
                file: file.to_owned(),
                taken_at: self.taken_at(),
            });
        }
        if age.is_positive() && age.unsigned_abs() > most {
            return Err(AgeError::TooOld {
                file: file.to_owned(),
                when: self.age(now),
                most: humantime::format_duration(most).to_string(),
            });
        }
        Ok(())
    }

    /// When it was taken, as the end of a sentence.
    pub fn age(&self, now: Timestamp) -> String {
        let age = now.duration_since(self.taken_at()).as_secs().unsigned_abs();
        let age = humantime::format_duration(Duration::from_secs(age));
        format!("at {:.0}, {age} ago", self.taken_at())
    }

    /// What files are resolved with.
    pub fn context(&self) -> Context {
        Context {
            chart: self.rest.settings.chart.clone(),
            clusters: self.rest.clusters.keys().cloned().collect(),
            hosts: self.rest.settings.hosts.clone(),
            allow_values: self.rest.settings.allow_values.clone(),
            severities: self.rest.settings.severities.clone(),
        }
    }

    /// What is allowed.
    pub fn policy(&self, allow_delete: &BTreeSet<ExchangeId>) -> Policy {
        Policy {
            instance: self.rest.instance.clone(),
            prune: self.rest.settings.prune,
            max_delete_percent: self.rest.settings.max_delete,
            allow_delete: allow_delete.clone(),
            helm_timeout: Duration::from_secs(self.rest.settings.helm_timeout),
            // Its own clock is not in the picture, and nothing is done for it.
            clocks: self
                .rest
                .clusters
                .keys()
                .map(|id| (id.clone(), self.taken_at()))
                .collect(),
            ..Policy::default()
        }
    }

    /// What clusters and registry said; what git knows of it is asked anew. What a release holds is left out, as in a live
    /// view, where its labels tell that it is what is desired.
    pub fn into_observed(self, desired: &Desired) -> Result<Observed, SealError> {
        let settled = |cluster: &ClusterId, key: &ReleaseKey, release: &ReleaseView| {
            let wanted = desired.exchanges.get(&key.in_cluster(cluster));
            wanted.is_some_and(|wanted| release.is_settled(wanted.digest.label()))
        };
        let clusters = clusters::read(&self.bytes, &settled).map_err(|_| SealError::Edited {
            file: self.file.to_owned(),
        })?;
        Ok(Observed {
            led: self.rest.led,
            hidden: self.rest.hidden,
            ..Observed::new(clusters, Result::from(self.rest.registry).map(Arc::new))
        })
    }
}
