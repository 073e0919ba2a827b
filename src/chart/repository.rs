//! A chart repository over HTTP: `index.yaml` and archives.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::archive::LONGEST;
use super::{ChartError, ChartSource};
use crate::exchange::desired::ChartRef;
use crate::id::Digest;

const CONNECT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(60);

/// The client of one repository.
pub(super) struct Repository {
    client: reqwest::Client,
    base: Url,
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
    pub(super) fn new(source: &ChartSource) -> Result<Self, ChartError> {
        let unsupported = || {
            let scheme = source.repository.split("://").next().unwrap_or_default();
            ChartError::NotSupported(format!("{scheme}://"))
        };
        // Without the slash at the end the last part of the path would be replaced when joined.
        let text = format!("{}/", source.repository.trim_end_matches('/'));
        let base = Url::parse(&text).map_err(|_| unsupported())?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(unsupported());
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(TIMEOUT);
        if let Some(path) = &source.ca_file {
            let failed = |source| ChartError::File {
                verb: "read",
                path: path.clone(),
                source,
            };
            let pem = std::fs::read(path).map_err(failed)?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|source| fetch(&base, source))?;
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(|source| fetch(&base, source))?;
        Ok(Self { client, base })
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
        let answer = self.client.get(address.clone()).send().await;
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
        source: source.without_url(),
    }
}

fn shown(address: &Url) -> String {
    let mut address = address.clone();
    // Fails only for addresses that cannot have them.
    address.set_username("").ok();
    address.set_password(None).ok();
    address.set_query(None);
    address.into()
}
