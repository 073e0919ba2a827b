//! The loop. Timer, file events, pushes, changes in clusters and requests are activations that carry no data; each starts
//! the same pass, and one pass runs at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::changes::{Stir, Watches};
use super::drift::Comparing;
use super::files::FileEvents;
use super::health::Known;
use super::holds::Holds;
use super::ledger::Answer;
use super::pace::{Pace, SOON};
use super::pulse::Pulse;
use super::record::Stated;
use super::requests::Again;
use super::service::{Service, Word};
use super::shown::Shown;
use super::telling::{begin_to_tell, due};
use super::turns::Silent;
use super::{Ledger, Session, limits};
use crate::apply::{Lanes, Progress, World};
use crate::config::{ConfigError, Settings};
use crate::control::{Asked, Control};
use crate::events::Teller;
use crate::id::ExchangeId;
use crate::listen::Board;
use crate::observe::{Drifts, Patience};
use crate::pass::{Equipment, PassError, Survey};
use crate::plan::action::PlannedExchange;
use crate::source::{Revision, Source};
use crate::state::{State, StateError};

/// How often the loop comes round when nothing happens.
const BEAT: Duration = Duration::from_secs(1);
/// How long what runs may take to end when we are told to stop; the unit's `TimeoutStopSec` is longer.
const DRAIN: Duration = Duration::from_secs(100);

/// How the daemon runs.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Change nothing; show each planned change.
    pub dry_run: bool,
    /// A commit instead of the head.
    pub revision: Option<Revision>,
    /// Where it is shown what goes on.
    pub board: Arc<Board>,
    /// Woken when somebody says that something was pushed.
    pub pushed: Arc<Notify>,
}

pub(super) struct Daemon<'a> {
    pub(super) equipment: Arc<Equipment>,
    pub(super) session: &'a Session,
    pub(super) lanes: Lanes<World>,
    pub(super) ledger: Ledger,
    pub(super) next: Instant,
    pub(super) pass: Option<JoinHandle<Result<Arc<Survey>, PassError>>>,
    pub(super) began: Instant,
    /// Of the pass that runs.
    pub(super) span: tracing::Span,
    /// Asked for; the next pass that begins serves it.
    pub(super) again: Again,
    /// Served by the pass that runs.
    pub(super) serving: Again,
    pub(super) asked: Instant,
    pub(super) answers: mpsc::UnboundedSender<Answer>,
    pub(super) known: Known,
    pub(super) stating: BTreeSet<ExchangeId>,
    pub(super) stated: mpsc::UnboundedSender<Stated>,
    pub(super) asking: Option<JoinHandle<()>>,
    pub(super) options: Options,
    pub(super) owner: &'a dyn Owner,
    pub(super) shown: Shown,
    /// In flight to something else than is wanted.
    pub(super) outdated: BTreeSet<ExchangeId>,
    pub(super) holds: Holds,
    pub(super) service: Service,
    pub(super) pulse: Pulse,
    pub(super) reload_asked: bool,
    pub(super) status_due: Option<Instant>,
    /// The last status.
    pub(super) written_at: Instant,
    pub(super) pace: Pace,
    pub(super) watches: Watches,
    pub(super) stir: Option<Stir>,
    pub(super) comparing: Comparing,
    /// Exchanges whose servers changed since they were last asked.
    pub(super) suspects: BTreeSet<ExchangeId>,
    pub(super) aside: Option<JoinHandle<()>>,
    pub(super) silent: Silent,
    pub(super) teller: Teller,
}

/// Whoever started the daemon.
pub trait Owner: Sync {
    /// The settings as they are now.
    fn settings(&self) -> Result<Settings, ConfigError>;
    /// These were taken over.
    fn taken(&self, settings: &Settings);
    /// A survey, and what of its plan was not shown before.
    fn show(&self, survey: &Survey, news: &[&PlannedExchange]);
}

