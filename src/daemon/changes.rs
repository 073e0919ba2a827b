//! What clusters tell between passes. It sets off a look when nothing has been told for a moment; what a pass has seen, or
//! we did ourselves, sets off none.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::watch::Daemon;
use crate::cluster::{Change, Cluster, ClusterError};
use crate::id::{ClusterId, ExchangeId, Instance};

/// Changes come in swarms; a look in the middle of one sees half of it.
const QUIET: Duration = Duration::from_secs(1);
/// Where a swarm does not end, it is looked all the same.
const LONGEST: Duration = Duration::from_secs(10);
/// Pauses before a cluster that could not be watched is watched again: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The clusters that are watched.
#[derive(Debug)]
pub(super) struct Watches {
    tasks: BTreeMap<ClusterId, (Cluster, JoinHandle<()>)>,
    told: UnboundedSender<Change>,
}

impl Watches {
    pub(super) fn new(told: UnboundedSender<Change>) -> Self {
        let tasks = BTreeMap::new();
        Self { tasks, told }
    }

    /// Watches exactly these, by the connections they have now.
    fn renew(&mut self, clusters: BTreeMap<ClusterId, Cluster>, instance: &Instance) {
        self.tasks.retain(|id, (cluster, task)| {
            let stays = clusters.get(id).is_some_and(|now| now.is_same(cluster));
            if !stays {
                task.abort();
            }
            stays
        });
        for (id, cluster) in clusters {
            self.tasks.entry(id).or_insert_with(|| {
                let watching = watch(cluster.clone(), instance.clone(), self.told.clone());
                (cluster, tokio::spawn(watching))
            });
        }
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        for (_, task) in self.tasks.values() {
            task.abort();
        }
    }
}

/// Watches until nobody listens. What cannot be watched is seen at the interval.
async fn watch(cluster: Cluster, instance: Instance, told: UnboundedSender<Change>) {
    let mut pause = FIRST_PAUSE;
    let mut complained = false;
    // The pass before has seen what is there at the first time.
    let mut anew = false;
    loop {
        let began = Instant::now();
        let watched = cluster.watch_changes(&instance, |change| {
            (change == Change::Listed && !anew) || told.send(change).is_ok()
        });
        let Err(error) = watched.await else { return };
        anew = true;
        if began.elapsed() > LAST_PAUSE {
            pause = FIRST_PAUSE;
        }
        if let ClusterError::Forbidden { .. } = error {
            pause = LAST_PAUSE;
            if !std::mem::replace(&mut complained, true) {
                let text = error.to_string();
                tracing::info!(cluster = %cluster.id(), text, "may not be watched: what others change there is seen at the interval; `natsx-sync doctor` prints the role");
            }
        }
        tracing::debug!(cluster = %cluster.id(), %error, ?pause, "no longer watched");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// What was told and not looked at.
#[derive(Debug)]
pub(super) struct Stir {
    first: Instant,
    last: Instant,
    /// Something that no pass can know of.
    news: bool,
    releases: BTreeMap<ExchangeId, Change>,
    servers: BTreeSet<ExchangeId>,
    /// Whose StatefulSet was edited.
    edited: BTreeSet<ExchangeId>,
}

impl Stir {
    fn new(now: Instant) -> Self {
        Self {
            first: now,
            last: now,
            news: false,
            releases: BTreeMap::new(),
            servers: BTreeSet::new(),
            edited: BTreeSet::new(),
        }
    }

    /// When it has come to rest.
    pub(super) fn due(&self) -> Instant {
        (self.last + QUIET).min(self.first + LONGEST)
    }

    fn add(&mut self, change: Change, now: Instant) {
        self.last = now;
        match change {
            Change::Listed => self.news = true,
            Change::Servers { id, edited } => {
                self.news |= edited;
                self.edited.extend(edited.then(|| id.clone()));
                self.servers.insert(id);
            }
            Change::Release { ref id, .. } => {
                self.releases.insert(id.clone(), change);
            }
        }
    }
}

impl Daemon<'_> {
    /// Watches the clusters that a pass has shown to be those that are meant.
    pub(super) fn watch_clusters(&mut self) {
        let settings = &self.equipment.settings;
        let trusted = |id: &ClusterId| self.equipment.inventory.trusted(id)?.ok();
        let ids = settings.clusters.keys();
        let clusters = ids.filter_map(|id| Some((id.clone(), trusted(id)?)));
        self.watches.renew(clusters.collect(), &settings.instance);
    }

    /// A cluster tells of something that is not being done by us.
    pub(super) fn take_change(&mut self, change: Change) {
        let ours = match &change {
            Change::Release { id, marked, .. } => {
                (*marked || self.ledger.declares(id)) && !self.lanes.is_flying(id)
            }
            Change::Servers { id, .. } => self.ledger.declares(id) && !self.lanes.is_flying(id),
            Change::Listed => true,
        };
        if ours {
            let now = Instant::now();
            self.stir
                .get_or_insert_with(|| Stir::new(now))
                .add(change, now);
        }
    }

    /// Nothing was told for a moment.
    pub(super) fn come_to_rest(&mut self) {
        let Some(stir) = self.stir.take() else { return };
        let mut releases = stir.releases.values();
        if stir.news || !releases.all(|change| self.ledger.has_seen(change)) {
            tracing::debug!("a cluster was changed by others");
            self.look();
        }
        self.suspects.extend(stir.servers);
        self.ask_suspects();
        self.compare_soon(stir.edited);
        self.compare_due();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_to_rest_a_second_after_the_last_change_and_never_later_than_ten() {
        let now = Instant::now();
        let mut stir = Stir::new(now);
        let id: ExchangeId = "c/n/r".parse().unwrap();
        let change = |edited| Change::Servers {
            id: id.clone(),
            edited,
        };
        stir.add(change(false), now);
        assert_eq!(stir.due(), now + QUIET);
        for tenths in 1..=200 {
            stir.add(change(false), now + QUIET * tenths / 10);
        }
        assert_eq!(stir.due(), now + LONGEST);
        assert!(!stir.news, "how servers are is asked of them");
        assert_eq!(stir.servers.len(), 1);
        stir.add(change(true), now);
        assert!(stir.news);
    }
}
