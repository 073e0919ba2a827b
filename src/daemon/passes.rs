//! Passes: begun, taken and handed over to the lanes; and what the lanes tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span};

use super::pace::SOON;
use super::service::Word;
use super::watch::Daemon;
use crate::apply::effect::Why;
use crate::apply::{Outcome, OutcomeResult, Progress, Verdict};
use crate::id::ExchangeId;
use crate::pass::{Before, Knowledge, PassError, Survey, survey_again};
use crate::plan::action::{Action, Plan};
use crate::plan::verify;
use crate::reason::Reason;
use crate::source::Revision;
use crate::status::Trouble;

impl Daemon<'_> {
    pub(super) async fn begin_pass(&mut self) {
        self.reload().await;
        let interval = self.equipment.settings.source.interval;
        self.next = Instant::now() + jittered(interval);
        let equipment = Arc::clone(&self.equipment);
        let revision = self.options.revision.clone().unwrap_or(Revision::Head);
        let in_flight = self.lanes.begin_look();
        let removing = in_flight
            .iter()
            .filter(|(_, flight)| flight.action == Action::Uninstall)
            .map(|(id, _)| id.clone())
            .collect();
        let flying: BTreeSet<_> = in_flight.into_keys().collect();
        self.ledger.begin_pass(flying.clone());
        self.began = Instant::now();
        self.serving.join(std::mem::take(&mut self.again));
        let mut knowledge = Knowledge::of(&self.session.journal);
        let retry = self.serving.retry();
        knowledge.put_back.retain(|id, _| !retry.covers(id));
        let before = self.ledger.survey.clone().map(|survey| Before {
            survey,
            anew: self.serving.anew,
        });
        // What it hands over is within it and outlasts it.
        let span = tracing::info_span!(
            "pass",
            pass = self.ledger.tries() + 1,
            commit = Empty,
            reason = Empty
        );
        let only_looks = self.options.dry_run;
        let work = async move {
            let fetched = async {
                equipment.renew_clusters().await;
                equipment.repository.source.fetch().await
            };
            fetched.instrument(tracing::info_span!("fetch")).await?;
            let now = Timestamp::now();
            let survey = survey_again(&equipment, &revision, &knowledge, removing, before, now);
            let survey = survey.instrument(tracing::info_span!("look")).await?;
            if only_looks {
                survey.remember_more(&equipment.state, now)?;
            } else {
                survey.remember_of_head(&equipment, &flying, now)?;
            }
            Ok(survey)
        };
        self.pass = Some(tokio::spawn(work.instrument(span.clone())));
        self.span = span;
    }

    pub(super) fn take_pass(&mut self, result: Result<Arc<Survey>, PassError>) {
        self.ledger.count_try();
        self.pace.pass = self.began.elapsed();
        self.show_pass(&result);
        self.show_kubeconfigs();
        let survey = result.as_ref().ok();
        let whole = survey.is_some_and(|survey| survey.plan.unreadable.is_empty());
        if let Some(pause) = self.pace.after_pass(whole) {
            self.activate(pause);
        }
        let span = std::mem::replace(&mut self.span, Span::none());
        match result {
            Err(error) => {
                let trouble = Trouble::of(error.reason(), &error);
                span.record("reason", display(trouble.reason));
                if self.ledger.trouble() == Some(&trouble) {
                    tracing::debug!(reason = %trouble.reason, "no pass, still");
                } else {
                    tracing::error!(reason = %trouble.reason, text = trouble.text, "no pass");
                }
                self.ledger.take_trouble(trouble);
            }
            Ok(survey) => {
                if let Some(commit) = &survey.desired.commit {
                    span.record("commit", display(commit));
                }
                if let Some(trouble) = self.ledger.trouble() {
                    tracing::info!(reason = %trouble.reason, "passes are made again");
                }
                let (held, refused) = match span.in_scope(|| self.hand_over(&survey)) {
                    Ok(held) => (held, None),
                    Err(refused) => (held_back(&survey.plan, &refused), Some(refused)),
                };
                self.serving.take_look(self.options.dry_run);
                let ledger = &self.ledger;
                let news = self.shown.take(&survey.plan, |id| ledger.is_handled(id));
                self.tell_pass(&survey, news.is_some());
                self.tell_holds(&survey);
                if let Some(news) = news {
                    self.owner.show(&survey, &news);
                }
                let clusters = survey.observed.clusters.iter();
                let silent = clusters.filter(|(_, view)| view.is_err());
                self.silent
                    .replace(silent.map(|(id, _)| id.clone()).collect());
                let in_round = self.in_round();
                self.ledger.take_pass(survey, held);
                if let Some(refused) = refused {
                    self.show_refusal(&refused);
                    self.ledger.take_trouble(refused);
                }
                self.ask_health(&in_round);
                self.watch_clusters();
                self.forget_others();
                self.compare_due();
            }
        }
        self.service.tell(Word::Alive);
        // At once: what was found drifted may be put back before the status would be due.
        self.write_status();
    }

    /// Logs what a pass found; one that found the same as the last only for those who ask for more.
    fn tell_pass(&self, survey: &Survey, is_news: bool) {
        let commit = survey.desired.commit.as_ref();
        let commit = commit.map_or("no commit", |commit| commit.short());
        let plan = &survey.plan;
        let entries = plan.exchanges.iter();
        let changes = entries.filter(|entry| entry.action.is_change()).count();
        let exchanges = plan.exchanges.len();
        let seconds = self.began.elapsed().as_secs_f64();
        if is_news {
            tracing::info!(commit, exchanges, changes, seconds, "pass");
        } else {
            tracing::debug!(commit, exchanges, changes, seconds, "pass");
        }
    }

    /// Logs what was begun and is not over.
    pub(super) fn tell_unfinished(&self) {
        for id in self.ledger.unfinished() {
            tracing::warn!(exchange = %id, "unfinished; the next run goes on with it");
        }
    }

    /// What is not begun, and why; or why nothing may be begun at all.
    fn hand_over(&mut self, survey: &Survey) -> Result<BTreeMap<ExchangeId, Outcome>, Trouble> {
        if self.options.dry_run {
            return Ok(BTreeMap::new());
        }
        verify(
            &survey.plan,
            &survey.desired,
            &survey.observed,
            &survey.policy,
        )
        .map_err(|refused| {
            let trouble = Trouble::of(Reason::PlanRefused, &refused);
            tracing::error!(text = trouble.text, "no pass");
            trouble
        })?;
        let asked = std::mem::take(&mut self.serving);
        let submitted = self.lanes.submit(
            &survey.plan,
            &survey.desired,
            self.ledger.tries(),
            asked.retry(),
        );
        self.outdated = submitted.outdated;
        // What ended during the look made room unseen.
        if submitted.put_off.iter().any(|id| !self.lanes.is_flying(id)) {
            self.activate(SOON);
        }
        self.again.put_off(&asked, submitted.put_off);
        self.again.keep_unseen(&asked, &survey.plan);
        Ok(submitted.held)
    }

    pub(super) fn take_progress(&mut self, progress: Progress) {
        match progress {
            Progress::Started(id, action) => {
                let before = self.ledger.outcomes.get(&id);
                if before.is_some_and(Outcome::is_held_back) {
                    tracing::debug!(exchange = %id, action = action.word(), "begins again");
                } else {
                    tracing::info!(exchange = %id, action = action.word(), "begins");
                }
            }
            // Logged where it happens, within its exchange.
            Progress::Step(..) => {}
            Progress::Helm(step, seconds) => self.options.board.metrics.helm(step, seconds),
            Progress::Waiting(id, why) => {
                tracing::info!(exchange = %id, reason = %why.reason, text = why.sentence(), "waits");
            }
            Progress::Ended(mut outcome) => {
                let before = self.ledger.outcomes.get(&outcome.id);
                let is_known = before.is_some_and(|before| outcome.is_held_as(before));
                match (&outcome.result, &outcome.why) {
                    (_, Some(why)) if is_known => {
                        tracing::debug!(exchange = %outcome.id, action = outcome.action.word(), reason = %why.reason, "held back, still");
                    }
                    (OutcomeResult::Failed | OutcomeResult::Blocked, Some(why)) => {
                        tracing::error!(exchange = %outcome.id, action = outcome.action.word(), reason = %why.reason, text = why.sentence(), "ended");
                    }
                    (OutcomeResult::Fenced, Some(why)) => {
                        let instance = self.equipment.settings.instance.as_str();
                        tracing::warn!(exchange = %outcome.id, action = outcome.action.word(), reason = %why.reason, text = why.sentence(), instance, "somebody else changed it meanwhile: a person, or another natsx-sync that works as the same instance");
                    }
                    (result, _) => {
                        tracing::info!(exchange = %outcome.id, action = outcome.action.word(), result = result.word(), "ended");
                    }
                }
                // What it left is seen soon; a failure waits for the interval, unless somebody asked for it meanwhile.
                let asked = self.again.retry().covers(&outcome.id);
                let done = outcome.result == OutcomeResult::Done;
                let anew = outcome.is_overtaken() || outcome.result == OutcomeResult::Cancelled;
                let outdated = self.outdated.remove(&outcome.id);
                if asked || done || anew || outdated {
                    let more = !self.lanes.in_flight().is_empty();
                    // Half of it is done: a lock was opened, labels were written.
                    let half = matches!(
                        outcome.planned,
                        Some(Reason::ReleaseStuck | Reason::StampOutdated)
                    );
                    let begins = !done || asked || outdated || half;
                    self.activate(self.pace.before_pass(more, begins));
                }
                if !is_known {
                    self.options.board.metrics.ended(&outcome);
                }
                self.comparing.end(&outcome);
                if outdated && !done {
                    // What is wanted now was not tried.
                    (outcome.result, outcome.why) = (OutcomeResult::Cancelled, None);
                }
                let id = outcome.id.clone();
                self.ledger.take_outcome(outcome);
                if self.ledger.is_unasked(&id) {
                    self.suspects.insert(id);
                }
            }
        }
        self.status_changed();
    }
}

/// Every change of a plan, held back for one reason.
fn held_back(plan: &Plan, trouble: &Trouble) -> BTreeMap<ExchangeId, Outcome> {
    let changes = plan
        .exchanges
        .iter()
        .filter(|entry| entry.action.is_change());
    changes
        .filter_map(|entry| {
            let id = entry.id.clone()?;
            let verdict = Verdict::Blocked(Why::new(trouble.reason, trouble.text.clone()));
            let outcome = Outcome::new(id.clone(), entry.action, verdict, Vec::new());
            Some((id, outcome))
        })
        .collect()
}

/// Up to a tenth more, so that many daemons do not fetch in step.
fn jittered(interval: Duration) -> Duration {
    let tenth = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX) / 10;
    let now = Timestamp::now().subsec_nanosecond().unsigned_abs();
    interval + Duration::from_millis(u64::from(now) % tenth.max(1))
}