/// Runs until told to stop, or until nothing keeps others out of the state folder any more; `hangup` asks for the settings
/// to be read again.
pub async fn run(
    mut equipment: Equipment,
    session: &Session,
    options: Options,
    owner: &dyn Owner,
    mut hangup: Signal,
) -> Result<(), PassError> {
    let signals = |kind| signal(kind).map_err(PassError::Signals);
    let (mut term, mut interrupt) = (
        signals(SignalKind::terminate())?,
        signals(SignalKind::interrupt())?,
    );
    let stop = CancellationToken::new();
    let (lanes, mut told) = Lanes::new(
        Arc::clone(&session.world),
        Arc::clone(&session.journal),
        limits(&equipment.settings),
        stop.clone(),
    );
    let (answers, mut answered) = mpsc::unbounded_channel();
    let (stated, mut told_record) = mpsc::unbounded_channel();
    let (told_change, mut changed) = mpsc::unbounded_channel();
    let (told_drift, mut drifted) = mpsc::unbounded_channel();
    let patience = Arc::new(Patience::default());
    let answers_again = patience.answered();
    equipment.patience = Some(patience);
    let drifts = Arc::new(Drifts::default());
    equipment.drifts = Some(Arc::clone(&drifts));
    let mut files = FileEvents::of(&equipment.repository.source);
    let pushed = Arc::clone(&options.pushed);
    // One that is damaged is written anew.
    let before = equipment.state.read_status().unwrap_or_default();
    let mut daemon = Daemon {
        teller: begin_to_tell(&equipment, session, &options)?,
        equipment: Arc::new(equipment),
        session,
        lanes,
        ledger: Ledger::after(before, Timestamp::now()),
        next: Instant::now(),
        pass: None,
        began: Instant::now(),
        span: tracing::Span::none(),
        again: Again::default(),
        serving: Again::default(),
        asked: Instant::now(),
        answers,
        known: Known::default(),
        stating: BTreeSet::new(),
        stated,
        asking: None,
        options,
        owner,
        shown: Shown::default(),
        outdated: BTreeSet::new(),
        holds: Holds::new(),
        service: Service::new(),
        pulse: Pulse::default(),
        reload_asked: false,
        status_due: None,
        written_at: Instant::now(),
        pace: Pace::default(),
        watches: Watches::new(told_change),
        stir: None,
        comparing: Comparing::new(drifts, told_drift),
        suspects: BTreeSet::new(),
        aside: None,
        silent: Silent::default(),
    };
    let (control, mut requests) = listen(&daemon.equipment.state);
    let mut beat = tokio::time::interval(BEAT);
    daemon.write_status();
    // Not after the first pass: a repository that is away at boot, or long in coming, is not a reason to be killed.
    daemon.service.tell(Word::Ready);
    let ended = loop {
        tokio::select! {
            _ = term.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            Some(progress) = told.recv() => daemon.take_progress(progress),
            Some(answer) = answered.recv() => daemon.take_health(answer),
            Some(stated) = told_record.recv() => daemon.take_stated(stated),
            Some(change) = changed.recv() => daemon.take_change(change),
            Some(found) = drifted.recv() => daemon.take_found(found),
            () = due(daemon.stir.as_ref().map(Stir::due)) => daemon.come_to_rest(),
            () = due(daemon.status_due) => daemon.write_status(),
            () = daemon.teller.news() => daemon.status_changed(),
            _ = hangup.recv() => daemon.ask_reload(),
            () = files.come() => daemon.look_again_at(&mut files),
            () = pushed.notified() => daemon.look(),
            () = answers_again.notified() => daemon.activate(SOON),
            Some(asked) = requests.recv() => daemon.take_request(asked),
            _ = beat.tick() => daemon.come_round(),
            result = finished(&mut daemon.pass) => {
                daemon.take_pass(result);
                files.renew(daemon.source());
            }
            () = tokio::time::sleep_until(daemon.next), if daemon.pass.is_none() => match session.lock.check() {
                Ok(()) => daemon.begin_pass().await,
                // Whoever has it now writes the journal too: not one line more is added.
                Err(error @ StateError::LockReplaced { .. }) => return Err(error.into()),
                Err(error) => break Err(error.into()),
            },
        }
    };
    // Nobody waits for an answer that does not come.
    drop((control, requests));
    stop.cancel();
    daemon.end(told).await;
    ended
}

/// Without the socket nobody can ask, and the interval is all there is.
fn listen(state: &State) -> (Option<Control>, mpsc::Receiver<Asked>) {
    match Control::open(state.folder()) {
        Ok((control, requests)) => (Some(control), requests),
        Err(error) => {
            tracing::warn!(%error, "no socket for requests: `reconcile` finds nobody to ask");
            (None, mpsc::channel(1).1)
        }
    }
}

/// The end of the pass under way; never, when there is none.
async fn finished(
    pass: &mut Option<JoinHandle<Result<Arc<Survey>, PassError>>>,
) -> Result<Arc<Survey>, PassError> {
    let Some(handle) = pass else {
        return std::future::pending().await;
    };
    let result = handle.await;
    *pass = None;
    result?
}

impl Daemon<'_> {
    /// Waits for what was told to stop, and tells what is left.
    async fn end(mut self, mut told: mpsc::UnboundedReceiver<Progress>) {
        tracing::info!("told to stop: what runs is ended in an orderly way");
        self.service.tell(Word::Stopping);
        // It would go on beside the next one that has the state folder.
        if let Some(pass) = self.pass.take() {
            pass.abort();
            pass.await.ok();
        }
        if tokio::time::timeout(DRAIN, self.lanes.idle())
            .await
            .is_err()
        {
            tracing::warn!("something was still running after {DRAIN:?}");
        }
        while let Ok(progress) = told.try_recv() {
            self.take_progress(progress);
        }
        self.session.world.leases.close().await;
        self.ledger.end();
        self.write_status();
        self.tell_unfinished();
        self.teller.close().await;
    }

    fn source(&self) -> &Source {
        &self.equipment.repository.source
    }

    fn look_again_at(&mut self, files: &mut FileEvents) {
        files.renew(self.source());
        self.look();
    }

    pub(super) fn activate(&mut self, delay: Duration) {
        self.next = self.next.min(Instant::now() + delay);
    }

    /// Something was pushed: at once, but a flood of it makes no flood of passes.
    pub(super) fn look(&mut self) {
        let wait = (self.began + SOON).saturating_duration_since(Instant::now());
        self.activate(wait);
    }
}
