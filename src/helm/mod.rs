//! The real helm program. The only place that writes a helm command line.

mod argv;
mod error;
mod folders;
mod version;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::command::{self, Command, Finished};
use crate::id::{Namespace, ReleaseName};
use crate::mask::masked_of;

pub use argv::{Labels, Verb};
pub use error::{HelmError, Refusal};
pub use folders::{Folders, Kubeconfig};
pub use version::HelmVersion;

/// More than any chart renders; what is beyond is dropped and the manifest refused.
const OUTPUT: usize = 32 << 20;

/// How much longer the process may live than the `--timeout` it was told.
const SLACK: Duration = Duration::from_secs(30);

/// A helm program, resolved once.
#[derive(Debug)]
pub struct Helm {
    program: PathBuf,
    version: OnceCell<HelmVersion>,
}

/// The release a helm works on, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The namespace.
    pub namespace: &'a Namespace,
    /// The release.
    pub release: &'a ReleaseName,
    /// The generated kubeconfig; none only to render.
    pub kubeconfig: Option<&'a Path>,
    /// The private folders of its cluster.
    pub folders: &'a Folders,
    /// helm's own `--timeout`.
    pub timeout: Duration,
}

impl Helm {
    /// Finds the program: a path as it stands, a bare name on `PATH`.
    pub fn find(path: &str) -> Result<Self, HelmError> {
        let program = command::find(path).map_err(HelmError::Missing)?;
        Ok(Self {
            program,
            version: OnceCell::new(),
        })
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its version, asked at the first use; an unusable one is an error each time.
    pub async fn version(&self, folders: &Folders) -> Result<&HelmVersion, HelmError> {
        self.version
            .get_or_try_init(|| async {
                let args = argv::version();
                let done = self
                    .run(args, folders, Vec::new(), SLACK, &CancellationToken::new())
                    .await?;
                HelmVersion::parse(&String::from_utf8_lossy(&done.stdout))
            })
            .await
    }

    /// Installs, upgrades, uninstalls or rolls back; `values` is what helm reads on stdin, as JSON.
    pub async fn run_verb(
        &self,
        verb: &Verb<'_>,
        target: &Target<'_>,
        values: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Finished, HelmError> {
        let version = self.version(target.folders).await?;
        let args = argv::arguments(verb, target, version);
        let stdin = values.unwrap_or_default().to_owned();
        let deadline = target.timeout + SLACK;
        let done = self
            .run(args, target.folders, stdin.into_bytes(), deadline, cancel)
            .await?;
        if done.success() {
            return Ok(done);
        }
        if done.cancelled {
            return Err(HelmError::Cancelled);
        }
        if done.timed_out {
            return Err(HelmError::TimedOut(deadline));
        }
        if done.code.is_none() {
            return Err(HelmError::Killed);
        }
        let values = values.and_then(|values| serde_json::from_str(values).ok());
        let text = masked_of(&done.error_text(), &values.unwrap_or(Value::Null));
        Err(HelmError::refused(verb.word(), &text))
    }

    /// Renders a chart without any cluster: the manifest.
    pub async fn template(
        &self,
        chart: &Path,
        target: &Target<'_>,
        values: &str,
        cancel: &CancellationToken,
    ) -> Result<String, HelmError> {
        let verb = Verb::Template { chart };
        let done = self.run_verb(&verb, target, Some(values), cancel).await?;
        if done.stdout.len() >= OUTPUT {
            return Err(HelmError::TooLong(OUTPUT));
        }
        String::from_utf8(done.stdout).map_err(|_| HelmError::NotText)
    }

    async fn run(
        &self,
        args: Vec<std::ffi::OsString>,
        folders: &Folders,
        stdin: Vec<u8>,
        deadline: Duration,
        cancel: &CancellationToken,
    ) -> Result<Finished, HelmError> {
        Command {
            program: self.program.clone(),
            args,
            env: folders.environment(),
            cwd: folders.empty()?,
            stdin,
            deadline,
            max_output: OUTPUT,
        }
        .run(cancel)
        .await
        .map_err(HelmError::Start)
    }
}
