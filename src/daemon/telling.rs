//! Tells others how it stands: the status file and the service manager.

use std::time::Duration;

use jiff::Timestamp;
use sd_notify::NotifyState;
use tokio::time::Instant;

use super::watch::Daemon;

/// Changes of the status within this time share one write.
const GATHER: Duration = Duration::from_millis(200);

impl Daemon<'_> {
    /// Something that the status tells has changed.
    pub(super) fn status_changed(&mut self) {
        self.status_due
            .get_or_insert_with(|| Instant::now() + GATHER);
    }

    /// Writes the status.
    pub(super) fn write_status(&mut self) {
        self.status_due = None;
        let status = self
            .ledger
            .status(&self.lanes.in_flight(), Timestamp::now());
        if let Err(error) = self.equipment.state.write_status(&status) {
            // A full disk must not stop what is under way.
            tracing::warn!(%error, "the status cannot be written");
        }
    }
}

/// Waits until the status is due; for ever, when nothing has changed.
pub(super) async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

pub(super) fn notify(states: &[NotifyState<'_>]) {
    // Not under systemd: nobody to tell.
    sd_notify::notify(states).ok();
}
