//! What a fleet has started, written down before it is used, so that any later run can end it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::cache::replace;
use crate::network::Bridge;
use crate::process::Process;

/// Ending of the files that name processes which come and go.
const GUEST: &str = "guest";

/// The record of one fleet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// All of its clusters came up.
    pub ready: bool,
    /// Nodes run (root), or control planes only.
    pub nodes: bool,
    /// In the order they were started.
    pub clusters: Vec<ClusterRecord>,
}

/// The record of one cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClusterRecord {
    /// Its name.
    pub name: String,
    /// Everything of it lies here.
    pub folder: PathBuf,
    /// Its kubeconfig.
    pub kubeconfig: PathBuf,
    /// The host's side of its network.
    pub bridge: Option<Bridge>,
    /// The API server's port on loopback.
    pub api_port: u16,
    /// In the order they were started.
    pub processes: Vec<Process>,
    /// Arguments of the API server, to start another one beside it.
    pub api_arguments: Vec<String>,
}

impl Record {
    /// Where the record of a fleet lies.
    pub fn path(run: &Path) -> PathBuf {
        run.join("fleet.json")
    }

    /// Reads it, if there is one.
    pub fn read(run: &Path) -> Result<Option<Self>> {
        let path = Self::path(run);
        match std::fs::read(&path) {
            Ok(bytes) => {
                Ok(Some(serde_json::from_slice(&bytes).with_context(|| {
                    format!("{} is damaged", path.display())
                })?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Writes it.
    pub fn write(&self, run: &Path) -> Result<()> {
        replace(&Self::path(run), &serde_json::to_vec_pretty(self)?)
    }
}

impl ClusterRecord {
    /// Adds a process and writes it down at once: a run that is killed now must not leave it behind.
    pub fn remember(&mut self, process: Process) -> Result<()> {
        self.processes.push(process);
        replace(
            &self.folder.join("processes.json"),
            &serde_json::to_vec(&self.processes)?,
        )
    }

    /// Writes down a process that is started and ended while the cluster runs, under a name of its own.
    pub fn remember_guest(&self, name: &str, process: &Process) -> Result<()> {
        replace(&self.guest(name), &serde_json::to_vec(process)?)
    }

    /// It has been ended.
    pub fn forget_guest(&self, name: &str) {
        std::fs::remove_file(self.guest(name)).ok();
    }

    /// Those that were not.
    pub fn guests(&self) -> Vec<Process> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let files = entries.flatten().map(|entry| entry.path());
        files
            .filter(|path| path.extension().is_some_and(|kind| kind == GUEST))
            .filter_map(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok())
            .collect()
    }

    fn guest(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.{GUEST}"))
    }

    /// What was written down.
    pub fn remembered(&self) -> Vec<Process> {
        std::fs::read(self.folder.join("processes.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_else(|| self.processes.clone())
    }
}
