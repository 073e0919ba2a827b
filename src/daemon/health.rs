//! Asks settled exchanges how they are, within the budget.

use std::collections::BTreeMap;
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

    /// The loop came round: those that are as wanted are asked at their interval.
    pub(super) fn come_round(&mut self) {
        if self.asked.elapsed() > self.equipment.settings.health.interval {
            self.ask_health_of(self.ledger.settled());
        }
        self.beat();
    }

    /// One that somebody named, beside the round that may be under way. What it said before counts no more. One in
    /// flight is asked there.
    pub(super) fn ask_health_again(&mut self, id: &ExchangeId) {
        if self.lanes.is_flying(id) || !self.ledger.settled().contains(id) {
            return;
        }
        if let Some(Ok(cluster)) = self.equipment.inventory.get(&id.cluster) {
            self.ledger.doubt_health(id);
            self.status_changed();
            let target = vec![(id.clone(), cluster)];
            tokio::spawn(ask(target, 1, self.answers.clone()));
        }
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
        let targets: Vec<_> = ids
            .into_iter()
            .filter_map(|id| {
                let cluster = self.equipment.inventory.get(&id.cluster)?.ok()?;
                Some((id, cluster))
            })
            .collect();
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
