//! Whether what an action relies on is still so. Pure.

use super::effect::Seen;
use crate::observe::observed::SecretIdentity;
use crate::plan::action::Precondition;

/// What is relied on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expected {
    /// No release.
    Absent,
    /// Exactly this Secret, unchanged.
    Exactly(SecretIdentity, u32),
    /// We acted since the plan: absent, or ours.
    Ours,
}

impl Expected {
    /// What an entry of a plan relies on.
    pub(super) fn of(precondition: &Precondition) -> Self {
        match (&precondition.secret, precondition.revision) {
            (Some(secret), revision) => Self::Exactly(secret.clone(), revision.unwrap_or(0)),
            (None, _) => Self::Absent,
        }
    }

    /// Why it does not hold; `None` if it does.
    pub(super) fn broken_by(&self, seen: Option<&Seen>) -> Option<String> {
        match (self, seen) {
            (Self::Absent | Self::Ours, None) => None,
            (Self::Absent, Some(seen)) => Some(format!(
                "a release was made meanwhile (revision {})",
                seen.revision
            )),
            (Self::Exactly(_, revision), None) => {
                Some(format!("revision {revision} of the release is gone"))
            }
            (Self::Exactly(secret, revision), Some(seen)) => {
                if seen.secret.uid != secret.uid {
                    Some(format!(
                        "the release moved from revision {revision} to {}",
                        seen.revision
                    ))
                } else if seen.secret.resource_version != secret.resource_version {
                    Some(format!("revision {revision} of the release was changed"))
                } else {
                    None
                }
            }
            (Self::Ours, Some(seen)) if seen.is_ours => None,
            (Self::Ours, Some(_)) => Some("the release lost our mark".to_owned()),
        }
    }
}
