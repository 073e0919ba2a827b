//! The real nats-server program, asked whether it takes a configuration (`-t`). Nothing is served with it.

mod answer;
mod grammar;
mod pod;
mod prepare;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::command::{self, Command, CommandError, Finished};
use crate::observe::observed::{Rendered, Trial};
use answer::Answer;
use pod::{Line, Pod, Servers};
use prepare::{CERTIFICATE, INCLUDED, KEY, Prepared, prepare};

/// The configuration in its folder.
const CONFIGURATION: &str = "nats.conf";
/// It takes some 20 ms.
const LONGEST: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
const OUTPUT: usize = 64 << 10;
/// Servers of one exchange whose digests are asked for.
const MOST_PODS: usize = 16;

/// A nats-server program, resolved once.
#[derive(Debug)]
pub struct NatsServer {
    program: PathBuf,
    version: OnceCell<String>,
    certificate: OnceLock<Option<(String, String)>>,
    /// How long it may take.
    patience: Duration,
}

/// Why the program cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// It is not there.
    #[error("no nats-server at {path:?}")]
    Missing {
        /// The setting.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// It could not be run.
    #[error(transparent)]
    Run(#[from] CommandError),
    /// There is no folder to run it in.
    #[error("no temporary folder to run nats-server in")]
    Folder(#[source] std::io::Error),
    /// It is something else.
    #[error("{0:?} is not a version of nats-server")]
    Version(String),
}

impl NatsServer {
    /// Finds the program: a path as it stands, a bare name on `PATH`.
    pub fn find(path: &str) -> Result<Self, ServerError> {
        let program = command::find(path).map_err(|source| ServerError::Missing {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            program,
            version: OnceCell::new(),
            certificate: OnceLock::new(),
            patience: LONGEST,
        })
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its version, such as `2.14.2`, asked at the first use.
    pub async fn version(&self) -> Result<&str, ServerError> {
        let asked = self.version.get_or_try_init(|| async {
            let folder = tempfile::tempdir().map_err(ServerError::Folder)?;
            let done = self
                .run(vec!["--version".into()], folder.path(), &BTreeMap::new())
                .await?;
            let said = String::from_utf8_lossy(&done.stdout);
            let version = said.trim().strip_prefix("nats-server: v");
            let version = version.filter(|version| pod::line(version).is_some());
            version
                .map(str::to_owned)
                .ok_or_else(|| ServerError::Version(said.trim().chars().take(40).collect()))
        });
        Ok(asked.await?.as_str())
    }

    /// Whether it is of the same major and minor version as `version`.
    pub async fn is_like(&self, version: &str) -> Result<bool, ServerError> {
        Ok(pod::line(version).is_some() && pod::line(version) == self.line().await?)
    }

    async fn line(&self) -> Result<Option<Line>, ServerError> {
        Ok(pod::line(self.version().await?))
    }

    /// Whether servers of its version take what was rendered. What is not known here is not held against it.
    pub async fn test(&self, rendered: &Rendered) -> Trial {
        let Some(text) = configuration(&rendered.configuration) else {
            return Trial::Untried;
        };
        let mut result = Trial::Untried;
        for set in &rendered.stateful_sets {
            let Some(pod) = self
                .servers(set)
                .await
                .and_then(|servers| servers.pods().next())
            else {
                continue;
            };
            result = self.ask(text, &pod).await.trial;
            if result != Trial::Taken {
                break;
            }
        }
        result
    }

    /// The digest of the configuration each server would say it has loaded, by pod: where all of it is known.
    pub async fn digests(
        &self,
        stateful_sets: &[Value],
        configurations: &[Value],
    ) -> BTreeMap<String, String> {
        let mut digests = BTreeMap::new();
        let Some(text) = configuration(configurations) else {
            return digests;
        };
        for set in stateful_sets {
            let Some(servers) = self.servers(set).await else {
                continue;
            };
            for pod in servers.pods().take(MOST_PODS) {
                match self.ask(text, &pod).await.digest {
                    Some(digest) => digests.insert(pod.name().to_owned(), digest),
                    // What is not known of one is not known of any.
                    None => return digests,
                };
            }
        }
        digests
    }

    /// The servers of a set, if this program is of their version.
    async fn servers<'m>(&self, set: &'m Value) -> Option<Servers<'m>> {
        let servers = Servers::of(set)?;
        let line = self.line().await.ok()??;
        (servers.line()? == line).then_some(servers)
    }

    async fn ask(&self, text: &str, pod: &Pod) -> Answer {
        let prepared = prepare(text, pod);
        if prepared.text.is_empty() {
            let unknown: Vec<&str> = prepared.unknown.iter().map(String::as_str).collect();
            return Answer::open(format!("not understood: {}", unknown.join(", ")));
        }
        let done = match self.folder(&prepared) {
            Ok(folder) => {
                let args = vec!["-t".into(), "-c".into(), CONFIGURATION.into()];
                self.run(args, folder.path(), &prepared.environment).await
            }
            Err(error) => Err(ServerError::Folder(error)),
        };
        match done {
            Ok(done) => answer::read(&done, &prepared),
            Err(error) => Answer::open(error.to_string()),
        }
    }

    /// An empty folder but for the configuration and what stands in for what is elsewhere.
    fn folder(&self, prepared: &Prepared) -> std::io::Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        write(CONFIGURATION, &prepared.text)?;
        write(INCLUDED, "")?;
        if prepared.certificates
            && let Some((certificate, key)) = self.certificate.get_or_init(throwaway)
        {
            write(CERTIFICATE, certificate)?;
            write(KEY, key)?;
        }
        Ok(folder)
    }

    async fn run(
        &self,
        args: Vec<OsString>,
        folder: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<Finished, ServerError> {
        let env = environment.iter();
        let done = Command {
            program: self.program.clone(),
            args,
            env: env
                .map(|(name, value)| (name.clone(), value.into()))
                .collect(),
            cwd: folder.to_owned(),
            stdin: Vec::new(),
            deadline: self.patience,
            max_output: OUTPUT,
        };
        Ok(done.run(&CancellationToken::new()).await?)
    }
}

/// The servers' configuration among the data of the `ConfigMap`s; none where it is not clear which it is.
fn configuration(all: &[Value]) -> Option<&str> {
    let mut found = all
        .iter()
        .filter_map(|data| data.get(CONFIGURATION)?.as_str());
    let first = found.next();
    first.filter(|_| found.next().is_none())
}

/// A certificate that nobody trusts, with its key.
fn throwaway() -> Option<(String, String)> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).ok()?;
    Some((made.cert.pem(), made.signing_key.serialize_pem()))
}

#[cfg(test)]
mod tests;
