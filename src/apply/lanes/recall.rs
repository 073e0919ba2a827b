//! How a newer plan ends what an older one began.

use tokio_util::sync::CancellationToken;

use crate::apply::step::Stage;

/// Shared by a flight and whoever hands plans over.
#[derive(Debug, Clone, Default)]
pub(super) struct Recall {
    superseded: CancellationToken,
    called_off: CancellationToken,
}

impl Recall {
    /// Something else is wanted.
    pub(super) fn supersede(&self) {
        self.superseded.cancel();
    }

    /// Nothing is to be done: what was changed by then is finished all the same.
    pub(super) fn call_off(&self) {
        self.called_off.cancel();
    }

    /// Whether a task that has come so far is ended because nothing is to be done.
    pub(super) fn is_called_off(&self, stage: Stage) -> bool {
        stage == Stage::Untouched && self.called_off.is_cancelled()
    }

    /// Whether a task that has come so far goes no further.
    pub(super) fn ends(&self, stage: Stage) -> bool {
        self.is_called_off(stage) || stage != Stage::PutsBack && self.superseded.is_cancelled()
    }

    /// Waits until that is so.
    pub(super) async fn ended(&self, stage: Stage) {
        tokio::select! {
            () = self.called_off.cancelled(), if stage == Stage::Untouched => {}
            () = self.superseded.cancelled(), if stage != Stage::PutsBack => {}
            else => std::future::pending().await,
        }
    }
}
