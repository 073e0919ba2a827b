//! A chart in an OCI registry, as `helm push` puts it there: `oci://HOST/PATH/NAME`, the version as tag, the archive as the
//! one layer of its own media type (Helm's HIP 6).

use futures::TryStreamExt as _;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use secrecy::ExposeSecret as _;
use url::Url;

use super::ChartError;
use super::archive::LONGEST;
use super::repository::{CONNECT, TIMEOUT, shown};
use super::source::Credentials;
use crate::address::is_loopback;
use crate::exchange::desired::ChartRef;

/// Media type of the layer that is the archive.
const ARCHIVE: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// The client of one registry.
pub(super) struct OciRegistry {
    client: Client,
    auth: RegistryAuth,
    host: String,
    /// Without slashes at its ends; may be empty.
    path: String,
    /// For people.
    shown: String,
}

impl OciRegistry {
    /// The registry at an address; `certificates` (PEM) are trusted beside the system's. Without TLS only on this host.
    pub(super) fn new(
        base: &Url,
        certificates: Option<Vec<u8>>,
        credentials: Option<Credentials>,
    ) -> Result<Self, ChartError> {
        let host = base.host_str().unwrap_or_default();
        let host = match base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let shown = shown(base).replacen("https://", "oci://", 1);
        let protocol = if is_loopback(base) {
            ClientProtocol::HttpsExcept(vec![host.clone()])
        } else {
            ClientProtocol::Https
        };
        let certificates = certificates.map(|data| Certificate {
            encoding: CertificateEncoding::Pem,
            data,
        });
        let config = ClientConfig {
            protocol,
            extra_root_certificates: certificates.into_iter().collect(),
            connect_timeout: Some(CONNECT),
            read_timeout: Some(TIMEOUT),
            platform_resolver: None,
            user_agent: concat!("natsx-sync/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|source| ChartError::Fetch {
            address: shown.clone(),
            source: Box::new(source),
        })?;
        let auth = credentials.map_or(RegistryAuth::Anonymous, |credentials| {
            let password = credentials.password.expose_secret().to_owned();
            RegistryAuth::Basic(credentials.username, password)
        });
        Ok(Self {
            client,
            auth,
            host,
            path: base.path().trim_matches('/').to_owned(),
            shown,
        })
    }

    /// The archive, checked against the digest its manifest names.
    pub(super) async fn download(&self, chart: &ChartRef) -> Result<Vec<u8>, ChartError> {
        match tokio::time::timeout(TIMEOUT, self.pull(chart)).await {
            Ok(pulled) => pulled,
            Err(late) => Err(self.failed(late)),
        }
    }

    async fn pull(&self, chart: &ChartRef) -> Result<Vec<u8>, ChartError> {
        let image = self.image(chart);
        let manifest = self.client.pull_image_manifest(&image, &self.auth).await;
        let (manifest, _) = manifest.map_err(|error| self.misses(chart, error))?;
        let layer = manifest
            .layers
            .iter()
            .find(|layer| layer.media_type == ARCHIVE);
        let layer = layer.ok_or_else(|| ChartError::Format {
            path: format!("{}{}", self.shown, chart.name),
            kind: "a chart",
            text: format!("its tag {} holds no layer of type {ARCHIVE}", tag(chart)),
        })?;
        self.archive(&image, layer, chart).await
    }

    async fn archive(
        &self,
        image: &Reference,
        layer: &OciDescriptor,
        chart: &ChartRef,
    ) -> Result<Vec<u8>, ChartError> {
        // What its manifest says besides: other places to fetch it from.
        let layer = OciDescriptor {
            urls: None,
            ..layer.clone()
        };
        let blob = self.client.pull_blob_stream(image, &layer).await;
        let mut blob = blob.map_err(|error| self.misses(chart, error))?.stream;
        let mut bytes = Vec::new();
        while let Some(part) = blob.try_next().await.map_err(|error| self.failed(error))? {
            bytes.extend_from_slice(&part);
            if bytes.len() > LONGEST {
                return Err(ChartError::TooLong {
                    path: format!("{}{}", self.shown, chart.name),
                    limit: LONGEST,
                });
            }
        }
        Ok(bytes)
    }

    fn image(&self, chart: &ChartRef) -> Reference {
        let parts = [self.path.as_str(), chart.name.as_str()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Reference::with_tag(self.host.clone(), parts.join("/"), tag(chart))
    }

    fn misses(&self, chart: &ChartRef, error: OciDistributionError) -> ChartError {
        let envelope = if let OciDistributionError::RegistryError { envelope, .. } = &error {
            envelope.errors.as_slice()
        } else {
            &[]
        };
        let says = |codes: &[OciErrorCode]| envelope.iter().any(|one| codes.contains(&one.code));
        let absent = [
            OciErrorCode::ManifestUnknown,
            OciErrorCode::NameUnknown,
            OciErrorCode::NotFound,
        ];
        let missing = matches!(error, OciDistributionError::ImageManifestNotFoundError(_));
        let unauthorized = matches!(
            error,
            OciDistributionError::UnauthorizedError { .. }
                | OciDistributionError::AuthenticationFailure(_)
        );
        if missing || says(&absent) {
            self.absent(chart)
        } else if unauthorized || says(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
            self.refused()
        } else {
            self.failed(error)
        }
    }

    fn absent(&self, chart: &ChartRef) -> ChartError {
        ChartError::Absent {
            repository: self.shown.clone(),
            chart: chart.clone(),
        }
    }

    fn refused(&self) -> ChartError {
        ChartError::Refused(self.shown.clone())
    }

    fn failed(&self, source: impl std::error::Error + Send + Sync + 'static) -> ChartError {
        ChartError::Fetch {
            address: self.shown.clone(),
            source: Box::new(source),
        }
    }
}

/// A tag cannot have the plus of a version; helm writes an underscore instead.
fn tag(chart: &ChartRef) -> String {
    chart.version.replace('+', "_")
}
