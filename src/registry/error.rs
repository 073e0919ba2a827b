//! Why a registry operation failed, and whether its outcome is known.

use crate::id::IdError;
use crate::reason::Reason;

/// What is asked before every write: a refusal of it says nothing of the record.
pub(super) const LIST: &str = "list records";

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

    /// The stable word: whether it lies in the record that was to be written, or the registry cannot be worked with.
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotOurs { .. } | Self::Changed { .. } => Reason::StaleFence,
            Self::Refused {
                request, status, ..
            }
            | Self::Unclear {
                request, status, ..
            } if *request != LIST && refuses(*status) => Reason::RegistryRefused,
            Self::Access { .. }
            | Self::Embedded(_)
            | Self::Key(_)
            | Self::Refused { .. }
            | Self::NoAnswer { .. }
            | Self::Unclear { .. }
            | Self::Unsettled { .. } => Reason::RegistryUnreadable,
        }
    }
}

/// Whether a registry that is there says no to what it was sent. Who may not, or is too many, is refused whatever is sent; and
/// a 404 is what the original says of a change when its database is dead. (Of a creation it says 400 then, but also of the
/// query before it.)
fn refuses(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 401 | 403 | 404 | 407 | 408 | 425 | 429)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("create a record", 400, Reason::RegistryRefused)]
    #[case("create a record", 413, Reason::RegistryRefused)]
    #[case("change a record", 422, Reason::RegistryRefused)]
    #[case("change a record", 404, Reason::RegistryUnreadable)]
    #[case("create a record", 401, Reason::RegistryUnreadable)]
    #[case("create a record", 403, Reason::RegistryUnreadable)]
    #[case("create a record", 408, Reason::RegistryUnreadable)]
    #[case("create a record", 429, Reason::RegistryUnreadable)]
    #[case("create a record", 500, Reason::RegistryUnreadable)]
    #[case("delete a record", 503, Reason::RegistryUnreadable)]
    #[case(LIST, 400, Reason::RegistryUnreadable)]
    fn who_refuses_a_record_is_told_from_who_is_away(
        #[case] request: &'static str,
        #[case] status: u16,
        #[case] reason: Reason,
    ) {
        let (host, text) = ("registry:80".to_owned(), "no".to_owned());
        let refused = RegistryError::Refused {
            host: host.clone(),
            request,
            status,
            text: text.clone(),
        };
        let unclear = RegistryError::Unclear {
            host,
            request,
            status,
            text,
        };
        assert_eq!([refused.reason(), unclear.reason()], [reason; 2]);
    }
}
