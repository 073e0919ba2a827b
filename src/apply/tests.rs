//! What the tests of tasks and of lanes share.

use super::effect::Seen;
use crate::observe::observed::{ReleaseStatus, SecretIdentity};
use crate::plan::action::{Action, StepKind};

/// The steps a planner names for an action, at their longest; only volumes go when a file says so.
pub(super) fn steps(action: Action) -> Vec<StepKind> {
    match action {
        Action::Install => vec![
            StepKind::CreateNamespace,
            StepKind::HelmInstall,
            StepKind::WaitReady,
            StepKind::Register,
        ],
        Action::Upgrade | Action::Adopt => vec![
            StepKind::HelmUpgrade,
            StepKind::WaitReady,
            StepKind::Register,
        ],
        Action::Uninstall => vec![
            StepKind::MarkDeleting,
            StepKind::HelmUninstall,
            StepKind::WaitGone,
            StepKind::Deregister,
        ],
        Action::Repair => vec![StepKind::PatchStamp],
        Action::Register => vec![StepKind::WaitReady, StepKind::Register],
        Action::Deregister => vec![StepKind::Deregister],
        Action::None | Action::Blocked | Action::Conflict | Action::Unreadable => Vec::new(),
    }
}

pub(super) fn secret(revision: u32) -> SecretIdentity {
    SecretIdentity {
        name: format!("sh.helm.release.v1.a.v{revision}").into(),
        uid: format!("uid{revision}").into(),
        resource_version: "1".into(),
        created: None,
    }
}

/// A release of ours as it was left.
pub(super) fn seen(revision: u32, status: ReleaseStatus) -> Seen {
    Seen {
        secret: secret(revision),
        revision,
        status,
        is_ours: true,
        is_untouched: true,
        is_wanted: true,
        last_deployed: None,
    }
}
