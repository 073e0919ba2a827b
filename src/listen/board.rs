//! What the daemon shows to whoever asks over HTTP.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics::Metrics;
use crate::status::Status;

/// A loop that has not come round for so long hangs.
const HANGS: Duration = Duration::from_secs(60);

/// Written by the daemon, read by the handlers.
#[derive(Debug)]
pub struct Board {
    /// What is counted.
    pub metrics: Metrics,
    seen: Mutex<Seen>,
}

/// The last of everything.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The status, once there is one.
    pub status: Option<Arc<Status>>,
    /// When the last pass ended that was made at all.
    pub passed: Option<Instant>,
    /// What the last try could not read; empty when it was complete.
    pub missing: Vec<String>,
    /// Why the status file cannot be written, if it cannot.
    pub unwritten: Option<String>,
    /// How old a pass may be and still be fresh.
    pub fresh: Duration,
    /// When the daemon's loop last came round.
    pub beat: Instant,
}

impl Board {
    /// Before the first pass.
    pub fn new() -> Self {
        Self {
            metrics: Metrics::new(),
            seen: Mutex::new(Seen {
                status: None,
                passed: None,
                missing: Vec::new(),
                unwritten: None,
                fresh: Duration::ZERO,
                beat: Instant::now(),
            }),
        }
    }

    /// Changes what is shown.
    pub fn show(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What is shown now.
    pub fn seen(&self) -> Seen {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

impl Seen {
    /// Why the process is not well, if it is not.
    pub fn hangs(&self, now: Instant) -> Option<String> {
        let silent = now.duration_since(self.beat);
        (silent > HANGS).then(|| format!("the daemon hangs since {} s", silent.as_secs()))
    }

    /// Why it is not ready, if it is not: the last pass was complete and is fresh.
    pub fn unready(&self, now: Instant) -> Option<String> {
        let Some(passed) = self.passed else {
            return Some("no pass yet".to_owned());
        };
        if !self.missing.is_empty() {
            return Some(self.missing.join("\n"));
        }
        if let Some(text) = &self.unwritten {
            return Some(format!("status: {text}"));
        }
        let age = now.duration_since(passed);
        (age > self.fresh).then(|| format!("the last pass ended {} s ago", age.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_a_complete_and_fresh_pass() {
        let board = Board::new();
        let now = Instant::now();
        assert_eq!(board.seen().unready(now).as_deref(), Some("no pass yet"));
        board.show(|seen| {
            seen.passed = Some(now);
            seen.fresh = Duration::from_secs(60);
        });
        assert_eq!(board.seen().unready(now), None);
        let later = now + Duration::from_secs(61);
        assert!(board.seen().unready(later).is_some());
        board.show(|seen| seen.missing.push("us: no answer".to_owned()));
        assert_eq!(board.seen().unready(now).as_deref(), Some("us: no answer"));
        board.show(|seen| {
            seen.missing.clear();
            seen.unwritten = Some("no space".to_owned());
        });
        let why = board.seen().unready(now);
        assert_eq!(why.as_deref(), Some("status: no space"));
    }

    #[test]
    fn a_loop_that_does_not_come_round_hangs() {
        let seen = Board::new().seen();
        assert_eq!(seen.hangs(seen.beat + HANGS), None);
        assert!(seen.hangs(seen.beat + HANGS * 2).is_some());
    }
}
