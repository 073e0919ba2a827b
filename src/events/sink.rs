//! Sending, until it is taken: one task per sink, which nobody waits for.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Event, Origin, Outbox};
use crate::listen::Board;
use crate::reason::Reason;
use crate::state::journal::{Cursor, Written};
use crate::status::{Told, Trouble};

/// Pauses before a sink that took nothing is tried again, doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// How long a sink may take for one event, whatever it does.
const LONGEST: Duration = Duration::from_secs(20);

/// Why a sink did not take an event; it is sent again.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct SinkError {
    /// What, where, and what to do; no address with a password and no secret.
    pub text: String,
    /// What led to it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SinkError {
    /// An error in these words.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            source: None,
        }
    }

    /// An error with what led to it.
    pub fn from(
        text: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            text: text.into(),
            source: Some(source.into()),
        }
    }
}

/// Where events go. Answers within its own deadline, and only when the event is safe with whoever took it.
pub trait Sink: Send {
    /// `nats` or `webhook`.
    fn name(&self) -> &'static str;
    /// Sends one.
    fn send<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Result<(), SinkError>>;
}

/// A task that sends.
pub struct Delivery {
    /// To where.
    pub sink: Box<dyn Sink>,
    /// From where.
    pub outbox: Outbox,
    /// Who tells.
    pub origin: Origin,
    /// How many bytes of the journal may wait.
    pub most: u64,
    /// How far the journal is.
    pub written: watch::Receiver<Written>,
    /// How far the sink was told.
    pub told: watch::Sender<Told>,
    /// What is counted.
    pub board: Arc<Board>,
}

/// How a round ended.
enum Round {
    /// There was nothing to look at.
    Idle,
    /// Everything looked at was taken.
    Taken,
}

/// Sends until told to stop; then what waits, as long as it is taken at once.
pub async fn deliver(mut delivery: Delivery, stop: CancellationToken) {
    let mut pauses = pauses();
    loop {
        let written = *delivery.written.borrow_and_update();
        match delivery.round(written).await {
            Ok(Round::Taken) => {
                pauses = self::pauses();
                delivery.show(None);
            }
            Ok(Round::Idle) => {
                tokio::select! {
                    changed = delivery.written.changed() => {
                        if changed.is_err() {
                            return;
                        }
                    }
                    () = stop.cancelled() => {
                        // What was written while it ended.
                        if !delivery.written.has_changed().unwrap_or(false) {
                            return;
                        }
                    }
                }
            }
            Err(error) => {
                delivery.show(Some(Trouble::of(Reason::EventsNotTaken, &error)));
                let pause = pauses.next().unwrap_or(LAST_PAUSE);
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }
}

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LAST_PAUSE)
        .without_max_times()
        .with_jitter()
        .build()
}

impl Delivery {
    async fn round(&mut self, written: Written) -> Result<Round, SinkError> {
        let name = self.sink.name();
        let dropped = self.outbox.bound(self.most, written, &self.origin);
        let dropped = dropped.map_err(unreadable)?;
        if dropped > 0 {
            tracing::warn!(
                sink = name,
                dropped,
                "too much waits: the oldest events are dropped"
            );
            self.board.metrics.events_dropped(name, dropped);
            self.outbox.keep().map_err(unreadable)?;
        }
        let waiting = self
            .outbox
            .next(written, &self.origin)
            .map_err(unreadable)?;
        self.measure(written)?;
        let Some(behind) = waiting.behind else {
            return Ok(Round::Idle);
        };
        let is_news = !waiting.events.is_empty();
        let result = self.send(waiting.events).await;
        if result.is_ok() {
            self.outbox.advance(behind);
        }
        if is_news {
            self.outbox.keep().map_err(unreadable)?;
        }
        self.measure(written)?;
        result.map(|()| Round::Taken)
    }

    /// Sends in order; what was taken before one that was not is not sent again.
    async fn send(&mut self, events: Vec<(Event, Cursor)>) -> Result<(), SinkError> {
        for (event, behind) in events {
            tokio::time::timeout(LONGEST, self.sink.send(&event))
                .await
                .map_err(|_elapsed| SinkError::new(format!("no answer within {LONGEST:?}")))??;
            tracing::debug!(
                sink = self.sink.name(),
                subject = event.subject,
                id = event.id,
                "told"
            );
            self.board.metrics.event_sent(self.sink.name());
            self.outbox.advance(behind);
        }
        Ok(())
    }

    fn measure(&self, written: Written) -> Result<(), SinkError> {
        let backlog = self.outbox.backlog(written).map_err(unreadable)?;
        let dropped = self.outbox.dropped();
        self.board.metrics.events_backlog(self.sink.name(), backlog);
        self.told.send_if_modified(|told| {
            let news = told.dropped != dropped;
            told.backlog = backlog;
            told.dropped = dropped;
            news
        });
        Ok(())
    }

    fn show(&self, trouble: Option<Trouble>) {
        let sink = self.sink.name();
        self.board.metrics.events_refused(sink, trouble.is_some());
        self.told.send_if_modified(|told| {
            let news = told.trouble != trouble;
            match (&told.trouble, &trouble) {
                (None, Some(why)) => {
                    tracing::warn!(sink, text = why.text, "events are not taken; they wait");
                }
                (Some(_), None) => tracing::info!(sink, "events are taken again"),
                (None, None) | (Some(_), Some(_)) => {}
            }
            told.trouble = trouble;
            news
        });
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> SinkError {
    SinkError::from("the outbox cannot be used", error)
}
