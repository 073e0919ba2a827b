//! Chart archives: fetched once per name and version, pinned by digest, kept for ever.

mod archive;
mod error;
mod index;
mod pack;
mod repository;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::exchange::desired::ChartRef;
use crate::id::Digest;

pub use error::ChartError;

use index::Index;
use repository::Repository;

/// An archive at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartArchive {
    /// Absolute.
    pub path: PathBuf,
    /// SHA-256 of the archive.
    pub digest: Digest,
}

/// Where charts come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChartSource {
    /// `https://…`, `oci://…`, or a folder or archive on this host.
    pub repository: String,
    /// Certificates trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The archives that are accepted, by version.
    pub pinned: Option<(String, Digest)>,
}

impl ChartSource {
    fn is_remote(&self) -> bool {
        self.repository.contains("://")
    }

    fn check_pin(&self, chart: &ChartRef, found: &Digest) -> Result<(), ChartError> {
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

/// The archives of one state folder.
#[derive(Debug)]
pub struct ChartStore {
    folder: PathBuf,
    source: RwLock<Arc<ChartSource>>,
    /// One fetch at a time: exchanges of a pass mostly share one chart.
    fetching: tokio::sync::Mutex<()>,
}

impl ChartStore {
    /// The store in `folder` (`state/charts`), made when first needed.
    pub fn new(folder: PathBuf, source: ChartSource) -> Self {
        Self {
            folder,
            source: RwLock::new(Arc::new(source)),
            fetching: tokio::sync::Mutex::new(()),
        }
    }

    /// Takes charts from elsewhere from now on.
    pub fn set_source(&self, source: ChartSource) {
        *self.source.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(source);
    }

    fn source(&self) -> Arc<ChartSource> {
        Arc::clone(&self.source.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The archive if it is at hand and whole, without any network.
    pub fn cached(&self, chart: &ChartRef) -> Option<ChartArchive> {
        let index = Index::read(&self.folder).ok()?;
        let digest = index.digest(&self.source().repository, chart)?;
        self.whole(digest)
    }

    /// The archive, fetched if need be.
    pub async fn fetch(&self, chart: &ChartRef) -> Result<ChartArchive, ChartError> {
        let _one = self.fetching.lock().await;
        let source = self.source();
        let mut index = Index::read(&self.folder)?;
        let known = index.digest(&source.repository, chart).cloned();
        let cached = known.as_ref().and_then(|digest| self.whole(digest));
        let local = Path::new(&source.repository);
        if let Some(archive) = cached
            && (source.is_remote() || !local.exists())
        {
            source.check_pin(chart, &archive.digest)?;
            return Ok(archive);
        }
        let bytes = if source.is_remote() {
            Repository::new(&source)?.download(chart).await?
        } else if local.is_dir() {
            pack::pack(local, chart)?
        } else {
            archive::read(local)?
        };
        archive::check(&bytes, chart)?;
        let digest = Digest::of(&bytes);
        source.check_pin(chart, &digest)?;
        if let Some(known) = known.filter(|known| *known != digest) {
            return Err(ChartError::DigestChanged {
                chart: chart.clone(),
                known,
                found: digest,
            });
        }
        let path = self.path(&digest);
        index::write_whole(&path, &bytes)?;
        index.insert(&source.repository, chart, digest.clone());
        index.write(&self.folder)?;
        Ok(ChartArchive { path, digest })
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("sha256-{digest}.tgz"))
    }

    fn whole(&self, digest: &Digest) -> Option<ChartArchive> {
        let path = std::path::absolute(self.path(digest)).ok()?;
        let bytes = std::fs::read(&path).ok()?;
        (Digest::of(&bytes) == *digest).then(|| ChartArchive {
            path,
            digest: digest.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
