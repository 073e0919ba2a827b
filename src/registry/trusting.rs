//! The HTTP client of a registry. Whom it trusts is read when it is made, so one that was not let through is made anew: the
//! certificates of a registry are renewed while a daemon runs.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::{Certificate, Client, redirect, retry};

use super::wire::unusable;
use super::{Pace, RegistryError};

pub(super) struct Trusting {
    pace: Pace,
    /// To this host.
    local: bool,
    ca_file: Option<PathBuf>,
    made: Mutex<Option<Client>>,
}

impl Trusting {
    /// Makes the first at once: what is wrong with the settings is said at the start.
    pub(super) fn new(
        pace: Pace,
        local: bool,
        ca_file: Option<PathBuf>,
    ) -> Result<Self, RegistryError> {
        let trusting = Self {
            pace,
            local,
            ca_file,
            made: Mutex::default(),
        };
        trusting.client()?;
        Ok(trusting)
    }

    /// The one there is, or a new one.
    pub(super) fn client(&self) -> Result<Client, RegistryError> {
        let mut made = self.made();
        if let Some(client) = made.as_ref() {
            return Ok(client.clone());
        }
        let client = self.make()?;
        *made = Some(client.clone());
        Ok(client)
    }

    /// No connection came about: the next request reads anew whom to trust.
    pub(super) fn forget(&self) {
        self.made().take();
    }

    fn make(&self) -> Result<Client, RegistryError> {
        let mut builder = Client::builder()
            .connect_timeout(self.pace.connect)
            .timeout(self.pace.total)
            // A redirect followed would repeat the write elsewhere.
            .redirect(redirect::Policy::none())
            // The original closes after each answer; a reused connection fails at random.
            .pool_max_idle_per_host(0)
            // Repeating is decided above, where a query can be put between.
            .retry(retry::never())
            .user_agent(concat!("natsx-sync/", env!("CARGO_PKG_VERSION")));
        if self.local {
            builder = builder.no_proxy();
        }
        if let Some(path) = &self.ca_file {
            builder = builder.tls_certs_merge(certificates(path)?);
        }
        builder
            .build()
            .map_err(|error| unusable("no client for the registry", Some(Box::new(error))))
    }

    fn made(&self) -> MutexGuard<'_, Option<Client>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// None at all is an error: trusting nobody looks like being cheated.
fn certificates(path: &Path) -> Result<Vec<Certificate>, RegistryError> {
    let text = format!("the registry's ca_file {} is not usable", path.display());
    let pem = std::fs::read(path).map_err(|error| unusable(&text, Some(Box::new(error))))?;
    let found = Certificate::from_pem_bundle(&pem);
    let found = found.map_err(|error| unusable(&text, Some(Box::new(error))))?;
    if found.is_empty() {
        let text = format!("{text}: there is no certificate in it");
        return Err(unusable(&text, None));
    }
    Ok(found)
}
