//! Compares single objects with their release, where an exchange wants that: each at its interval, spread over it; and at
//! once where somebody was seen to edit one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::turns::{Turns, in_turns};
use super::watch::Daemon;
use crate::apply::{Outcome, OutcomeResult};
use crate::cluster::Cluster;
use crate::drift::Drift;
use crate::exchange::desired::DesiredExchange;
use crate::id::ExchangeId;
use crate::observe::observed::Unreadable;
use crate::observe::{Drifts, compare};
use crate::plan::to_compare;
use crate::state::journal::{AGAIN, CALM, Line, Phase};

/// The longest pause between two of a round: few exchanges are not made to wait for each other.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// An answer, and when it was asked for.
#[derive(Debug)]
pub(super) struct Found {
    id: ExchangeId,
    asked: Instant,
    drift: Result<Drift, Unreadable>,
}

/// What is being compared.
#[derive(Debug)]
pub(super) struct Comparing {
    drifts: Arc<Drifts>,
    /// Of the last round; none where nobody was to be compared.
    began: Option<Instant>,
    round: Option<JoinHandle<()>>,
    /// Those that were edited are compared beside the round.
    aside: Option<JoinHandle<()>>,
    edited: BTreeSet<ExchangeId>,
    /// When we were last done with each: what was asked before holds no more.
    ended: BTreeMap<ExchangeId, Instant>,
    told: UnboundedSender<Found>,
}

impl Comparing {
    pub(super) fn new(drifts: Arc<Drifts>, told: UnboundedSender<Found>) -> Self {
        Self {
            drifts,
            began: None,
            round: None,
            aside: None,
            edited: BTreeSet::new(),
            ended: BTreeMap::new(),
            told,
        }
    }

    /// Something of ours ended there: what was asked before is of no use any more, nor what was found, unless it is still
    /// to be mended. It is compared anew.
    pub(super) fn end(&mut self, outcome: &Outcome) {
        let Outcome { id, result, .. } = outcome;
        if !matches!(result, OutcomeResult::Failed | OutcomeResult::Blocked) {
            self.drifts.forget(id);
        }
        self.ended.insert(id.clone(), Instant::now());
        self.edited.insert(id.clone());
    }
}

impl Daemon<'_> {
    /// The loop came round. Whether anybody wants it after all is seen at the next pass.
    pub(super) fn compare_again(&mut self) {
        if self.comparing.began.is_some() || !self.comparing.edited.is_empty() {
            self.compare_due();
        }
    }

    /// Compares those whose time it is.
    pub(super) fn compare_due(&mut self) {
        let interval = self.equipment.settings.drift.interval;
        let idle =
            |task: &Option<JoinHandle<()>>| task.as_ref().is_none_or(JoinHandle::is_finished);
        let comparing = &self.comparing;
        let is_due = comparing
            .began
            .is_none_or(|began| began.elapsed() >= interval);
        if is_due && idle(&comparing.round) {
            let targets = self.compared(|_| true);
            self.comparing.began = (!targets.is_empty()).then(Instant::now);
            if !targets.is_empty() {
                let count = u32::try_from(targets.len()).unwrap_or(u32::MAX);
                let pause = (interval / count).min(LONGEST_PAUSE);
                let turns = Turns::new(pause, 1, self.silent.clone());
                let round = ask(targets, turns, self.comparing.told.clone());
                self.comparing.round = Some(tokio::spawn(round));
            }
        }
        if !self.comparing.edited.is_empty() && idle(&self.comparing.aside) {
            let edited = std::mem::take(&mut self.comparing.edited);
            let targets = self.compared(|id| edited.contains(id));
            let turns = Turns::new(Duration::ZERO, 1, self.silent.clone());
            let aside = ask(targets, turns, self.comparing.told.clone());
            self.comparing.aside = Some(tokio::spawn(aside));
        }
    }

    /// Somebody edited something of these.
    pub(super) fn compare_soon(&mut self, edited: impl IntoIterator<Item = ExchangeId>) {
        self.comparing.edited.extend(edited);
    }

    /// A pass has seen what there is: of everything else nothing is kept.
    pub(super) fn forget_others(&mut self) {
        let Self {
            comparing, ledger, ..
        } = self;
        comparing.drifts.retain(|id| ledger.declares(id));
        comparing.ended.retain(|id, _| ledger.declares(id));
    }

    pub(super) fn take_found(&mut self, found: Found) {
        let Found { id, asked, drift } = found;
        let ended = self.comparing.ended.get(&id);
        if self.lanes.is_flying(&id) || ended.is_some_and(|ended| asked <= *ended) {
            return;
        }
        match &drift {
            Ok(drift) if drift.differences.is_empty() && drift.unread.is_empty() => self.calm(&id),
            Ok(_) => {}
            Err(why) => tracing::debug!(exchange = %id, text = why.text, "not compared"),
        }
        if self.comparing.drifts.keep(id, drift) {
            self.look();
        }
    }

    /// Nothing differs. Long after a repair that is the end of it, and the same change is another one then.
    fn calm(&self, id: &ExchangeId) {
        let journal = &self.session.journal;
        let before = journal.memory(id).put_back;
        let over = before.is_some_and(|before| Timestamp::now().duration_since(before.at) >= AGAIN);
        if !over || self.options.dry_run {
            return;
        }
        let line = Line {
            pass: self.ledger.tries(),
            commit: self.ledger.commit().cloned(),
            id: Some(id.clone()),
            step: CALM.to_owned(),
            phase: Phase::Done,
            detail: serde_json::Value::Null,
        };
        if let Err(error) = journal.append(line) {
            tracing::warn!(exchange = %id, %error, "the journal could not be written");
        }
    }

    /// Those among the exchanges that want it, whose releases are as wanted and that nobody works on.
    fn compared(
        &self,
        wants: impl Fn(&ExchangeId) -> bool,
    ) -> Vec<(Arc<DesiredExchange>, Cluster)> {
        let Some(survey) = &self.ledger.survey else {
            return Vec::new();
        };
        let all = to_compare(&survey.plan, &survey.desired, &survey.observed);
        let wanted =
            all.filter(|(exchange, _)| wants(&exchange.id) && !self.lanes.is_flying(&exchange.id));
        let targets = wanted.filter_map(|(exchange, _)| {
            let cluster = self.equipment.inventory.trusted(&exchange.id.cluster)?;
            let exchange = survey.desired.exchanges.get(&exchange.id)?;
            Some((Arc::clone(exchange), cluster.ok()?))
        });
        targets.collect()
    }
}

