//! Asks settled exchanges how they are, within the budget.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, MissedTickBehavior};

use super::watch::Daemon;
use crate::cluster::Cluster;
use crate::health::{Health, HealthTarget, check, client_urls};
use crate::id::{ClusterId, ExchangeId};
use crate::observe::observed::ReleaseStatus;

/// An answer.
pub(super) type Answer = (ExchangeId, Health, Vec<String>);

impl Daemon<'_> {
    /// Those never asked are asked at once.
    pub(super) fn ask_health(&mut self) {
        let unasked: Vec<_> = self
            .ledger
            .settled()
            .into_iter()
            .filter(|id| self.ledger.is_unasked(id))
            .collect();
        if !unasked.is_empty() {
            self.ask_health_of(unasked);
        }
    }

    pub(super) fn take_health(&mut self, (id, health, urls): Answer) {
        self.lanes.take_health(&id, &health);
        self.ledger.take_health(id.clone(), health, urls);
        self.follow_health(&id);
        self.status_changed();
    }

    /// The loop came round: those that are as wanted are asked at their interval.
    pub(super) fn come_round(&mut self) {
        if self.asked.elapsed() > self.equipment.settings.health.interval {
            self.ask_health_of(self.ledger.settled());
        }
        self.ask_suspects();
        self.compare_due();
        self.beat();
    }

    /// One that somebody named. What it said before counts no more. One in flight is asked there.
    pub(super) fn ask_health_again(&mut self, id: &ExchangeId) {
        if self.lanes.is_flying(id) || !self.ledger.settled().contains(id) {
            return;
        }
        self.ledger.doubt_health(id);
        self.status_changed();
        let target = self.targets([id.clone()]);
        tokio::spawn(ask(target, 1, self.answers.clone()));
    }

    /// Those whose servers were seen to change, beside the round that may be under way, and no two such rounds at a time.
    pub(super) fn ask_suspects(&mut self) {
        if self.suspects.is_empty() || self.aside.as_ref().is_some_and(|one| !one.is_finished()) {
            return;
        }
        let mut ids = std::mem::take(&mut self.suspects);
        let settled: BTreeSet<_> = self.ledger.settled().into_iter().collect();
        ids.retain(|id| settled.contains(id) && !self.lanes.is_flying(id));
        let targets = self.targets(ids);
        let budget = self.equipment.settings.health.budget;
        self.aside = Some(tokio::spawn(ask(targets, budget, self.answers.clone())));
    }

    fn targets(&self, ids: impl IntoIterator<Item = ExchangeId>) -> Vec<(ExchangeId, Cluster)> {
        let each = ids.into_iter().filter_map(|id| {
            let cluster = self.equipment.inventory.get(&id.cluster)?.ok()?;
            Some((id, cluster))
        });
        each.collect()
    }

    pub(super) fn ask_health_of(&mut self, ids: Vec<ExchangeId>) {
        if self
            .asking
            .as_ref()
            .is_some_and(|asking| !asking.is_finished())
        {
            return;
        }
        self.asked = Instant::now();
        let targets = self.targets(ids);
        let budget = self.equipment.settings.health.budget;
        self.asking = Some(tokio::spawn(ask(targets, budget, self.answers.clone())));
    }
}

/// Asks each in turn, `budget` a second, and tells the answers. A cluster that does not answer delays only itself.
async fn ask(targets: Vec<(ExchangeId, Cluster)>, budget: u32, answers: UnboundedSender<Answer>) {
    let pause = Duration::from_secs(1) / budget.max(1);
    let mut turns = tokio::time::interval(pause);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let turns = Mutex::new(turns);
    let mut lanes: BTreeMap<ClusterId, Vec<(ExchangeId, Cluster)>> = BTreeMap::new();
    for target in targets {
        lanes
            .entry(target.0.cluster.clone())
            .or_default()
            .push(target);
    }
    let each = lanes.into_values().map(|lane| async {
        for (id, cluster) in lane {
            turns.lock().await.tick().await;
            let (health, urls) = one(&id, &cluster).await;
            if answers.send((id, health, urls)).is_err() {
                return;
            }
        }
    });
    join_all(each).await;
}

async fn one(id: &ExchangeId, cluster: &Cluster) -> (Health, Vec<String>) {
    let release = match cluster.release(&id.namespace, &id.release).await {
        Ok(Some(release)) if release.status == ReleaseStatus::Deployed => release,
        Ok(_) => {
            return (
                Health::Unknown {
                    text: "no deployed release".to_owned(),
                },
                Vec::new(),
            );
        }
        Err(error) => {
            return (
                Health::Unknown {
                    text: error.to_string(),
                },
                Vec::new(),
            );
        }
    };
    match cluster
        .stored(&id.namespace, &id.release, release.revision)
        .await
    {
        Ok((stored, manifest)) => {
            let target = HealthTarget::of(id.namespace.clone(), id.release.clone(), &stored);
            (
                check(cluster, &target).await,
                client_urls(&id.namespace, &manifest),
            )
        }
        Err(error) => (
            Health::Unknown {
                text: error.to_string(),
            },
            Vec::new(),
        ),
    }
}
