//! The operator's settings, outside the watched repository: defaults < file < environment < flags.

pub mod changes;
mod check;
pub mod events;
pub mod files;
mod folders;
pub mod keys;
pub mod layers;
mod read;
pub mod settings;
pub mod told;
pub mod units;

pub use changes::need_restart;
pub use layers::{Loaded, Origin, Overrides, load, state_place};
pub use settings::{ClusterSettings, RegistrySettings, Settings};
pub use told::Told;

use std::path::PathBuf;

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read settings {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file named by `--kubeconfig` could not be read.
    #[error("--kubeconfig: cannot read {path}; it takes FILE, or ID=FILE")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is not what is expected; the text has lines with places.
    #[error("settings {path} are not usable:\n{text}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        text: String,
    },
    /// A variable or flag has a value that does not fit.
    #[error("{origin} does not fit: {text}")]
    Value {
        /// Which one.
        origin: String,
        /// What is wrong.
        text: String,
    },
    /// Keys that do not fit together.
    #[error("{0}")]
    Invalid(String),
}
