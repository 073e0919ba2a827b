//! The loop. Timer, file events and requests are activations that carry no data; each starts the same pass, and one pass runs at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::health::{Answer, ask};
use super::{Ledger, Session, limits};
use crate::apply::{Lanes, OutcomeResult, Progress, Retry, World};
use crate::id::ExchangeId;
use crate::pass::{Equipment, Knowledge, PassError, Survey, survey};
use crate::plan::{action::Action, verify};
use crate::source::Revision;
use crate::state::requests::Request;

/// How often requests are looked for; what a person notices as "at once".
const REQUESTS: Duration = Duration::from_millis(500);
/// How soon after something ended the next pass is made, so that several ends share one.
const SOON: Duration = Duration::from_millis(300);
/// How long what runs may take to end when we are told to stop; the unit's `TimeoutStopSec` is longer.
const DRAIN: Duration = Duration::from_secs(100);

/// How the daemon runs.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Change nothing; show each changed plan.
    pub dry_run: bool,
    /// A commit instead of the head.
    pub revision: Option<Revision>,
}

struct Daemon<'a> {
    equipment: Arc<Equipment>,
    session: &'a Session,
    lanes: Lanes<World>,
    ledger: Ledger,
    next: Instant,
    pass: Option<JoinHandle<Result<Survey, PassError>>>,
    retry: Option<BTreeSet<ExchangeId>>,
    asked: Instant,
    answers: mpsc::UnboundedSender<Answer>,
    asking: Option<JoinHandle<()>>,
    options: Options,
    show: &'a (dyn Fn(&Survey) + Sync),
    shown: String,
}

/// Runs until told to stop. `show` is given each survey whose plan differs from the one before.
pub async fn run(
    equipment: Equipment,
    session: &Session,
    options: Options,
    show: &(dyn Fn(&Survey) + Sync),
) -> Result<(), PassError> {
    let stop = CancellationToken::new();
    let (lanes, mut told) = Lanes::new(
        Arc::clone(&session.world),
        Arc::clone(&session.journal),
        limits(&equipment.settings),
        stop.clone(),
    );
    let (answers, mut answered) = mpsc::unbounded_channel();
    let activation = Arc::new(Notify::new());
    // Without file events the interval is all there is, and that is enough.
    let mut watch = equipment
        .repository
        .source
        .watch(Arc::clone(&activation))
        .ok();
    let mut daemon = Daemon {
        equipment: Arc::new(equipment),
        session,
        lanes,
        ledger: Ledger::new(Timestamp::now()),
        next: Instant::now(),
        pass: None,
        retry: None,
        asked: Instant::now(),
        answers,
        asking: None,
        options,
        show,
        shown: String::new(),
    };
    let signals =
        |kind| signal(kind).map_err(|error| PassError::Settings(format!("no signals: {error}")));
    let (mut term, mut interrupt) = (
        signals(SignalKind::terminate())?,
        signals(SignalKind::interrupt())?,
    );
    let mut requests = tokio::time::interval(REQUESTS);
    daemon.write_status();
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = interrupt.recv() => break,
            Some(progress) = told.recv() => daemon.take_progress(progress),
            Some((id, health, urls)) = answered.recv() => {
                daemon.ledger.take_health(id, health, urls);
                daemon.write_status();
            }
            () = activation.notified() => {
                if let Some(watch) = &mut watch {
                    watch.renew().ok();
                }
                daemon.activate(SOON);
            }
            _ = requests.tick() => daemon.take_requests(),
            result = finished(&mut daemon.pass) => daemon.take_pass(result),
            () = tokio::time::sleep_until(daemon.next), if daemon.pass.is_none() => daemon.begin_pass().await,
        }
    }
    tracing::info!("told to stop: what runs is ended in an orderly way");
    notify(&[sd_notify::NotifyState::Stopping]);
    stop.cancel();
    if tokio::time::timeout(DRAIN, daemon.lanes.idle())
        .await
        .is_err()
    {
        tracing::warn!("something was still running after {DRAIN:?}");
    }
    while let Ok(progress) = told.try_recv() {
        daemon.take_progress(progress);
    }
    daemon.write_status();
    Ok(())
}

