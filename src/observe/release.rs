//! Helm's stored release: base64 around gzip around JSON. Pure: bytes in, parts out.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::manifest;
use super::observed::StoredRelease;

/// The most a release may unpack to: Secrets hold 1 MiB, gzip makes a thousand of that if someone wants it to, and its values
/// take a dozen times as much again while they are looked at. A release of the chart unpacks to a few hundred kilobytes.
const LARGEST: u64 = 8 * 1024 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why a stored release cannot be read; never quotes it, for it holds values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The Secret is no Helm release or has no `release` key.
    #[error("the Secret has no key `release`")]
    Empty,
    /// Not base64.
    #[error("the {layer} layer is not base64")]
    Base64 {
        /// `Kubernetes` or `Helm`.
        layer: &'static str,
    },
    /// Not gzip, or cut off.
    #[error("the gzip stream is damaged")]
    Gzip,
    /// Larger than anything Helm would store.
    #[error("it unpacks to more than 8 MiB")]
    TooLarge,
    /// Not the JSON of a release.
    #[error("not the JSON of a release (line {line}, column {column})")]
    Json {
        /// Where the parser gave up.
        line: usize,
        /// Where the parser gave up.
        column: usize,
    },
    /// The manifest cannot be read.
    #[error("the manifest is not YAML{place}")]
    Manifest {
        /// ` (line N)` when known.
        place: String,
    },
    /// It is another release than the Secret's name says.
    #[error("it holds another release or revision than its name says")]
    Misplaced,
}

/// A release, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Name inside the document.
    pub name: String,
    /// Revision inside the document.
    pub revision: u32,
    /// What is compared and shown.
    pub stored: StoredRelease,
    /// The rendered objects, as one text.
    pub manifest: String,
}

/// Decodes the value of `data.release` as the Kubernetes API gives it in JSON.
pub fn decode_release(data: &str) -> Result<Decoded, DecodeError> {
    let inner = STANDARD
        .decode(data.trim())
        .map_err(|_error| DecodeError::Base64 {
            layer: "Kubernetes",
        })?;
    let packed = STANDARD
        .decode(inner.trim_ascii())
        .map_err(|_error| DecodeError::Base64 { layer: "Helm" })?;
    if packed.starts_with(&GZIP) {
        parse(&unpack(&packed)?)
    } else {
        parse(&packed)
    }
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(packed).take(LARGEST + 1);
    reader
        .read_to_end(&mut plain)
        .map_err(|_error| DecodeError::Gzip)?;
    if plain.len() as u64 > LARGEST {
        return Err(DecodeError::TooLarge);
    }
    Ok(plain)
}

/// The parts of Helm's document that are used. Chart bodies are most of it and are skipped unparsed; `info.deleted` differs
/// between Helm 3 and 4 and is not needed.
#[derive(Deserialize)]
struct Document {
    name: String,
    version: u32,
    #[serde(default)]
    chart: Option<Chart>,
    #[serde(default)]
    config: Option<Map<String, Value>>,
    #[serde(default)]
    manifest: Option<String>,
}

#[derive(Deserialize)]
struct Chart {
    #[serde(default)]
    metadata: Option<ChartMetadata>,
}

#[derive(Deserialize)]
struct ChartMetadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

fn parse(plain: &[u8]) -> Result<Decoded, DecodeError> {
    let document: Document = serde_json::from_slice(plain).map_err(|error| DecodeError::Json {
        line: error.line(),
        column: error.column(),
    })?;
    let text = document.manifest.unwrap_or_default();
    let objects = manifest::parse_objects(&text)?;
    let (chart, chart_version) = document
        .chart
        .and_then(|chart| chart.metadata)
        .map(|metadata| (metadata.name, metadata.version))
        .unwrap_or_default();
    Ok(Decoded {
        name: document.name,
        revision: document.version,
        stored: StoredRelease {
            chart,
            chart_version,
            values: Value::Object(document.config.unwrap_or_default()),
            stateful_sets: manifest::stateful_sets(&objects),
            objects: manifest::references(&objects),
            configuration: manifest::configuration(&objects),
        },
        manifest: text,
    })
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;
