//! Everything that can change the world, and what it answers. The step function decides, [`Effects`] does.

use tokio_util::sync::CancellationToken;

use super::effect::{Effect, Reply};
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

    /// The task is over: what one of its effects learned for a later one is of no use any more.
    fn over(&self, _subject: &Subject) {}
}
