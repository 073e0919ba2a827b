//! Everything that can change the world, and what it answers. The step function decides, [`Effects`] does.

use tokio_util::sync::CancellationToken;

use super::effect::{Effect, Reply, Why};
use super::subject::Subject;

/// The world. Each effect is idempotent: performed twice it leaves what it leaves performed once.
pub trait Effects: Send + Sync + 'static {
    /// Performs one effect; ends early, in an orderly way, when `cancel` fires.
    fn perform(
        &self,
        subject: &Subject,
        effect: &Effect,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Reply> + Send;

    /// Whether effects on this exchange may be started now; asked again before each that changes something. `LeaseHeld`
    /// is worth waiting for.
    fn admit(&self, _subject: &Subject) -> impl Future<Output = Result<(), Why>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whether there is what an effect takes: nothing is written down of what cannot be begun, however often it is tried.
    fn at_hand(&self, _effect: &Effect) -> Result<(), Why> {
        Ok(())
    }

    /// The task is over: nothing more is done to its exchange, and what one of its effects learned for a later one is of no
    /// use any more.
    fn over(&self, _subject: &Subject) {}
}
