//! Packs a chart folder; the same files always give the same bytes, so the digest says whether the chart changed.

use std::fs;
use std::path::{Path, PathBuf};

use super::ChartError;
use super::archive::{LONGEST, Manifest};
use crate::exchange::desired::ChartRef;

/// The archive of `folder`, which must be the wanted chart.
pub(super) fn pack(folder: &Path, chart: &ChartRef) -> Result<Vec<u8>, ChartError> {
    let manifest = folder.join("Chart.yaml");
    let text = fs::read_to_string(&manifest).map_err(|source| failed("read", &manifest, source))?;
    let shown = folder.display().to_string();
    Manifest::parse(&shown, &text)?.check(&shown, chart)?;
    let mut files = Vec::new();
    collect(folder, Path::new(""), &mut files)?;
    files.sort();

    // The level is fixed and the gzip header carries neither name nor time.
    let gzip = flate2::GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), flate2::Compression::new(6));
    let mut archive = tar::Builder::new(gzip);
    let mut total = 0;
    for file in files {
        let path = folder.join(&file);
        let bytes = fs::read(&path).map_err(|source| failed("read", &path, source))?;
        total += bytes.len();
        if total > LONGEST {
            return Err(ChartError::TooLong {
                path: shown,
                limit: LONGEST,
            });
        }
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive
            .append_data(
                &mut header,
                Path::new(&chart.name).join(&file),
                bytes.as_slice(),
            )
            .map_err(|source| failed("pack", &path, source))?;
    }
    archive
        .into_inner()
        .and_then(flate2::write::GzEncoder::finish)
        .map_err(|source| failed("pack", folder, source))
}

/// Regular files below `inside`; hidden ones are an editor's or git's, and links may lead out of the chart.
fn collect(folder: &Path, inside: &Path, files: &mut Vec<PathBuf>) -> Result<(), ChartError> {
    let here = folder.join(inside);
    let entries = fs::read_dir(&here).map_err(|source| failed("read", &here, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| failed("read", &here, source))?;
        let kind = entry
            .file_type()
            .map_err(|source| failed("read", &here, source))?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let path = inside.join(entry.file_name());
        if kind.is_dir() && !hidden {
            collect(folder, &path, files)?;
        } else if kind.is_file() && (!hidden || entry.file_name() == ".helmignore") {
            files.push(path);
        }
    }
    Ok(())
}

fn failed(verb: &'static str, path: &Path, source: std::io::Error) -> ChartError {
    ChartError::File {
        verb,
        path: path.to_owned(),
        source,
    }
}
