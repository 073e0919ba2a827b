//! Why there is no chart.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::exchange::desired::ChartRef;
use crate::id::Digest;
use crate::reason::Reason;

/// Why there is no chart.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// A file or folder could not be read or written.
    #[error("cannot {verb} {path}")]
    File {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} is not readable as {kind}: {text}")]
    Format {
        /// The file or address.
        path: String,
        /// What it should be.
        kind: &'static str,
        /// What is wrong with it.
        text: String,
    },
    /// The repository did not answer with what was asked.
    #[error("cannot fetch {address}")]
    Fetch {
        /// What was asked for, without credentials.
        address: String,
        /// The client's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The repository does not have it.
    #[error("{repository} has no chart {name} of version {version}", name = .chart.name, version = .chart.version)]
    Absent {
        /// Where it was looked for.
        repository: String,
        /// What was looked for.
        chart: ChartRef,
    },
    /// The archive or folder is another chart.
    #[error("{path} is chart {found_name} {found_version}, wanted is {name} {version}: change chart_version, or the version in Chart.yaml", name = .chart.name, version = .chart.version)]
    OtherChart {
        /// The folder or archive.
        path: String,
        /// Its name.
        found_name: String,
        /// Its version.
        found_version: String,
        /// What was wanted.
        chart: ChartRef,
    },
    /// Another archive under the same version.
    #[error("chart {name} {version} is now sha256:{found}, it was sha256:{known}: raise its version, or pin the new digest and delete the old one from charts/index.json", name = .chart.name, version = .chart.version)]
    DigestChanged {
        /// The chart.
        chart: ChartRef,
        /// As it was.
        known: Digest,
        /// As it is.
        found: Digest,
    },
    /// Longer than is accepted.
    #[error("{path} is longer than {limit} bytes")]
    TooLong {
        /// The file or address.
        path: String,
        /// The limit.
        limit: usize,
    },
    /// The same failed a moment ago.
    #[error("{text} (tried at {at:.0})")]
    JustFailed {
        /// The word for it.
        reason: Reason,
        /// What happened.
        text: String,
        /// When: others read it later.
        at: Timestamp,
    },
    /// A kind of repository that is not served.
    #[error(
        "charts are not fetched from {0} addresses; name an https or oci repository, a folder or an archive"
    )]
    NotSupported(String),
    /// The registry wants to know who asks, or does not let him in.
    #[error(
        "{0} asks for a login, or refuses the one it got: check chart.username and chart.password_file"
    )]
    Refused(String),
    /// Nothing in it.
    #[error("chart.password_file: {0} is empty, or no text")]
    NoPassword(PathBuf),
}

impl ChartError {
    /// The stable word.
    pub fn reason(&self) -> Reason {
        match self {
            Self::DigestChanged { .. } => Reason::ChartDigestChanged,
            Self::JustFailed { reason, .. } => *reason,
            Self::File { .. }
            | Self::Format { .. }
            | Self::Fetch { .. }
            | Self::Absent { .. }
            | Self::OtherChart { .. }
            | Self::TooLong { .. }
            | Self::NotSupported(_)
            | Self::Refused(_)
            | Self::NoPassword(_) => Reason::ChartUnavailable,
        }
    }
}
