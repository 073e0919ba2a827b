//! Why a registry operation failed, and whether its outcome is known.

use crate::id::IdError;

/// Why a registry operation failed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The settings of the registry are not usable.
    #[error("{text}")]
    Access {
        /// What is wrong with them.
        text: String,
        /// The cause, if there is one beneath.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The registry of this host cannot be had.
    #[error("the embedded registry cannot be used")]
    Embedded(#[from] super::EmbeddedError),
    /// The record's key could never be read back.
    #[error("the record has no usable system_id")]
    Key(#[from] IdError),
    /// The registry does not let us; trying again is useless.
    #[error("the registry at {host} refuses to {request}: {status} {text}")]
    Refused {
        /// Host and port.
        host: String,
        /// What was asked.
        request: &'static str,
        /// HTTP status.
        status: u16,
        /// Its words.
        text: String,
    },
    /// No answer, or none that could be read whole: whether it was done is unknown.
    #[error("the registry at {host} gave no answer to {request}")]
    NoAnswer {
        /// Host and port.
        host: String,
        /// What was asked.
        request: &'static str,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// An answer that proves nothing: whether it was done is unknown.
    #[error("the registry at {host} answered to {request}: {status} {text}")]
    Unclear {
        /// Host and port.
        host: String,
        /// What was asked.
        request: &'static str,
        /// HTTP status.
        status: u16,
        /// Its words.
        text: String,
    },
    /// The record reads back differently, however often it is written.
    #[error(
        "record {system_id} is not as written after {rounds} rounds; somebody else writes it too"
    )]
    Unsettled {
        /// Its key.
        system_id: String,
        /// How often it was tried.
        rounds: usize,
    },
    /// The record carries no mark, or that of another instance.
    #[error("record {system_id} is not marked as ours and is left alone")]
    NotOurs {
        /// Its key.
        system_id: String,
    },
    /// The record is not as it was when the write was decided on.
    #[error("record {system_id} was changed meanwhile")]
    Changed {
        /// Its key.
        system_id: String,
    },
}

impl RegistryError {
    /// Whether the operation may or may not have happened, so that only a query can tell.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::NoAnswer { .. } | Self::Unclear { .. })
    }
}
