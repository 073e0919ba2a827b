//! Comparing the objects of releases, a few at a time in each cluster; and what came of it, for those who compare beside
//! the passes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};

use super::observed::{ReleaseView, Unreadable};
use crate::cluster::{Cluster, Compared, Connected};
use crate::drift::{Drift, name_of};
use crate::exchange::desired::DesiredExchange;
use crate::id::{ClusterId, ExchangeId};
use crate::reason::Reason;

/// Releases of one cluster at a time: each is a dozen requests.
const PARALLEL: usize = 4;
/// How long one release may take.
const LONGEST: Duration = Duration::from_secs(10);

/// What was found last of each exchange, or why nothing was.
type Found = BTreeMap<ExchangeId, Result<Drift, Unreadable>>;

/// What rounds beside the passes found.
#[derive(Debug, Default)]
pub struct Drifts(Mutex<Found>);

impl Drifts {
    /// All of it.
    pub fn found(&self) -> BTreeMap<ExchangeId, Result<Drift, Unreadable>> {
        self.lock().clone()
    }

    /// Keeps what was found; whether something else differs now than before.
    pub fn keep(&self, id: ExchangeId, found: Result<Drift, Unreadable>) -> bool {
        let name = |one: &Result<Drift, Unreadable>| {
            let drift = one.as_ref().ok()?;
            name_of(&drift.differences)
        };
        let now = name(&found);
        let before = self.lock().insert(id, found);
        before.as_ref().and_then(name) != now
    }

    /// What was found of it holds no more.
    pub fn forget(&self, id: &ExchangeId) {
        self.lock().remove(id);
    }

    /// Nothing is kept of others.
    pub fn retain(&self, mut keeps: impl FnMut(&ExchangeId) -> bool) {
        self.lock().retain(|id, _| keeps(id));
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Compares each of these; what is not done within `limit` is not known.
pub async fn compare_all<'a>(
    clusters: &BTreeMap<ClusterId, Connected>,
    wanted: impl Iterator<Item = (&'a DesiredExchange, &'a ReleaseView)>,
    limit: Duration,
) -> BTreeMap<ExchangeId, Result<Drift, Unreadable>> {
    let mut lanes: BTreeMap<&ClusterId, Vec<_>> = BTreeMap::new();
    let mut found = Found::new();
    for (exchange, view) in wanted {
        let unasked = unknown(format!("not done within {} s", limit.as_secs()));
        found.insert(exchange.id.clone(), Err(unasked));
        let lane = lanes.entry(&exchange.id.cluster).or_default();
        lane.push((exchange, view));
    }
    let asked = lanes.into_iter().map(|(id, lane)| {
        let cluster = clusters.get(id).and_then(|cluster| cluster.as_ref().ok());
        let each: Vec<_> = lane
            .into_iter()
            .filter_map(|(exchange, view)| {
                let cluster = cluster?;
                Some(async move { (exchange.id.clone(), compare(cluster, exchange, view).await) })
            })
            .collect();
        stream::iter(each)
            .buffer_unordered(PARALLEL)
            .take_until(tokio::time::sleep(limit))
            .collect::<Vec<_>>()
    });
    found.extend(join_all(asked).await.into_iter().flatten());
    found
}

/// Compares the objects of one release, which is as wanted.
pub async fn compare(
    cluster: &Cluster,
    exchange: &DesiredExchange,
    view: &ReleaseView,
) -> Result<Drift, Unreadable> {
    let compared = Compared {
        namespace: &exchange.id.namespace,
        release: &exchange.id.release,
        view,
        ignored: &exchange.drift_ignore,
    };
    match tokio::time::timeout(LONGEST, cluster.drift(compared)).await {
        Ok(found) => found.map_err(|error| unknown(error.to_string())),
        Err(_elapsed) => {
            let text = format!("no complete answer within {} s", LONGEST.as_secs());
            Err(unknown(text))
        }
    }
}

fn unknown(text: String) -> Unreadable {
    Unreadable {
        reason: Reason::DriftUnknown,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::Difference;

    #[test]
    fn only_another_drift_is_news() {
        let drifts = Drifts::default();
        let id: ExchangeId = "c/n/r".parse().unwrap();
        let drift = |names: &[&str]| {
            Ok(Drift {
                differences: names
                    .iter()
                    .map(|name| Difference::gone("Service", name))
                    .collect(),
                ..Drift::default()
            })
        };
        assert!(!drifts.keep(id.clone(), drift(&[])));
        assert!(drifts.keep(id.clone(), drift(&["a"])));
        assert!(!drifts.keep(id.clone(), drift(&["a"])));
        assert!(drifts.keep(id.clone(), drift(&["a", "b"])));
        assert!(drifts.keep(id.clone(), drift(&[])));
        drifts.forget(&id);
        assert!(drifts.found().is_empty());
    }
}