/// The end of the pass under way; never, when there is none.
async fn finished(
    pass: &mut Option<JoinHandle<Result<Survey, PassError>>>,
) -> Result<Survey, PassError> {
    let Some(handle) = pass else {
        return std::future::pending().await;
    };
    let result = handle.await;
    *pass = None;
    result.unwrap_or_else(|error| Err(PassError::Settings(format!("a pass ended early: {error}"))))
}

impl Daemon<'_> {
    fn activate(&mut self, delay: Duration) {
        self.next = self.next.min(Instant::now() + delay);
    }

    async fn begin_pass(&mut self) {
        // Only this task and a pass hold it, and no pass runs now.
        if let Some(equipment) = Arc::get_mut(&mut self.equipment) {
            equipment.renew_clusters().await;
            self.session.world.set_clusters(equipment.reachable());
        }
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
        self.pass = Some(tokio::spawn(async move {
            equipment.repository.source.fetch().await?;
            survey(
                &equipment,
                &revision,
                &knowledge,
                &BTreeSet::new(),
                removing,
                Timestamp::now(),
            )
            .await
        }));
    }

    fn take_pass(&mut self, result: Result<Survey, PassError>) {
        match result {
            Err(error) => {
                tracing::error!(reason = %error.reason(), %error, "no pass");
                self.ledger.take_trouble(&error);
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
                    (self.show)(&survey);
                    self.shown = fingerprint;
                }
                self.ledger.take_pass(survey, held);
                self.ask_health();
            }
        }
        if self.ledger.passes() == 1 {
            notify(&[sd_notify::NotifyState::Ready]);
        }
        notify(&[sd_notify::NotifyState::Watchdog]);
        self.write_status();
    }

    fn hand_over(&mut self, survey: &Survey) -> BTreeMap<ExchangeId, crate::apply::Outcome> {
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

    fn take_progress(&mut self, progress: Progress) {
        match progress {
            Progress::Started(id, action) => {
                tracing::info!(exchange = %id, action = action.word(), "begins");
            }
            Progress::Step(id, step) => tracing::debug!(exchange = %id, step, "step"),
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
                self.ledger.take_outcome(outcome);
            }
        }
        self.write_status();
    }

    fn take_requests(&mut self) {
        match self.equipment.state.take_requests() {
            Ok(requests) => requests
                .into_iter()
                .for_each(|request| self.take_request(request)),
            Err(error) => tracing::warn!(%error, "requests cannot be read"),
        }
        if self.asked.elapsed() > self.equipment.settings.health.interval {
            self.ask_health_of(self.ledger.settled());
        }
        notify(&[sd_notify::NotifyState::Watchdog]);
    }

    fn take_request(&mut self, request: Request) {
        let Request { id, commit } = request;
        if let Some(commit) = commit
            && let Err(error) = self.equipment.repository.source.accept(&commit)
        {
            tracing::error!(%error, "the commit is not accepted");
        }
        self.lanes.forgive();
        match id {
            None => self.retry = Some(BTreeSet::new()),
            Some(id) => {
                self.retry.get_or_insert_default().insert(id);
            }
        }
        self.activate(Duration::ZERO);
    }

    /// Those never asked are asked at once.
    fn ask_health(&mut self) {
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

    fn ask_health_of(&mut self, ids: Vec<ExchangeId>) {
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
                let cluster = self
                    .equipment
                    .clusters
                    .get(&id.cluster)?
                    .as_ref()
                    .ok()?
                    .clone();
                Some((id, cluster))
            })
            .collect();
        let budget = self.equipment.settings.health.budget;
        self.asking = Some(tokio::spawn(ask(targets, budget, self.answers.clone())));
    }

    fn write_status(&mut self) {
        let status = self
            .ledger
            .status(&self.lanes.in_flight(), Timestamp::now());
        if let Err(error) = self.equipment.state.write_status(&status) {
            // A full disk must not stop what is under way.
            tracing::warn!(%error, "the status cannot be written");
        }
    }
}

/// Up to a tenth more, so that many daemons do not fetch in step.
fn jittered(interval: Duration) -> Duration {
    let tenth = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX) / 10;
    let now = Timestamp::now().subsec_nanosecond().unsigned_abs();
    interval + Duration::from_millis(u64::from(now) % tenth.max(1))
}

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    // Not under systemd: nobody to tell.
    sd_notify::notify(states).ok();
}
