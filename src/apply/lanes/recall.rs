//! How a newer plan ends what an older one began.

use tokio_util::sync::CancellationToken;

use crate::apply::step::Stage;

/// Shared by a flight and whoever hands plans over.
#[derive(Debug, Clone, Default)]
pub(super) struct Recall {
    /// Something else is wanted.
    superseded: CancellationToken,
}

impl Recall {
    /// Something else is wanted.
    pub(super) fn supersede(&self) {
        self.superseded.cancel();
    }

    /// Whether a task that has come so far goes no further.
    pub(super) fn ends(&self, stage: Stage) -> bool {
        stage != Stage::PutsBack && self.superseded.is_cancelled()
    }

    /// Waits until that is so.
    pub(super) async fn ended(&self, stage: Stage) {
        if stage == Stage::PutsBack {
            return std::future::pending().await;
        }
        self.superseded.cancelled().await;
    }
}
