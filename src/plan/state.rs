//! What a stored release amounts to.

use jiff::{SignedDuration, Timestamp};

use super::policy::Policy;
use crate::id::ExchangeId;
use crate::observe::observed::{ReleaseStatus, ReleaseView};
use crate::reason::Reason;

/// Beyond helm's own deadline, for clocks that differ and a helm that is being ended.
const LOCK_MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// A release, seen with our eyes.
pub(super) enum State<'a> {
    /// Nothing is stored.
    Absent,
    /// Somebody else's: `NotOurs` or `OtherInstance`.
    Foreign(Reason),
    /// Ours, held by an operation that may be alive.
    Locked(&'static str),
    /// Ours, held by an operation that ended without letting go.
    Stuck,
    /// Ours; the last operation failed.
    Failed(&'a ReleaseView),
    /// Ours; an uninstall was begun.
    Uninstalling(&'a ReleaseView),
    /// Ours; only history is left.
    Uninstalled(&'a ReleaseView),
    /// Ours and in force.
    Deployed(&'a ReleaseView),
    /// Ours, in a state we do not know.
    Unclear,
}

/// Classifies the latest revision of a release.
pub(super) fn release_state<'a>(
    release: Option<&'a ReleaseView>,
    id: &ExchangeId,
    policy: &Policy,
    now: Timestamp,
) -> State<'a> {
    let Some(release) = release else {
        return State::Absent;
    };
    let Some(stamp) = &release.stamp else {
        return State::Foreign(Reason::NotOurs);
    };
    if stamp.instance != policy.instance {
        return State::Foreign(Reason::OtherInstance);
    }
    match release.status {
        ReleaseStatus::Deployed => State::Deployed(release),
        // Helm takes a superseded revision as the base of an upgrade when none is deployed.
        ReleaseStatus::Failed | ReleaseStatus::Superseded => State::Failed(release),
        ReleaseStatus::Uninstalling => State::Uninstalling(release),
        ReleaseStatus::Uninstalled => State::Uninstalled(release),
        ReleaseStatus::Unknown => State::Unclear,
        ReleaseStatus::PendingInstall
        | ReleaseStatus::PendingUpgrade
        | ReleaseStatus::PendingRollback => {
            // Helm copies our labels to a person's operation, so only the stamped revision tells whose it is.
            if stamp.revision != release.revision {
                let text = "a helm operation of somebody else holds the release";
                return State::Locked(text);
            }
            if policy.journalled.contains(id) || is_overdue(release, policy, now) {
                return State::Stuck;
            }
            let text = "a helm operation of ours on another host may still hold the release";
            State::Locked(text)
        }
    }
}

fn is_overdue(release: &ReleaseView, policy: &Policy, now: Timestamp) -> bool {
    let Some(created) = release.secret.created else {
        return false;
    };
    let Ok(timeout) = SignedDuration::try_from(policy.helm_timeout) else {
        return false;
    };
    timeout
        .checked_add(LOCK_MARGIN)
        .is_some_and(|limit| now.duration_since(created) > limit)
}
