//! The phase of an exchange, decided once and in one order of precedence (design 2).

use serde::{Deserialize, Serialize};

use crate::plan::action::Action;
use crate::reason::Reason;

/// Where an exchange stands; the order is the precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Being removed.
    Removing,
    /// Held by a person.
    Suspended,
    /// Held by a rule.
    Blocked,
    /// The last try failed.
    Failed,
    /// Something is being done.
    Progressing,
    /// Waits for its turn or for health.
    Waiting,
    /// Could not be seen.
    Unknown,
    /// As wanted and healthy.
    Ready,
}

impl Phase {
    /// Every phase, in the order of precedence.
    pub const ALL: [Self; 8] = [
        Self::Removing,
        Self::Suspended,
        Self::Blocked,
        Self::Failed,
        Self::Progressing,
        Self::Waiting,
        Self::Unknown,
        Self::Ready,
    ];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Removing => "removing",
            Self::Suspended => "suspended",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::Progressing => "progressing",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
            Self::Ready => "ready",
        }
    }
}

/// The phase a planned entry means before anything of it was done.
pub fn phase_of(action: Action, reason: Reason) -> Phase {
    match action {
        Action::Uninstall | Action::Deregister => Phase::Removing,
        Action::Blocked | Action::Conflict => {
            if reason == Reason::Suspended {
                Phase::Suspended
            } else {
                Phase::Blocked
            }
        }
        Action::Unreadable => Phase::Unknown,
        Action::Install | Action::Upgrade | Action::Repair | Action::Adopt | Action::Register => {
            Phase::Progressing
        }
        Action::None => {
            if reason == Reason::Suspended {
                Phase::Suspended
            } else {
                Phase::Ready
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_is_listed_at_its_place() {
        for (place, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, place);
        }
    }

    #[test]
    fn precedence_is_the_order_of_the_words() {
        assert!(Phase::Removing < Phase::Suspended);
        assert!(Phase::Blocked < Phase::Failed);
        assert!(Phase::Unknown < Phase::Ready);
    }
}
