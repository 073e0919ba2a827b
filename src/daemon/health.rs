//! Asks settled exchanges how they are, within the budget.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::ledger::Answer;
use super::turns::{Turns, in_turns};
use super::watch::Daemon;
use crate::cluster::{Cluster, ClusterError};
use crate::health::{Health, HealthTarget, check, client_urls};
use crate::id::ExchangeId;
use crate::observe::observed::{ReleaseStatus, ReleaseView, SecretIdentity};

/// So long the status may wait for more answers: at the first round, each is news.
const UNHURRIED: Duration = Duration::from_secs(1);

/// Who is asked.
struct Target {
    id: ExchangeId,
    cluster: Cluster,
    /// Its release as the last pass saw it. What others do to it since is told by the watch, and seen by the next pass.
    release: Released,
}

/// Of a release, what is needed until its turn comes: that of ten thousand takes half an hour.
struct Released {
    revision: u32,
    status: ReleaseStatus,
    secret: SecretIdentity,
}

impl Released {
    fn of(release: &ReleaseView) -> Self {
        Self {
            revision: release.revision,
            status: release.status,
            secret: release.secret.clone(),
        }
    }
}

impl Daemon<'_> {
    /// Those never asked are asked at once. A round of many takes half an hour: who is released since it began is not in it,
    /// and is asked beside it. `before` is who was.
    pub(super) fn ask_health(&mut self, before: &BTreeSet<ExchangeId>) {
        let mut unasked = self.ledger.released();
        unasked.retain(|id| self.ledger.is_unasked(id));
        if unasked.is_empty() {
            return;
        }
        if self.is_asking() {
            let since = unasked.into_iter().filter(|id| !before.contains(id));
            self.suspects.extend(since);
            self.ask_suspects();
        } else {
            self.ask_health_of(unasked);
        }
    }

    /// Whom the round under way may have in it; nobody, where none is.
    pub(super) fn in_round(&self) -> BTreeSet<ExchangeId> {
        if !self.is_asking() {
            return BTreeSet::new();
        }
        let mut ids = self.ledger.released();
        ids.retain(|id| self.ledger.is_unasked(id) && !self.lanes.is_flying(id));
        ids.into_iter().collect()
    }

    pub(super) fn take_health(&mut self, answer: Answer) {
        let id = answer.id.clone();
        if !self.ledger.is_late(&answer) {
            self.lanes.take_health(&id, &answer.health);
        }
        let before = self.ledger.was_unwell(&id);
        let is_news = self.ledger.take_health(answer);
        // What is being done to it is told as such.
        if !self.lanes.is_flying(&id)
            && let Some(turn) = self.ledger.turn(&id, before)
        {
            turn.tell(&id);
        }
        self.follow_health(&id);
        // Somebody answers several times a second, and the status tells of everybody.
        if is_news {
            self.status_due_within(UNHURRIED);
        }
    }

    /// The loop came round: those that are as wanted are asked at their interval.
    pub(super) fn come_round(&mut self) {
        if self.asked.elapsed() > self.equipment.settings.health.interval && !self.is_asking() {
            let released = self.ledger.released();
            self.known.keep(&released);
            self.ask_health_of(released);
        }
        self.ask_suspects();
        self.compare_again();
        self.beat();
    }

    /// One that somebody named. What it said before counts no more. One in flight is asked there.
    pub(super) fn ask_health_again(&mut self, id: &ExchangeId) {
        if self.lanes.is_flying(id) || !self.ledger.released().contains(id) {
            return;
        }
        self.ledger.doubt_health(id);
        self.status_changed();
        let target = self.targets([id.clone()]);
        let turns = self.turns(1);
        tokio::spawn(ask(target, turns, self.known.clone(), self.answers.clone()));
    }

    /// Those whose servers were seen to change, beside the round that may be under way, and no two such rounds at a time.
    pub(super) fn ask_suspects(&mut self) {
        if self.suspects.is_empty() || self.aside.as_ref().is_some_and(|one| !one.is_finished()) {
            return;
        }
        let mut ids = std::mem::take(&mut self.suspects);
        let released: BTreeSet<_> = self.ledger.released().into_iter().collect();
        ids.retain(|id| released.contains(id) && !self.lanes.is_flying(id));
        let targets = self.targets(ids);
        let turns = self.turns(self.equipment.settings.health.budget);
        let asking = ask(targets, turns, self.known.clone(), self.answers.clone());
        self.aside = Some(tokio::spawn(asking));
    }

    fn targets(&self, ids: impl IntoIterator<Item = ExchangeId>) -> Vec<Target> {
        let each = ids.into_iter().filter_map(|id| {
            Some(Target {
                cluster: self.equipment.inventory.get(&id.cluster)?.ok()?,
                release: Released::of(self.ledger.release(&id)?),
                id,
            })
        });
        each.collect()
    }

    fn turns(&self, budget: u32) -> Turns {
        Turns::new(Duration::from_secs(1), budget, self.silent.clone())
    }

    fn is_asking(&self) -> bool {
        let asking = self.asking.as_ref();
        asking.is_some_and(|asking| !asking.is_finished())
    }

    pub(super) fn ask_health_of(&mut self, ids: Vec<ExchangeId>) {
        if self.is_asking() {
            return;
        }
        self.asked = Instant::now();
        let targets = self.targets(ids);
        let turns = self.turns(self.equipment.settings.health.budget);
        let asking = ask(targets, turns, self.known.clone(), self.answers.clone());
        self.asking = Some(tokio::spawn(asking));
    }
}

