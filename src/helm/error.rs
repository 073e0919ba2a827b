//! Why a helm did not do it, read from what it wrote.

use std::time::Duration;

use crate::command::CommandError;
use crate::reason::Reason;

/// What kind of no helm said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another operation holds the release.
    Locked,
    /// A release of that name is there.
    Exists,
    /// No such release, or none that was ever deployed.
    NotFound,
    /// The API server does not let this be changed, or does not know it.
    Forbidden,
    /// Access rules do not allow it.
    Denied,
    /// An object of that name belongs to another release.
    Foreign,
    /// The namespace, or an object, is being deleted.
    Terminating,
    /// The chart could not be rendered with these values.
    Render,
    /// The API server could not be reached or was overloaded.
    Connection,
    /// Anything else.
    Other,
}

/// The texts that tell, most telling first: a StatefulSet that may not change says `Forbidden` too.
const SIGNS: [(Refusal, &[&str]); 9] = [
    (
        Refusal::Locked,
        &["another operation (install/upgrade/rollback) is in progress"],
    ),
    (
        Refusal::Exists,
        &[
            "cannot re-use a name that is still in use",
            "cannot reuse a name that is still in use",
        ],
    ),
    (
        Refusal::NotFound,
        &[
            "release: not found",
            "has no deployed releases",
            "release not loaded",
        ],
    ),
    (
        Refusal::Terminating,
        &["because it is being terminated", "object is being deleted"],
    ),
    (
        Refusal::Foreign,
        &[
            "cannot be imported into the current release",
            "invalid ownership metadata",
        ],
    ),
    (
        Refusal::Forbidden,
        &[
            "forbidden: updates to statefulset",
            "field is immutable",
            "is invalid:",
            "unknown field",
        ],
    ),
    (
        Refusal::Connection,
        &[
            "connection refused",
            "connection reset",
            "connection timed out",
            "client connection lost",
            "broken pipe",
            "i/o timeout",
            "no route to host",
            "no such host",
            "network is unreachable",
            "tls handshake timeout",
            "unexpected eof",
            ": eof",
            "too many requests",
            "currently unable to handle the request",
            "an error on the server",
            "internal error occurred",
            "etcdserver",
            "server was unable to return a response in the time allotted",
            "context deadline exceeded",
            "client rate limiter",
            "apiserver is shutting down",
            "service unavailable",
            "bad gateway",
        ],
    ),
    (
        Refusal::Denied,
        &[
            "is forbidden: user",
            "cannot list resource",
            "unauthorized",
            "provide credentials",
        ],
    ),
    (
        Refusal::Render,
        &[
            "execution error at",
            "template:",
            "yaml parse error",
            "parse error at",
            "error converting yaml to json",
            "don't meet the specifications of the schema",
            "failed to parse -",
            "cannot unmarshal",
        ],
    ),
];

