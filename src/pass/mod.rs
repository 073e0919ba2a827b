//! One pass: fetch, observe, plan. It waits for nothing and changes nothing; what it gives is handed over to `apply`.

mod before;
mod clocks;
mod equipment;
mod gone;
mod identity;
mod knowledge;
mod picture;
mod proofs;
mod repository;
mod sides;
mod survey;

pub use before::Before;
pub use equipment::{Equipment, Programs, Purpose, chart_source, cluster_access};
pub use knowledge::Knowledge;
pub use picture::{survey_snapshot, take_snapshot};
pub use proofs::prove_at;
pub use repository::{Repository, hosts_of, mirrored, offline_context};
pub use sides::{Sides, read_sides};
pub use survey::{Survey, survey, survey_again};

use crate::reason::Reason;

/// Why there is no pass.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The repository.
    #[error("the repository cannot be used ({})", source.reason())]
    Source {
        /// Its error.
        source: crate::source::SourceError,
    },
    /// The registry, or its settings.
    #[error("the registry cannot be used")]
    Registry(#[from] crate::registry::RegistryError),
    /// The state folder.
    #[error("the state folder cannot be used")]
    State(#[from] crate::state::StateError),
    /// Its journal.
    #[error("the journal cannot be used")]
    Journal(#[from] crate::state::journal::JournalError),
    /// A snapshot.
    #[error(transparent)]
    Snapshot(#[from] crate::sealed::SealError),
    /// Settings that cannot be met.
    #[error("{0}")]
    Settings(String),
    /// A bug of ours.
    #[error("a pass ended early")]
    Ended(#[from] tokio::task::JoinError),
    /// The system does not tell us its signals.
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
}

impl From<crate::source::SourceError> for PassError {
    fn from(source: crate::source::SourceError) -> Self {
        Self::Source { source }
    }
}

impl PassError {
    /// The stable word.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Source { source } => source.reason(),
            Self::Registry(_) => Reason::RegistryUnreadable,
            Self::State(_) | Self::Journal(_) => Reason::StateUnusable,
            Self::Snapshot(_) | Self::Settings(_) => Reason::SettingsInvalid,
            Self::Ended(_) | Self::Signals(_) => Reason::Bug,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_no_setting_can_mend_is_not_said_to_be_one() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let state = crate::state::io("write", std::path::Path::new("/state"))(full);
        assert_eq!(PassError::from(state).reason(), Reason::StateUnusable);
        let bug = tokio::spawn(async { panic!("a bug") }).await.unwrap_err();
        assert_eq!(PassError::from(bug).reason(), Reason::Bug);
    }
}