/// Compares each in its turn, and tells what it found.
async fn ask(
    targets: Vec<(Arc<DesiredExchange>, Cluster)>,
    turns: Turns,
    told: UnboundedSender<Found>,
) {
    type Target = (Arc<DesiredExchange>, Cluster);
    let cluster = |(exchange, _): &Target| exchange.id.cluster.clone();
    let ask = |(exchange, cluster): Target| {
        let told = told.clone();
        async move {
            let asked = Instant::now();
            let Some(drift) = Box::pin(one(&exchange, &cluster)).await else {
                return true;
            };
            let id = exchange.id.clone();
            told.send(Found { id, asked, drift }).is_ok()
        }
    };
    in_turns(targets, cluster, turns, ask).await;
}

/// Nothing where the release is not as wanted now: that is for the next pass to see.
async fn one(exchange: &DesiredExchange, cluster: &Cluster) -> Option<Result<Drift, Unreadable>> {
    let id = &exchange.id;
    match cluster.release(&id.namespace, &id.release).await {
        Ok(view) => {
            let view = view.filter(|view| view.is_settled(exchange.digest.label()))?;
            Some(compare(cluster, exchange, &view).await)
        }
        Err(error) => Some(Err(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::Verdict;
    use crate::apply::effect::Why;
    use crate::plan::action::Action;
    use crate::reason::Reason;

    #[test]
    fn a_repair_that_failed_leaves_what_is_to_be_mended() {
        let failed = Verdict::Failed(Why::new(Reason::HelmFailed, "no"));
        let fenced = Verdict::Fenced(Why::new(Reason::StaleFence, "no"));
        for (verdict, kept) in [(failed, 1), (fenced, 0), (Verdict::Done, 0)] {
            let drifts = Arc::new(Drifts::default());
            let (told, _) = tokio::sync::mpsc::unbounded_channel();
            let mut comparing = Comparing::new(Arc::clone(&drifts), told);
            let id: ExchangeId = "c/n/r".parse().unwrap();
            drifts.keep(id.clone(), Ok(Drift::default()));
            comparing.end(&Outcome::new(
                id.clone(),
                Action::Repair,
                verdict,
                Vec::new(),
            ));
            assert_eq!(drifts.found().len(), kept);
            assert!(comparing.edited.contains(&id), "it is compared anew");
        }
    }
}
