//! Sending, until it is taken: one task per sink, which nobody waits for.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Dial, Event, Origin, Outbox};
use crate::reason::Reason;
use crate::state::journal::{Cursor, Written};
use crate::status::Trouble;

/// Pauses before a sink that took nothing is tried again, doubled from the first to the last.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(500);
pub(super) const LAST_PAUSE: Duration = Duration::from_secs(30);
/// How long a sink may take for one event, whatever it does.
pub(super) const LONGEST: Duration = Duration::from_secs(20);

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

    /// There was no answer for so long.
    pub fn late(longest: Duration) -> Self {
        Self::new(format!("no answer within {longest:?}"))
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
    pub dial: Dial,
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
    let mut pauses = pauses(FIRST_PAUSE, LAST_PAUSE);
    loop {
        let written = *delivery.written.borrow_and_update();
        match delivery.round(written).await {
            Ok(Round::Taken) => {
                pauses = self::pauses(FIRST_PAUSE, LAST_PAUSE);
                delivery.dial.show(None);
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
                delivery
                    .dial
                    .show(Some(Trouble::of(Reason::EventsNotTaken, &error)));
                let pause = pauses.next().unwrap_or(LAST_PAUSE);
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }
}

/// Pauses before somebody who took nothing is tried again, for as long as it takes.
pub(super) fn pauses(first: Duration, last: Duration) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(first)
        .with_max_delay(last)
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
            self.dial.dropped(dropped);
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
                .map_err(|_elapsed| SinkError::late(LONGEST))??;
            tracing::debug!(
                sink = self.sink.name(),
                subject = event.subject,
                id = event.id,
                "told"
            );
            self.dial.sent();
            self.outbox.advance(behind);
        }
        Ok(())
    }

    fn measure(&self, written: Written) -> Result<(), SinkError> {
        let backlog = self.outbox.backlog(written).map_err(unreadable)?;
        self.dial.measure(backlog, self.outbox.dropped());
        Ok(())
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> SinkError {
    SinkError::from("the outbox cannot be used", error)
}
