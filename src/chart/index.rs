//! Which archive each version was, so that another one under the same version is noticed.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ChartError;
use crate::exchange::desired::ChartRef;
use crate::id::Digest;

/// `charts/index.json`: repository, `name-version`, digest.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Index(BTreeMap<String, BTreeMap<String, Digest>>);

impl Index {
    pub(super) fn read(folder: &Path) -> Result<Self, ChartError> {
        let path = folder.join("index.json");
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| ChartError::Format {
                path: path.display().to_string(),
                kind: "the index of charts",
                text: error.to_string(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ChartError::File {
                verb: "read",
                path,
                source,
            }),
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), ChartError> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| ChartError::Format {
            path: folder.display().to_string(),
            kind: "the index of charts",
            text: error.to_string(),
        })?;
        write_whole(&folder.join("index.json"), &text)
    }

    pub(super) fn digest(&self, repository: &str, chart: &ChartRef) -> Option<&Digest> {
        self.0.get(repository)?.get(&key(chart))
    }

    pub(super) fn insert(&mut self, repository: &str, chart: &ChartRef, digest: Digest) {
        let versions = self.0.entry(repository.to_owned()).or_default();
        versions.insert(key(chart), digest);
    }
}

fn key(chart: &ChartRef) -> String {
    format!("{}-{}", chart.name, chart.version)
}

/// Writes a file of the folder, whole, and the folder where it is not there.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ChartError> {
    path.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| crate::file::replace(path, bytes, 0o600))
        .map_err(|source| ChartError::File {
            verb: "write",
            path: path.to_owned(),
            source,
        })
}