impl Refusal {
    /// Reads what helm wrote.
    pub fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        if text.contains("secrets \"sh.helm.release.v1.") && text.contains("already exists") {
            return Self::Locked;
        }
        SIGNS
            .iter()
            .find(|(_, signs)| signs.iter().any(|sign| text.contains(sign)))
            .map_or(Self::Other, |(refusal, _)| *refusal)
    }
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum HelmError {
    /// The program is not there or cannot be executed.
    #[error("there is no usable helm")]
    Missing(#[source] std::io::Error),
    /// A version that must not be used.
    #[error("helm {found} cannot be used, {wanted} is needed")]
    Version {
        /// What it says.
        found: String,
        /// What it should say.
        wanted: &'static str,
    },
    /// A private folder of helm could not be made.
    #[error("cannot prepare {path}")]
    Folder {
        /// The folder or file.
        path: std::path::PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// It could not be run.
    #[error("helm could not be run")]
    Start(#[source] CommandError),
    /// helm said no.
    #[error("helm {verb}: {text}")]
    Refused {
        /// What it was told.
        verb: &'static str,
        /// What kind of no.
        refusal: Refusal,
        /// Its words, masked.
        text: String,
    },
    /// It ran longer than it was allowed and was ended.
    #[error("helm was ended after {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// Something else ended it: nobody knows how far it came.
    #[error("helm was killed by something else (out of memory?)")]
    Killed,
    /// It was ended because we were told to stop.
    #[error("helm was ended because natsx-sync was told to stop")]
    Cancelled,
    /// The manifest is longer than is accepted.
    #[error("the rendered manifest is longer than {0} bytes")]
    TooLong(usize),
    /// The manifest is no UTF-8.
    #[error("the rendered manifest is not text")]
    NotText,
}

impl HelmError {
    pub(super) fn refused(verb: &'static str, text: &str) -> Self {
        Self::Refused {
            verb,
            refusal: Refusal::of(text),
            text: shortened(text),
        }
    }

    /// What kind of no it was, if helm itself said it.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            Self::Missing(_)
            | Self::Version { .. }
            | Self::Folder { .. }
            | Self::Start(_)
            | Self::TimedOut(_)
            | Self::Killed
            | Self::Cancelled
            | Self::TooLong(_)
            | Self::NotText => None,
        }
    }

    /// Whether the same again may succeed with nothing changed.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.refusal(),
            Some(Refusal::Connection | Refusal::Locked | Refusal::Terminating)
        )
    }

    /// Whether the same again would be refused again, until what it was given changes.
    pub fn is_final(&self) -> bool {
        matches!(
            self.refusal(),
            Some(Refusal::Forbidden | Refusal::Foreign | Refusal::Render)
        )
    }

    /// The stable word.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Missing(_) | Self::Version { .. } => Reason::HelmMissing,
            Self::TooLong(_) | Self::NotText => Reason::RenderFailed,
            Self::Cancelled => Reason::Interrupted,
            Self::Folder { .. } | Self::Start(_) | Self::TimedOut(_) | Self::Killed => {
                Reason::HelmFailed
            }
            Self::Refused { verb, refusal, .. } => match refusal {
                Refusal::Locked => Reason::ReleaseLocked,
                Refusal::Terminating => Reason::Terminating,
                Refusal::Connection => Reason::ClusterUnreachable,
                Refusal::Denied => Reason::ClusterForbidden,
                Refusal::Render => Reason::RenderFailed,
                Refusal::Other if *verb == "template" => Reason::RenderFailed,
                Refusal::Exists => Reason::ReleaseAppeared,
                Refusal::NotFound | Refusal::Forbidden | Refusal::Foreign | Refusal::Other => {
                    Reason::HelmFailed
                }
            },
        }
    }
}

/// helm's last words are its error; warnings come before them.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 4000;
    let from = text.rfind("Error: ").unwrap_or(0);
    let tail = text.get(from..).unwrap_or(text).trim();
    if tail.chars().count() <= LONGEST {
        return tail.to_owned();
    }
    tail.chars().take(LONGEST).chain("…".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(
        "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress",
        Refusal::Locked
    )]
    #[case(
        "Error: INSTALLATION FAILED: cannot re-use a name that is still in use",
        Refusal::Exists
    )]
    #[case(
        "Error: uninstall: Release not loaded: x: release: not found",
        Refusal::NotFound
    )]
    #[case(
        "Error: UPGRADE FAILED: cannot patch \"n\" with kind StatefulSet: StatefulSet.apps \"n\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than",
        Refusal::Forbidden
    )]
    #[case(
        "Error: INSTALLATION FAILED: Kubernetes cluster unreachable: Get \"https://127.0.0.1:1/version\": dial tcp 127.0.0.1:1: connect: connection refused",
        Refusal::Connection
    )]
    #[case(
        "Error: execution error at (nats/templates/a.yaml:1:4): needs x",
        Refusal::Render
    )]
    #[case(
        "Error: query: failed to query with labels: secrets is forbidden: User \"x\" cannot list resource",
        Refusal::Denied
    )]
    #[case(
        "Error: create: failed to create: secrets \"sh.helm.release.v1.a.v2\" already exists",
        Refusal::Locked
    )]
    #[case("Error: something new", Refusal::Other)]
    fn refusals_are_told_apart(#[case] text: &str, #[case] refusal: Refusal) {
        assert_eq!(Refusal::of(text), refusal);
    }

    #[test]
    fn warnings_before_the_error_are_dropped() {
        assert_eq!(shortened("level=WARN x\nError: y"), "Error: y");
    }
}
