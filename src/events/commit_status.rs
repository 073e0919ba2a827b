//! What became of a commit, told to the forge it is on. Level-triggered: what is to be told follows from the status and from
//! what was told last, so that only the newest is ever sent again, and a restart neither repeats nor forgets anything.

mod forge;
mod memory;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBackoff;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::forge::{ForgeClient, Refusal};
use self::memory::{Due, Memory, due};
use self::verdict::{State, Verdict, verdict};
use super::sink::{FIRST_PAUSE, LAST_PAUSE, LONGEST, pauses};
use super::{Dial, SinkError};
use crate::config::events::ForgeTarget;
use crate::id::CommitId;
use crate::reason::Reason;
use crate::state::{State as Folder, StateError};
use crate::status::{Status, Trouble};

/// Other words for the same state are told so often at most.
const PACE: Duration = Duration::from_secs(10);
/// Pauses before a forge that refused is tried again with the same commit: somebody has to do something first.
const FIRST_REFUSED: Duration = Duration::from_secs(30);
const LAST_REFUSED: Duration = Duration::from_secs(5 * 60);

/// Tells one forge.
#[derive(Debug)]
pub(super) struct Poster {
    client: ForgeClient,
    memory: Memory,
    dial: Dial,
    longest: Duration,
    told_at: Option<Instant>,
    pause: Option<Pause>,
    away: ExponentialBackoff,
    refused: ExponentialBackoff,
}

/// Nothing is sent before.
#[derive(Debug)]
struct Pause {
    until: Instant,
    /// Only what is about this commit waits; none = everything.
    commit: Option<CommitId>,
}

/// What is to be done now.
enum Step {
    Tell(Verdict),
    /// Nothing, or nothing before that.
    Wait(Option<Instant>),
}

impl Poster {
    /// The name in the status and in the metrics.
    pub(super) const SINK: &'static str = "commit_status";

    /// Prepares to tell; nothing is sent.
    pub(super) fn new(target: ForgeTarget, state: &Folder, dial: Dial) -> Result<Self, StateError> {
        let memory = Memory::open(state, &target)?;
        Ok(Self {
            client: ForgeClient::new(target),
            memory,
            dial,
            longest: LONGEST,
            told_at: None,
            pause: None,
            away: pauses(FIRST_PAUSE, LAST_PAUSE),
            refused: pauses(FIRST_REFUSED, LAST_REFUSED),
        })
    }

    /// Tells what is so until told to stop; then what is still to be told, as long as it is taken at once.
    pub(super) async fn post(
        mut self,
        mut seen: watch::Receiver<Option<Arc<Status>>>,
        stop: CancellationToken,
    ) {
        loop {
            let status = seen.borrow_and_update().clone();
            let until = match self.step(status.as_deref(), Instant::now()) {
                Step::Tell(verdict) => {
                    self.tell(verdict).await;
                    continue;
                }
                Step::Wait(until) => until,
            };
            if until.is_none() {
                self.dial.show(None);
            }
            tokio::select! {
                changed = seen.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = wait(until) => {}
                () = stop.cancelled() => {
                    if !seen.has_changed().unwrap_or(false) {
                        return;
                    }
                }
            }
        }
    }

    fn step(&self, status: Option<&Status>, now: Instant) -> Step {
        let Some(verdict) = status.and_then(verdict) else {
            return Step::Wait(None);
        };
        let (verdict, due) = match due(self.memory.last(), verdict, self.client.renews()) {
            Due::Nothing => return Step::Wait(None),
            Due::Now(verdict) => (verdict, None),
            Due::Words(verdict) => (verdict, self.told_at.map(|at| at + PACE)),
        };
        let about = |commit: &Option<CommitId>| {
            commit
                .as_ref()
                .is_none_or(|commit| *commit == verdict.commit)
        };
        let pause = self.pause.as_ref().filter(|pause| about(&pause.commit));
        let due = due.max(pause.map(|pause| pause.until));
        match due {
            Some(due) if due > now => Step::Wait(Some(due)),
            Some(_) | None => Step::Tell(verdict),
        }
    }

    async fn tell(&mut self, verdict: Verdict) {
        let sent = tokio::time::timeout(self.longest, self.client.tell(&verdict)).await;
        let late = |_| Err(Refusal::Away(SinkError::late(self.longest), None));
        match sent.unwrap_or_else(late) {
            Ok(()) => {
                let (commit, state) = (verdict.commit.short(), verdict.state.word());
                tracing::debug!(commit, state, text = verdict.text, "the forge was told");
                self.dial.sent();
                self.dial.show(None);
                self.remember(verdict);
            }
            Err(Refusal::Unfit(error)) if verdict.state == State::Superseded => {
                // It may be gone from the forge; the one after it is waited for.
                let text = Trouble::of(Reason::CommitStatusNotTaken, &error).text;
                let commit = verdict.commit.short();
                tracing::warn!(commit, text, "a commit that was overtaken stays pending");
                self.remember(verdict);
            }
            Err(Refusal::Unfit(error) | Refusal::Denied(error)) => {
                let pause = self.refused.next().unwrap_or(LAST_REFUSED);
                self.rest(&error, pause, Some(verdict.commit));
            }
            Err(Refusal::Away(error, after)) => {
                let pause = self.away.next().unwrap_or(LAST_PAUSE);
                self.rest(&error, after.unwrap_or(pause), None);
            }
        }
    }

    fn remember(&mut self, verdict: Verdict) {
        self.told_at = Some(Instant::now());
        self.pause = None;
        self.away = pauses(FIRST_PAUSE, LAST_PAUSE);
        self.refused = pauses(FIRST_REFUSED, LAST_REFUSED);
        if let Err(error) = self.memory.take(verdict) {
            // A full disk: the next daemon tells it once more.
            tracing::warn!(%error, "what the forge was told cannot be written down");
        }
    }

    fn rest(&mut self, error: &SinkError, pause: Duration, commit: Option<CommitId>) {
        let trouble = Trouble::of(Reason::CommitStatusNotTaken, error);
        self.dial.show(Some(trouble));
        self.pause = Some(Pause {
            until: Instant::now() + pause,
            commit,
        });
    }
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
