//! One look at something that may keep whoever looks waiting.

use std::time::Duration;

use tokio::time::Instant;

use super::observed::Unreadable;

/// Whoever fails within this time may be asked again by each pass: that delays nobody.
const PROMPT: Duration = Duration::from_millis(100);

/// What was answered, or why it could not be read.
#[derive(Debug)]
pub(super) struct Look<T> {
    pub(super) answer: Result<T, Unreadable>,
    took: Duration,
}

impl<T> Look<T> {
    /// Waits for the answer.
    pub(super) async fn at(answer: impl Future<Output = Result<T, Unreadable>>) -> Self {
        let began = Instant::now();
        Self {
            answer: answer.await,
            took: began.elapsed(),
        }
    }

    /// Why it could not be read, where it took long to hear so: it is away, hangs, or is long in failing.
    pub(super) fn lost(&self) -> Option<&Unreadable> {
        let why = self.answer.as_ref().err();
        why.filter(|_| self.took > PROMPT)
    }
}
