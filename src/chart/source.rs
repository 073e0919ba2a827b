//! Where charts come from, and with which login.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use url::Url;

use super::ChartError;
use super::oci::OciRegistry;
use super::repository::Repository;
use crate::exchange::desired::ChartRef;
use crate::id::Digest;

/// Where charts come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChartSource {
    /// `https://…`, `oci://…`, or a folder or archive on this host.
    pub repository: String,
    /// Certificates trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Who asks; nobody in particular if not set.
    pub login: Option<Login>,
    /// The archives that are accepted, by version.
    pub pinned: Option<(String, Digest)>,
}

/// Who asks a chart repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub username: String,
    /// Read anew for each fetch, so that it can be replaced.
    pub password_file: PathBuf,
}

/// What opens a door.
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: SecretString,
}

impl ChartSource {
    pub(super) fn is_remote(&self) -> bool {
        self.repository.contains("://")
    }

    /// The archive of a repository that is not on this host.
    pub(super) async fn download(&self, chart: &ChartRef) -> Result<Vec<u8>, ChartError> {
        let (scheme, rest) = self.repository.split_once("://").unwrap_or_default();
        // As a web address, because only those have hosts that can be looked at.
        let written = match scheme {
            "oci" => format!("https://{rest}"),
            _ => self.repository.clone(),
        };
        // Without the slash at the end the last part of the path would be replaced when joined.
        let base = Url::parse(&format!("{}/", written.trim_end_matches('/'))).ok();
        let base = base.filter(|base| matches!(base.scheme(), "http" | "https"));
        let base = base.ok_or_else(|| ChartError::NotSupported(format!("{scheme}://")))?;
        let certificates = self.ca_file.as_deref().map(read).transpose()?;
        let credentials = self.credentials()?;
        if scheme == "oci" {
            let registry = OciRegistry::new(&base, certificates, credentials)?;
            registry.download(chart).await
        } else {
            let repository = Repository::new(base, certificates.as_deref(), credentials)?;
            repository.download(chart).await
        }
    }

    fn credentials(&self) -> Result<Option<Credentials>, ChartError> {
        let Some(login) = &self.login else {
            return Ok(None);
        };
        let text = String::from_utf8(read(&login.password_file)?).unwrap_or_default();
        let password = text.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(ChartError::NoPassword(login.password_file.clone()));
        }
        Ok(Some(Credentials {
            username: login.username.clone(),
            password: password.into(),
        }))
    }

    pub(super) fn check_pin(&self, chart: &ChartRef, found: &Digest) -> Result<(), ChartError> {
        match &self.pinned {
            Some((version, pinned)) if *version == chart.version && pinned != found => {
                Err(ChartError::DigestChanged {
                    chart: chart.clone(),
                    known: pinned.clone(),
                    found: found.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ChartError> {
    std::fs::read(path).map_err(|source| ChartError::File {
        verb: "read",
        path: path.to_owned(),
        source,
    })
}
