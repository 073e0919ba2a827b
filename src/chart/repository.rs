//! A chart repository over HTTP: `index.yaml` and archives.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use url::Url;

use super::ChartError;
use super::archive::LONGEST;
use super::source::Credentials;
use crate::exchange::desired::ChartRef;
use crate::id::Digest;

pub(super) const CONNECT: Duration = Duration::from_secs(10);
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// The client of one repository.
pub(super) struct Repository {
    client: reqwest::Client,
    base: Url,
    credentials: Option<Credentials>,
}

#[derive(Deserialize)]
struct RepositoryIndex {
    entries: BTreeMap<String, Vec<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    version: String,
    #[serde(default)]
    urls: Vec<String>,
    digest: Option<String>,
}

impl Repository {
    /// The repository at an address that ends with a slash; `certificates` (PEM) are trusted beside the system's.
    pub(super) fn new(
        base: Url,
        certificates: Option<&[u8]>,
        credentials: Option<Credentials>,
    ) -> Result<Self, ChartError> {
        let failed = |source| fetch(&base, source);
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(TIMEOUT);
        if let Some(pem) = certificates {
            let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(failed)?;
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(failed)?;
        Ok(Self {
            client,
            base,
            credentials,
        })
    }

    /// The archive, checked against the digest the index names.
    pub(super) async fn download(&self, chart: &ChartRef) -> Result<Vec<u8>, ChartError> {
        let address = self.join("index.yaml")?;
        let bytes = self.get(&address, 4 * LONGEST).await?;
        let text = String::from_utf8_lossy(&bytes);
        let index: RepositoryIndex =
            serde_yaml::from_str(&text).map_err(|error| ChartError::Format {
                path: shown(&address),
                kind: "the index of a chart repository",
                text: error.to_string().chars().take(300).collect(),
            })?;
        let absent = || ChartError::Absent {
            repository: shown(&self.base),
            chart: chart.clone(),
        };
        let entry = index
            .entries
            .get(&chart.name)
            .and_then(|versions| versions.iter().find(|entry| entry.version == chart.version))
            .ok_or_else(absent)?;
        let address = self.join(entry.urls.first().ok_or_else(absent)?)?;
        let bytes = self.get(&address, LONGEST).await?;
        let found = Digest::of(&bytes);
        let promised = entry
            .digest
            .as_deref()
            .map(|text| text.trim_start_matches("sha256:"));
        if let Some(promised) = promised.and_then(|text| text.parse::<Digest>().ok())
            && promised != found
        {
            return Err(ChartError::DigestChanged {
                chart: chart.clone(),
                known: promised,
                found,
            });
        }
        Ok(bytes)
    }

    fn join(&self, address: &str) -> Result<Url, ChartError> {
        let joined = self.base.join(address).ok();
        let usable = joined.filter(|url| matches!(url.scheme(), "http" | "https"));
        usable.ok_or_else(|| ChartError::Format {
            path: shown(&self.base),
            kind: "the index of a chart repository",
            text: "an archive's address is no http address".to_owned(),
        })
    }

    async fn get(&self, address: &Url, limit: usize) -> Result<Vec<u8>, ChartError> {
        let failed = |source| fetch(address, source);
        let mut request = self.client.get(address.clone());
        // An index may name archives of any host; only the repository's own is told who asks (CVE-2021-32690).
        if let Some(credentials) = &self.credentials
            && address.origin() == self.base.origin()
        {
            let password = credentials.password.expose_secret();
            request = request.basic_auth(&credentials.username, Some(password));
        }
        let answer = request.send().await;
        let mut answer = answer
            .and_then(reqwest::Response::error_for_status)
            .map_err(failed)?;
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&part);
            if bytes.len() > limit {
                return Err(ChartError::TooLong {
                    path: shown(address),
                    limit,
                });
            }
        }
        Ok(bytes)
    }
}

fn fetch(address: &Url, source: reqwest::Error) -> ChartError {
    ChartError::Fetch {
        address: shown(address),
        // Its own address may carry a password.
        source: Box::new(source.without_url()),
    }
}

pub(super) fn shown(address: &Url) -> String {
    let mut address = address.clone();
    // Fails only for addresses that cannot have them.
    address.set_username("").ok();
    address.set_password(None).ok();
    address.set_query(None);
    address.into()
}
