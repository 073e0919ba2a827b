//! One whole Kubernetes cluster.

mod api;
mod control_plane;
mod dns;
mod node;
mod volumes;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::process::run;
use crate::record::ClusterRecord;
use crate::tools::Tools;

pub use api::ApiServer;
pub(crate) use control_plane::start_control_plane;
pub(crate) use dns::start_dns;
pub(crate) use node::{end_node, start_node};

/// A running cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub(crate) record: ClusterRecord,
    pub(crate) tools: Tools,
}

impl Cluster {
    /// Its name, which is also the name of its kubeconfig's context.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// A kubeconfig with every right.
    pub fn kubeconfig(&self) -> &Path {
        &self.record.kubeconfig
    }

    /// The API server's log of requests that change something: one JSON object a line.
    pub fn audit_log(&self) -> PathBuf {
        self.record.folder.join("audit.log")
    }

    /// Runs kubectl against it.
    pub fn kubectl(&self, args: &[&str]) -> Result<String> {
        run(Command::new(&self.tools.kubectl)
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .args(args))
    }

    /// Makes a volume for each claim to come.
    pub fn add_volumes(&self, count: usize) -> Result<()> {
        volumes::add(self, count)
    }
}

/// Waits for something; says what it was when it does not come.
pub fn wait_until(what: &str, time: Duration, mut holds: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + time;
    while !holds() {
        anyhow::ensure!(
            Instant::now() < deadline,
            "waited {time:?} in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
