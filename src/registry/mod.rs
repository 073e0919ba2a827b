//! The Backbone Registry: where other services find exchanges.
//!
//! [`Registry`] is the client. It is safe against the original implementation, where a 404 may mean a dead database,
//! keys are not unique and a PUT can create; [`server`] is an implementation of the same contract without these traps,
//! on the embedded [`store`].

mod claim;
mod client;
mod embedded;
mod error;
mod filter;
mod handlers;
mod local;
mod lock;
mod row;
pub mod server;
pub mod store;
mod trusting;
mod wire;
mod write;

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

pub use claim::Claim;
pub use client::Registry;
pub use embedded::{Embedded, EmbeddedError};
pub use error::RegistryError;
pub use local::Serving;
pub use lock::address_of;

/// Where a registry is and how to be let in.
#[derive(Debug, Clone)]
pub struct RegistryAccess {
    /// Base of its paths, without user or password.
    pub url: Url,
    /// A file with a bearer token, read anew for each request so that it can be rotated.
    pub token_file: Option<PathBuf>,
    /// Certificates to trust besides the system's, PEM.
    pub ca_file: Option<PathBuf>,
}

/// How long to wait and how often to try.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// For a connection.
    pub connect: Duration,
    /// For a whole answer. The original answers after its database driver's 30 s when the database is dead; a shorter
    /// wait gives up before a write that still happens.
    pub total: Duration,
    /// Further tries of an operation whose outcome is unknown.
    pub retries: usize,
    /// Before the first of them; doubled each time, with jitter.
    pub delay: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(35),
            retries: 3,
            delay: Duration::from_millis(500),
        }
    }
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Nothing: it was so already.
    Unchanged,
    /// The record was made.
    Created,
    /// The record was changed.
    Updated,
    /// The record was removed.
    Deleted,
    /// There is no such record.
    Absent,
}
