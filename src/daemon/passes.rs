//! Passes: begun, taken and handed over to the lanes; and what the lanes tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sd_notify::NotifyState;
use tokio::time::Instant;

use super::telling::notify;
use super::watch::{Daemon, SOON};
use crate::apply::{Outcome, OutcomeResult, Progress, Retry};
use crate::id::ExchangeId;
use crate::pass::{Knowledge, PassError, Survey, survey};
use crate::plan::{action::Action, verify};
use crate::source::Revision;
use crate::status::Trouble;

impl Daemon<'_> {
    pub(super) async fn begin_pass(&mut self) {
        self.reload().await;
        let interval = self.equipment.settings.source.interval;
        self.next = Instant::now() + jittered(interval);
        let equipment = Arc::clone(&self.equipment);
        let knowledge = Knowledge::of(&self.session.journal);
        let revision = self.options.revision.clone().unwrap_or(Revision::Head);
        let removing = self
            .lanes
            .in_flight()
            .into_iter()
            .filter(|(_, flight)| flight.action == Action::Uninstall)
            .map(|(id, _)| id)
            .collect();
        self.began = Instant::now();
        self.pass = Some(tokio::spawn(async move {
            equipment.renew_clusters().await;
            equipment.repository.source.fetch().await?;
            let now = Timestamp::now();
            let survey = survey(
                &equipment,
                &revision,
                &knowledge,
                &BTreeSet::new(),
                removing,
                now,
            )
            .await?;
            survey.remember(&equipment.state, now)?;
            Ok(survey)
        }));
    }

    pub(super) fn take_pass(&mut self, result: Result<Survey, PassError>) {
        self.show_pass(&result);
        match result {
            Err(error) => {
                let trouble = Trouble::of(error.reason(), &error);
                tracing::error!(reason = %trouble.reason, text = trouble.text, "no pass");
                self.ledger.take_trouble(trouble);
            }
            Ok(survey) => {
                let held = self.hand_over(&survey);
                let fingerprint: String = survey
                    .plan
                    .exchanges
                    .iter()
                    .map(|entry| entry.fingerprint.as_str())
                    .collect();
                let fingerprint = format!("{fingerprint}{:?}", survey.desired.commit);
                if fingerprint != self.shown {
                    self.owner.show(&survey);
                    self.shown = fingerprint;
                }
                self.ledger.take_pass(survey, held);
                self.ask_health();
            }
        }
        if self.ledger.passes() == 1 {
            notify(&[NotifyState::Ready]);
        }
        notify(&[NotifyState::Watchdog]);
        self.status_changed();
    }

    fn hand_over(&mut self, survey: &Survey) -> BTreeMap<ExchangeId, Outcome> {
        if self.options.dry_run {
            return BTreeMap::new();
        }
        if let Err(broken) = verify(
            &survey.plan,
            &survey.desired,
            &survey.observed,
            &survey.policy,
        ) {
            tracing::error!(
                ?broken,
                "the verifier refuses the plan; nothing is done. This is a bug of natsx-sync"
            );
            return BTreeMap::new();
        }
        let nobody = BTreeSet::new();
        let retry = match self.retry.take() {
            None => Retry::Only(&nobody),
            Some(ids) if ids.is_empty() => Retry::Everything,
            Some(ids) => {
                return self.lanes.submit(
                    &survey.plan,
                    &survey.desired,
                    self.ledger.passes(),
                    Retry::Only(&ids),
                );
            }
        };
        self.lanes
            .submit(&survey.plan, &survey.desired, self.ledger.passes(), retry)
    }

    pub(super) fn take_progress(&mut self, progress: Progress) {
        match progress {
            Progress::Started(id, action) => {
                tracing::info!(exchange = %id, action = action.word(), "begins");
            }
            Progress::Step(id, step) => tracing::debug!(exchange = %id, step, "step"),
            Progress::Helm(step, seconds) => self.options.board.metrics.helm(step, seconds),
            Progress::Waiting(id, why) => {
                tracing::info!(exchange = %id, reason = %why.reason, text = why.text, "waits");
            }
            Progress::Ended(outcome) => {
                match (&outcome.result, &outcome.why) {
                    (OutcomeResult::Failed | OutcomeResult::Blocked, Some(why)) => {
                        tracing::error!(exchange = %outcome.id, action = outcome.action.word(), reason = %why.reason, text = why.text, "ended");
                    }
                    (result, _) => {
                        tracing::info!(exchange = %outcome.id, action = outcome.action.word(), ?result, "ended");
                    }
                }
                // What it left is seen at once; a failure waits for the interval.
                if matches!(
                    outcome.result,
                    OutcomeResult::Done | OutcomeResult::Fenced | OutcomeResult::Cancelled
                ) {
                    self.activate(SOON);
                }
                self.options.board.metrics.ended(&outcome);
                self.ledger.take_outcome(outcome);
            }
        }
        self.status_changed();
    }
}

/// Up to a tenth more, so that many daemons do not fetch in step.
fn jittered(interval: Duration) -> Duration {
    let tenth = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX) / 10;
    let now = Timestamp::now().subsec_nanosecond().unsigned_abs();
    interval + Duration::from_millis(u64::from(now) % tenth.max(1))
}
