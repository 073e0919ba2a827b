//! Chart archives: fetched once per name and version, pinned by digest, kept for ever.

mod archive;
mod error;
mod index;
mod oci;
mod pack;
mod repository;
mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::diagnostic::chain;
use crate::exchange::desired::ChartRef;
use crate::id::Digest;
use crate::reason::Reason;

pub use error::ChartError;
pub use source::{ChartSource, Login};

use index::Index;

/// An archive at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartArchive {
    /// Absolute.
    pub path: PathBuf,
    /// SHA-256 of the archive.
    pub digest: Digest,
}

/// The archives of one state folder.
#[derive(Debug)]
pub struct ChartStore {
    folder: PathBuf,
    source: RwLock<Arc<ChartSource>>,
    /// One fetch at a time: exchanges of a pass mostly share one chart.
    fetching: tokio::sync::Mutex<()>,
    failures: Mutex<Failures>,
}

impl ChartStore {
    /// The store in `folder` (`state/charts`), made when first needed.
    pub fn new(folder: PathBuf, source: ChartSource) -> Self {
        Self {
            folder,
            source: RwLock::new(Arc::new(source)),
            fetching: tokio::sync::Mutex::new(()),
            failures: Mutex::default(),
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
        whole(&self.folder, digest)
    }

    /// The archive, fetched if need be. What failed a moment ago is not tried again yet: a repository that is away would
    /// keep every exchange waiting, one after the other.
    pub async fn fetch(&self, chart: &ChartRef) -> Result<ChartArchive, ChartError> {
        let source = self.source();
        if let Some(archive) = self.kept(&source, chart).await? {
            return Ok(archive);
        }
        let _one = self.fetching.lock().await;
        // Somebody may have fetched it, or failed to, while we waited.
        if let Some(archive) = self.kept(&source, chart).await? {
            return Ok(archive);
        }
        let key = (source.repository.clone(), chart.clone());
        if let Some(failure) = self.failures().get(&key)
            && failure.since.elapsed() < AGAIN
        {
            return Err(failure.error());
        }
        let fetched = self.fetch_now(&source, chart).await;
        match &fetched {
            Err(error) if source.is_remote() => {
                self.failures().insert(key, Failure::of(error));
            }
            Ok(_) | Err(_) => {
                self.failures().remove(&key);
            }
        }
        fetched
    }

    /// The archive of a version that was fetched before; a folder or archive of this host is looked at each time.
    async fn kept(
        &self,
        source: &Arc<ChartSource>,
        chart: &ChartRef,
    ) -> Result<Option<ChartArchive>, ChartError> {
        if !source.is_remote() && Path::new(&source.repository).exists() {
            return Ok(None);
        }
        let (folder, chart, source) = (self.folder.clone(), chart.clone(), Arc::clone(source));
        aside(move || {
            let index = Index::read(&folder)?;
            let digest = index.digest(&source.repository, &chart);
            let archive = digest.and_then(|digest| whole(&folder, digest));
            if let Some(archive) = &archive {
                source.check_pin(&chart, &archive.digest)?;
            }
            Ok(archive)
        })
        .await
    }

    async fn fetch_now(
        &self,
        source: &Arc<ChartSource>,
        chart: &ChartRef,
    ) -> Result<ChartArchive, ChartError> {
        let downloaded = if source.is_remote() {
            Some(source.download(chart).await?)
        } else {
            None
        };
        let (folder, chart, source) = (self.folder.clone(), chart.clone(), Arc::clone(source));
        aside(move || {
            let local = Path::new(&source.repository);
            let bytes = match downloaded {
                Some(bytes) => bytes,
                None if local.is_dir() => pack::pack(local, &chart)?,
                None => archive::read(local)?,
            };
            keep(&folder, &source, &chart, &bytes)
        })
        .await
    }

    /// What failed a moment ago is tried all the same: somebody says that it is mended.
    pub fn forget_failures(&self) {
        self.failures().clear();
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a failed fetch is remembered.
const AGAIN: Duration = Duration::from_secs(30);

type Failures = BTreeMap<(String, ChartRef), Failure>;

#[derive(Debug)]
struct Failure {
    since: Instant,
    at: Timestamp,
    reason: Reason,
    text: String,
}

impl Failure {
    fn of(error: &ChartError) -> Self {
        Self {
            since: Instant::now(),
            at: Timestamp::now(),
            reason: error.reason(),
            text: chain(error),
        }
    }

    fn error(&self) -> ChartError {
        ChartError::JustFailed {
            reason: self.reason,
            text: self.text.clone(),
            at: self.at,
        }
    }
}

/// Runs what reads, packs and hashes where it may block.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ChartError> + Send + 'static,
) -> Result<T, ChartError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(ChartError::File {
            verb: "read",
            path: PathBuf::new(),
            source: std::io::Error::other(error),
        })
    })
}

/// Checks an archive against everything that is known of it, and keeps it.
fn keep(
    folder: &Path,
    source: &ChartSource,
    chart: &ChartRef,
    bytes: &[u8],
) -> Result<ChartArchive, ChartError> {
    archive::check(bytes, chart)?;
    let digest = Digest::of(bytes);
    source.check_pin(chart, &digest)?;
    let mut index = Index::read(folder)?;
    let known = index.digest(&source.repository, chart);
    if let Some(known) = known.filter(|known| **known != digest) {
        return Err(ChartError::DigestChanged {
            chart: chart.clone(),
            known: known.clone(),
            found: digest,
        });
    }
    if let Some(archive) = whole(folder, &digest)
        && known.is_some()
    {
        return Ok(archive);
    }
    let path = path(folder, &digest);
    index::write_whole(&path, bytes)?;
    index.insert(&source.repository, chart, digest.clone());
    index.write(folder)?;
    Ok(ChartArchive { path, digest })
}

fn path(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join(format!("sha256-{digest}.tgz"))
}

/// The archive if all of it is there.
fn whole(folder: &Path, digest: &Digest) -> Option<ChartArchive> {
    let path = std::path::absolute(path(folder, digest)).ok()?;
    let bytes = std::fs::read(&path).ok()?;
    (Digest::of(&bytes) == *digest).then(|| ChartArchive {
        path,
        digest: digest.clone(),
    })
}

#[cfg(test)]
mod tests;
