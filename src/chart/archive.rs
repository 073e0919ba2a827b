//! What is inside an archive, looked at without unpacking it.

use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;

use super::ChartError;
use crate::exchange::desired::ChartRef;

/// Longest archive, and longest content of one.
pub(super) const LONGEST: usize = 20 << 20;

/// The part of `Chart.yaml` that counts.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    name: String,
    version: String,
}

impl Manifest {
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, ChartError> {
        serde_yaml::from_str(text).map_err(|error| ChartError::Format {
            path: path.to_owned(),
            kind: "Chart.yaml",
            text: error.to_string(),
        })
    }

    pub(super) fn check(&self, path: &str, chart: &ChartRef) -> Result<(), ChartError> {
        if self.name == chart.name && self.version == chart.version {
            return Ok(());
        }
        Err(ChartError::OtherChart {
            path: path.to_owned(),
            found_name: self.name.clone(),
            found_version: self.version.clone(),
            chart: chart.clone(),
        })
    }
}

/// An archive on this host.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ChartError> {
    let failed = |source| ChartError::File {
        verb: "read",
        path: path.to_owned(),
        source,
    };
    let size = path.metadata().map_err(failed)?.len();
    if size > LONGEST as u64 {
        return Err(ChartError::TooLong {
            path: path.display().to_string(),
            limit: LONGEST,
        });
    }
    std::fs::read(path).map_err(failed)
}

/// Whether these bytes are the wanted chart.
pub(super) fn check(bytes: &[u8], chart: &ChartRef) -> Result<(), ChartError> {
    let name = format!("the archive of {} {}", chart.name, chart.version);
    let broken = |error: std::io::Error| ChartError::Format {
        path: name.clone(),
        kind: "a chart archive",
        text: error.to_string(),
    };
    // A small archive can unpack to anything.
    let plain = flate2::read::GzDecoder::new(bytes).take(4 * LONGEST as u64);
    let mut archive = tar::Archive::new(plain);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        let mut parts = path.components();
        let top = parts.next().is_some() && parts.as_path() == Path::new("Chart.yaml");
        if top {
            let mut text = String::new();
            entry.read_to_string(&mut text).map_err(broken)?;
            return Manifest::parse(&name, &text)?.check(&name, chart);
        }
    }
    Err(ChartError::Format {
        path: name,
        kind: "a chart archive",
        text: "it has no Chart.yaml".to_owned(),
    })
}
