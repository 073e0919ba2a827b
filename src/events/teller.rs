//! What of the daemon tells: a task that notices, and one for each sink. The daemon hands its status over and waits for none
//! of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::commit_status::Poster;
use super::{Delivery, Dial, NatsSink, Origin, Outbox, Sink, WebhookSink, deliver, notices};
use crate::config::events::{EventSettings, ForgeTarget};
use crate::listen::Board;
use crate::state::journal::Journal;
use crate::state::{State, StateError};
use crate::status::{Status, Told};

/// How long what was noticed last may take to be sent when the daemon ends.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Tells events until it is closed.
#[derive(Debug)]
pub struct Teller {
    seen: watch::Sender<Option<Arc<Status>>>,
    told: Vec<watch::Receiver<Told>>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Teller {
    /// Begins to tell; nobody, where the settings name nobody. A `forge` is told what becomes of commits.
    pub fn begin(
        settings: &EventSettings,
        forge: Option<ForgeTarget>,
        origin: &Origin,
        state: &State,
        journal: &Arc<Journal>,
        board: &Arc<Board>,
    ) -> Result<Self, StateError> {
        let mut teller = Self {
            seen: watch::Sender::new(None),
            told: Vec::new(),
            tasks: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        for sink in sinks(settings, origin) {
            let dial = Dial::new(sink.name(), Arc::clone(board));
            teller.told.push(dial.read());
            let delivery = Delivery {
                outbox: Outbox::open(state, sink.name(), journal)?,
                sink,
                origin: origin.clone(),
                most: settings.backlog,
                written: journal.written(),
                dial,
            };
            teller.tasks.spawn(deliver(delivery, teller.stop.clone()));
        }
        if !teller.told.is_empty() {
            let seen = teller.seen.subscribe();
            teller.tasks.spawn(notice(seen, Arc::clone(journal)));
        }
        if let Some(forge) = forge {
            let dial = Dial::new(Poster::SINK, Arc::clone(board));
            teller.told.push(dial.read());
            let poster = Poster::new(forge, state, dial)?;
            let seen = teller.seen.subscribe();
            teller.tasks.spawn(poster.post(seen, teller.stop.clone()));
        }
        Ok(teller)
    }

    /// The daemon's status is so now.
    pub fn see(&self, status: &Arc<Status>) {
        self.seen.send_replace(Some(Arc::clone(status)));
    }

    /// How far each sink was told.
    pub fn told(&self) -> Vec<Told> {
        self.told.iter().map(|told| told.borrow().clone()).collect()
    }

    /// Returns when that is news; never, when nobody is told anything.
    pub async fn news(&mut self) {
        let changed = self.told.iter_mut().map(|told| Box::pin(told.changed()));
        let changed: Vec<_> = changed.collect();
        if changed.is_empty() {
            return std::future::pending().await;
        }
        // The senders last as long as their tasks; an ended one has no more news.
        let (first, ..) = futures::future::select_all(changed).await;
        if first.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Ends it. What is not sent by then is sent by the next daemon.
    pub async fn close(mut self) {
        // The task that notices ends with what it was told last, those that send when that is sent.
        drop(self.seen);
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WORDS, all).await.is_err() {
            tracing::info!("events wait for the next start");
        }
    }
}

fn sinks(settings: &EventSettings, origin: &Origin) -> Vec<Box<dyn Sink>> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(nats) = &settings.nats {
        sinks.push(Box::new(NatsSink::new(nats.clone(), origin)));
    }
    if let Some(webhook) = &settings.webhook {
        sinks.push(Box::new(WebhookSink::new(webhook.clone())));
    }
    sinks
}

/// Writes what changed from status to status into the journal, from where the sinks are told.
async fn notice(mut seen: watch::Receiver<Option<Arc<Status>>>, journal: Arc<Journal>) {
    while seen.changed().await.is_ok() {
        let Some(status) = seen.borrow_and_update().clone() else {
            continue;
        };
        let journal = Arc::clone(&journal);
        let written = tokio::task::spawn_blocking(move || {
            let found = notices(&journal.noticed(), &status);
            if found.is_empty() {
                return Ok(());
            }
            let line = |notice: &super::Notice| notice.line(status.pass, status.commit.clone());
            journal
                .append_all(found.iter().map(line).collect())
                .map(|_| ())
        });
        match written.await {
            Ok(Ok(())) => {}
            // A full disk: what is not written down is noticed again.
            Ok(Err(error)) => tracing::warn!(%error, "events cannot be written down"),
            Err(error) => tracing::error!(%error, "noticing failed"),
        }
    }
}
