//! One look at something that may keep whoever looks waiting.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::observed::Unreadable;

/// Whoever fails within this time may be asked again by each pass: that hardly delays anybody. Being away takes longer, as it is
/// asked several times.
const PROMPT: Duration = Duration::from_millis(500);

/// What was answered, or why it could not be read.
#[derive(Debug)]
pub(super) struct Look<T> {
    pub(super) answer: Result<T, Unreadable>,
    pub(super) took: Duration,
}

/// A look that may outlast the pass which began it.
pub(super) type Looking<T> = Pin<Box<dyn Future<Output = Look<T>> + Send>>;

/// Begins the same look, as often as it is wanted.
pub(super) type Again<T> = Arc<dyn Fn() -> Looking<T> + Send + Sync>;

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
