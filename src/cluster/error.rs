//! Why a request to a cluster came to nothing, in words that name host and cause and never a secret.

use std::error::Error;
use std::path::PathBuf;

use kube::core::Status;

use crate::diagnostic::shortened;
use crate::id::Namespace;
use crate::observe::observed::Unreadable;
use crate::observe::release::DecodeError;
use crate::reason::Reason;

/// Why a cluster did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {} ({context}): {cause}", file.display())]
    Kubeconfig {
        /// The file.
        file: PathBuf,
        /// The context, or that it is the current one.
        context: String,
        /// What is wrong with it.
        cause: String,
    },
    /// No credentials could be had for it.
    #[error("{host}: no credentials ({cause})")]
    Credentials {
        /// The API server.
        host: String,
        /// What went wrong.
        cause: String,
    },
    /// No answer, or none in time.
    #[error("{host}: {cause}")]
    Unreachable {
        /// The API server.
        host: String,
        /// What went wrong.
        cause: String,
    },
    /// The API server answers that it cannot serve this now (429, 5xx).
    #[error("{host}: the API server is busy or failing ({code}): {text}")]
    Busy {
        /// The API server.
        host: String,
        /// The HTTP status.
        code: u16,
        /// Its words.
        text: String,
    },
    /// 401: it does not know who asks.
    #[error("{host}: the credentials of the kubeconfig are not accepted: {text}")]
    Unauthorized {
        /// The API server.
        host: String,
        /// Its words.
        text: String,
    },
    /// 403: it knows who asks, who may not.
    #[error("{host}: refused: {text}")]
    Forbidden {
        /// The API server.
        host: String,
        /// Its words.
        text: String,
    },
    /// The object is not there.
    #[error("{host}: not there: {text}")]
    NotThere {
        /// The API server.
        host: String,
        /// Its words.
        text: String,
    },
    /// A precondition no longer holds.
    #[error("{host}: changed in the meantime: {text}")]
    Changed {
        /// The API server.
        host: String,
        /// Its words.
        text: String,
    },
    /// Any other refusal.
    #[error("{host}: refused ({code}): {text}")]
    Refused {
        /// The API server.
        host: String,
        /// The HTTP status.
        code: u16,
        /// Its words.
        text: String,
    },
    /// The answer is not what a Kubernetes API gives.
    #[error("{host}: unexpected answer: {cause}")]
    Unexpected {
        /// The API server.
        host: String,
        /// What was wrong with it.
        cause: String,
    },
    /// The settings limit us to namespaces and this one is missing.
    #[error("namespace {0} does not exist and the settings do not let natsx-sync create it")]
    NamespaceMissing(Namespace),
    /// The namespace is being deleted.
    #[error("namespace {0} is terminating")]
    NamespaceTerminating(Namespace),
    /// A stored release cannot be read.
    #[error("{secret}: Helm's stored release cannot be read")]
    Undecodable {
        /// The Secret.
        secret: String,
        /// Why.
        #[source]
        source: DecodeError,
    },
}

/// The credential program gave nothing to log in with; the words never hold its output.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoCredentials(pub(super) String);

