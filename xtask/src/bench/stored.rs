//! Helm's storage: one release that helm made is the model of all others.

use std::io::{Read as _, Write as _};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::exchanges::Exchange;

/// A stored release, decoded.
#[derive(Debug, Clone)]
pub(super) struct Model {
    labels: Map<String, Value>,
    document: String,
    /// Of a release without servers, which becomes ready all the same.
    set: Option<String>,
    release: String,
    namespace: String,
}

/// Name of the Secret of a revision.
pub(super) fn secret_name(release: &str, revision: usize) -> String {
    format!("sh.helm.release.v1.{release}.v{revision}")
}

impl Model {
    /// Reads what helm stored for `exchange`.
    pub(super) fn read(secret: &Value, exchange: &Exchange) -> Result<Self> {
        let labels = secret
            .pointer("/metadata/labels")
            .and_then(Value::as_object);
        let data = secret.pointer("/data/release").and_then(Value::as_str);
        let inner = STANDARD.decode(data.context("a Secret without a release")?)?;
        let packed = STANDARD.decode(inner)?;
        let mut document = String::new();
        GzDecoder::new(packed.as_slice()).read_to_string(&mut document)?;
        Ok(Self {
            labels: labels.context("a release without labels")?.clone(),
            document,
            set: None,
            release: exchange.release(),
            namespace: exchange.namespace(),
        })
    }

    /// Takes its StatefulSet, as it is in the cluster, along.
    pub(super) fn with_set(mut self, mut set: Value) -> Result<Self> {
        let metadata = set.get_mut("metadata").and_then(Value::as_object_mut);
        let metadata = metadata.context("a StatefulSet without metadata")?;
        metadata.retain(|key, _| {
            ["name", "namespace", "labels", "annotations"].contains(&key.as_str())
        });
        self.set = Some(set.to_string());
        Ok(self)
    }

    /// The StatefulSet of `exchange`.
    pub(super) fn set(&self, exchange: &Exchange) -> Result<Option<Value>> {
        let text = self.set.as_deref().map(|text| self.renamed(text, exchange));
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    fn renamed(&self, text: &str, exchange: &Exchange) -> String {
        let text = text.replace(&self.release, &exchange.release());
        text.replace(&self.namespace, &exchange.namespace())
    }

    /// The first 40 digits of the digest natsx-sync put on it.
    pub(super) fn digest(&self) -> Result<&str> {
        let digest = self.labels.get("natsx-sync/digest").and_then(Value::as_str);
        digest.context("natsx-sync left no digest on the release")
    }

    /// The Secrets of all revisions of `exchange`; only the last is deployed.
    pub(super) fn revisions(
        &self,
        exchange: &Exchange,
        commit: &str,
        revisions: usize,
    ) -> Result<Vec<Value>> {
        let (release, namespace) = (exchange.release(), exchange.namespace());
        let mut document: Value = serde_json::from_str(&self.renamed(&self.document, exchange))?;
        let system_id = exchange.system_id();
        let mut secrets = Vec::new();
        for revision in 1..=revisions {
            let status = if revision == revisions {
                "deployed"
            } else {
                "superseded"
            };
            *document
                .get_mut("version")
                .context("a release without a number")? = json!(revision);
            *document
                .pointer_mut("/info/status")
                .context("a release without a status")? = json!(status);
            let mut labels = self.labels.clone();
            let number = revision.to_string();
            for (key, value) in [
                ("name", release.as_str()),
                ("version", &number),
                ("status", status),
                ("natsx-sync/revision", &number),
                ("natsx-sync/commit", commit),
                ("natsx-sync/system-id", &system_id),
            ] {
                labels.insert(key.to_owned(), value.into());
            }
            // Helm packs as tightly as it can, which takes longer and is read the same.
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(document.to_string().as_bytes())?;
            let data = STANDARD.encode(STANDARD.encode(packer.finish()?));
            secrets.push(json!({
                "type": "helm.sh/release.v1",
                "metadata": {"name": secret_name(&release, revision), "namespace": namespace, "labels": labels},
                "data": {"release": data},
            }));
        }
        Ok(secrets)
    }
}