/// Asks each in its turn, and tells the answers.
async fn ask(targets: Vec<Target>, turns: Turns, known: Known, answers: UnboundedSender<Answer>) {
    let cluster = |target: &Target| target.id.cluster.clone();
    let ask = |target: Target| {
        let (known, answers) = (known.clone(), answers.clone());
        async move {
            let asked = std::time::Instant::now();
            let (health, client_urls) = one(&target, &known).await;
            let answer = Answer {
                id: target.id,
                health,
                client_urls,
                asked,
            };
            answers.send(answer).is_ok()
        }
    };
    in_turns(targets, cluster, turns, ask).await;
}

async fn one(target: &Target, known: &Known) -> (Health, Option<Arc<[String]>>) {
    let unknown = |text: String| (Health::Unknown { text }, None);
    let Target {
        id,
        cluster,
        release,
    } = target;
    if release.status != ReleaseStatus::Deployed {
        return unknown("no deployed release".to_owned());
    }
    let asked = match known.get(id, &release.secret) {
        Some(asked) => asked,
        None => match read(id, cluster, release).await {
            Ok(asked) => known.put(id.clone(), asked),
            Err(error) => return unknown(error.to_string()),
        },
    };
    let urls = Arc::clone(&asked.urls);
    (check(cluster, &asked.target).await, Some(urls))
}

/// Reads how a release is asked.
async fn read(
    id: &ExchangeId,
    cluster: &Cluster,
    release: &Released,
) -> Result<Asked, ClusterError> {
    let stored = cluster.stored(&id.namespace, &id.release, release.revision);
    let (stored, manifest) = stored.await?;
    Ok(Asked {
        secret: release.secret.clone(),
        target: HealthTarget::of(id.namespace.clone(), id.release.clone(), &stored),
        urls: client_urls(&id.namespace, &manifest).into(),
    })
}

/// How releases are asked, so that one that stays as it is is decoded once.
#[derive(Clone, Default)]
pub(super) struct Known(Arc<std::sync::Mutex<BTreeMap<ExchangeId, Arc<Asked>>>>);

struct Asked {
    /// Where that was read.
    secret: SecretIdentity,
    target: HealthTarget,
    urls: Arc<[String]>,
}

impl Known {
    /// If the release is still the same.
    fn get(&self, id: &ExchangeId, secret: &SecretIdentity) -> Option<Arc<Asked>> {
        let asked = self.lock().get(id).map(Arc::clone);
        asked.filter(|asked| asked.secret == *secret)
    }

    fn put(&self, id: ExchangeId, asked: Asked) -> Arc<Asked> {
        let asked = Arc::new(asked);
        self.lock().insert(id, Arc::clone(&asked));
        asked
    }

    /// Forgets all but these.
    fn keep(&self, ids: &[ExchangeId]) {
        let ids: BTreeSet<_> = ids.iter().collect();
        self.lock().retain(|id, _| ids.contains(id));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ExchangeId, Arc<Asked>>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::cluster::tests::{connect, mount_absence, stored};

    #[tokio::test]
    async fn a_release_is_decoded_once_for_as_long_as_it_stays() {
        let server = MockServer::start().await;
        mount_absence(&server).await;
        let secret = "/api/v1/namespaces/shop/secrets/sh.helm.release.v1.orders.v1";
        let answer = json!({"data": {"release": stored("orders", 1)}});
        Mock::given(path(secret))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .expect(2)
            .mount(&server)
            .await;
        let at = |version: &str| Released {
            revision: 1,
            status: ReleaseStatus::Deployed,
            secret: SecretIdentity {
                name: "sh.helm.release.v1.orders.v1".into(),
                uid: "u".into(),
                resource_version: version.into(),
                created: None,
            },
        };
        let known = Known::default();
        let mut target = Target {
            id: "east/shop/orders".parse().unwrap(),
            cluster: connect(&server, &[]).await,
            release: at("7"),
        };
        for version in ["7", "7", "8", "8"] {
            target.release = at(version);
            let (health, _) = one(&target, &known).await;
            let Health::Unknown { text } = health else {
                panic!("{health:?}");
            };
            assert!(text.contains("no StatefulSet"), "{text}");
        }
        known.keep(&[]);
        assert!(known.lock().is_empty());
    }
}
