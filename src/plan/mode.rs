//! What `sync_mode` holds back.

use super::action::{Action, PlannedExchange, RegistryAction};
use super::scene::{Held, Scene};
use crate::exchange::desired::{DesiredExchange, SyncMode};
use crate::observe::observed::{ReleaseStatus, ReleaseView};
use crate::reason::Reason;

/// Lets a mode that holds changes back hold them, and keeps what would have been done visible.
pub(super) fn keep_to_mode(
    scene: &Scene<'_>,
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
                // A record tells whether it was installed before.
                Action::Install if scene.observed.registry.is_err() => {
                    let text = "sync_mode is one_time, and the registry, which tells whether it was installed before, could not be read";
                    return Held::blocked(Reason::RegistryUnreadable, text).hold(entry);
                }
                // That of somebody else does not: here only this host's journal does.
                Action::Install if entry.registry.is_none() => {
                    !scene.policy.vanished.contains(&exchange.id)
                }
                Action::Install | Action::Register => registers,
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