impl ClusterError {
    /// Whether the same request may succeed when it is sent again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. })
    }

    /// Whether the object was not there.
    pub fn is_not_there(&self) -> bool {
        matches!(self, Self::NotThere { .. })
    }

    /// The stable word for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Kubeconfig { .. } | Self::Credentials { .. } => Reason::KubeconfigInvalid,
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Unexpected { .. } => {
                Reason::ClusterUnreachable
            }
            Self::NotThere { .. } | Self::Refused { .. } => Reason::ClusterRefused,
            Self::Unauthorized { .. } => Reason::ClusterUnauthorized,
            Self::Forbidden { .. } => Reason::ClusterForbidden,
            Self::Changed { .. } => Reason::StaleFence,
            Self::NamespaceMissing(_) => Reason::NamespaceMissing,
            Self::NamespaceTerminating(_) => Reason::Terminating,
            Self::Undecodable { .. } => Reason::ReleaseUnreadable,
        }
    }

    /// Sorts an error of the client. Its own words are used only where they cannot carry a secret: the output of
    /// credential programs and snippets of unreadable answers never do.
    pub(crate) fn from_client(host: &str, error: &kube::Error) -> Self {
        let host = host.to_owned();
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the variants depend on the client's features"
        )]
        match error {
            kube::Error::Api(status) => Self::from_status(&host, status),
            kube::Error::Auth(_) => Self::Credentials {
                host,
                cause: "the kubeconfig's credential program or token file gave none".to_owned(),
            },
            kube::Error::Service(error) if error.is::<NoCredentials>() => Self::Credentials {
                host,
                cause: error.to_string(),
            },
            kube::Error::SerdeError(error) => Self::Unexpected {
                host,
                cause: format!("no JSON of the expected shape (column {})", error.column()),
            },
            kube::Error::ProxyProtocolDisabled { .. }
            | kube::Error::ProxyProtocolUnsupported { .. } => Self::Unreachable {
                host,
                cause: "the proxy's protocol is not supported by this build".to_owned(),
            },
            other => Self::Unreachable {
                host,
                cause: root_cause(other),
            },
        }
    }

    /// Sorts an answer of the API server.
    pub(crate) fn from_status(host: &str, status: &Status) -> Self {
        let host = host.to_owned();
        let text = words(status);
        match status.code {
            401 => Self::Unauthorized { host, text },
            403 => Self::Forbidden { host, text },
            404 if is_absence(status) => Self::NotThere { host, text },
            404 => Self::Unexpected {
                host,
                cause: "404 without a Kubernetes status; is this an API server?".to_owned(),
            },
            409 => Self::Changed { host, text },
            code @ (429 | 500..) => Self::Busy { host, code, text },
            code => Self::Refused { host, code, text },
        }
    }
}

impl From<ClusterError> for Unreadable {
    fn from(error: ClusterError) -> Self {
        Self {
            reason: error.reason(),
            text: error.to_string(),
        }
    }
}

/// Whether the API server itself says that an object is not there. A bare 404 may come from anything in between and must
/// not make objects look absent.
pub(crate) fn is_absence(status: &Status) -> bool {
    status.code == 404 && status.reason == "NotFound"
}

/// What the client takes for the reason where an answer is not one of Kubernetes: its own trouble, not ours.
const UNPARSED: &str = "Failed to parse error data";

/// A status in words, short enough for a line.
pub(crate) fn words(status: &Status) -> String {
    let text = match (status.message.as_str(), status.reason.as_str()) {
        ("", UNPARSED | "") => "it does not say why",
        ("", reason) => reason,
        (message, _) => message,
    };
    shorten(text, 600)
}

/// `most` of its characters on one line, and a sign for what is left out: it begins with what failed, and ends with why.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    shortened(&line, most.saturating_add(1))
}

/// The innermost cause: the outer layers only repeat that a request failed.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    let mut timed_out = false;
    loop {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            timed_out |= io.kind() == std::io::ErrorKind::TimedOut;
        }
        match cause.source() {
            Some(inner) => cause = inner,
            None => break,
        }
    }
    if timed_out {
        return "no answer in time".to_owned();
    }
    shorten(&cause.to_string(), 300)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::masked;

    #[test]
    fn what_is_too_long_keeps_what_failed_and_why() {
        let text = format!(
            "cannot pull: {}lookup registry: no such host",
            "x ".repeat(200)
        );
        let short = shorten(&text, 100);
        assert!(short.starts_with("cannot pull: "), "{short}");
        assert!(short.ends_with("lookup registry: no such host"), "{short}");
        assert_eq!(short.chars().count(), 101);
    }

    #[test]
    fn who_gave_no_credentials_is_no_secret() {
        let error = ClusterError::Credentials {
            host: "api.example.org:6443".to_owned(),
            cause: "/opt/sso ended with exit code 3; run it as this user to see why".to_owned(),
        };
        let text = error.to_string();
        assert_eq!(masked(&text), text);
    }
}
