//! What a stored release amounts to.

use jiff::SignedDuration;

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
            let is_begun_here = policy
                .begun
                .get(id)
                .is_some_and(|begun| begun.holds(release, LOCK_MARGIN));
            // Helm copies our labels to a person's operation, so only the stamped revision tells whose it is; and to a rollback,
            // of which only the journal tells.
            let is_stamped = stamp.revision == release.revision;
            let is_rollback = release.status == ReleaseStatus::PendingRollback;
            if is_begun_here && (is_stamped || is_rollback) {
                return State::Stuck;
            }
            if !is_stamped {
                let text = "a helm operation of somebody else holds the release";
                return State::Locked(text);
            }
            if is_overdue(release, id, policy) {
                return State::Stuck;
            }
            let text = "a helm operation of ours on another host may still hold the release";
            State::Locked(text)
        }
    }
}

/// By the clock of its cluster: ours may be minutes off, and is set at any time.
fn is_overdue(release: &ReleaseView, id: &ExchangeId, policy: &Policy) -> bool {
    let (Some(created), Some(now)) = (release.secret.created, policy.clocks.get(&id.cluster))
    else {
        return false;
    };
    let Ok(timeout) = SignedDuration::try_from(policy.helm_timeout) else {
        return false;
    };
    timeout
        .checked_add(LOCK_MARGIN)
        .is_some_and(|limit| now.duration_since(created) > limit)
}
