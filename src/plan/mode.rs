//! What `sync_mode` holds back.

use super::action::{Action, PlannedExchange, RegistryAction};
use crate::exchange::desired::{DesiredExchange, SyncMode};
use crate::observe::observed::{ReleaseStatus, ReleaseView};
use crate::reason::Reason;

/// Lets a mode that holds changes back hold them, and keeps what would have been done visible.
pub(super) fn keep_to_mode(
    exchange: &DesiredExchange,
    release: Option<&ReleaseView>,
    entry: &mut PlannedExchange,
) {
    let reason = match exchange.terms.sync_mode {
        SyncMode::Continuous | SyncMode::ContinuousWithDriftDetection => return,
        SyncMode::DryRun => Reason::SyncModeDryRun,
        SyncMode::OneTime => {
            let registers = entry
                .registry
                .as_ref()
                .is_some_and(|change| change.action == RegistryAction::Create);
            let first = match entry.action {
                Action::Install => registers || entry.registry.is_none(),
                Action::Register => registers,
                // A first install that was interrupted or failed has not happened yet.
                Action::Upgrade | Action::Repair => release.is_some_and(|release| {
                    release.last_deployed.is_none() && release.status != ReleaseStatus::Deployed
                }),
                Action::Uninstall
                | Action::Adopt
                | Action::Deregister
                | Action::None
                | Action::Blocked
                | Action::Conflict
                | Action::Unreadable => true,
            };
            if first {
                return;
            }
            Reason::SyncModeOneTime
        }
    };
    if entry.action.is_change() {
        let text = format!(
            "would {} ({}): {}",
            entry.action.word(),
            entry.reason,
            entry.text
        );
        entry.decide(Action::None, reason, text);
        entry.disarm();
    }
}
