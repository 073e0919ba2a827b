//! Which cluster each entry of the inventory was when it was first seen. A kubeconfig that leads elsewhere tomorrow would
//! otherwise look like a cluster that lost everything.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::ClusterId;
use crate::state::{State, StateError, io, read_json, write_json};

/// What is remembered of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCluster {
    /// uid of its namespace `kube-system`, which no two clusters share.
    pub uid: String,
    /// When it was first seen, or approved.
    pub since: Timestamp,
}

impl State {
    /// What is remembered of a cluster; nothing before it was first seen.
    pub fn known_cluster(&self, id: &ClusterId) -> Result<Option<KnownCluster>, StateError> {
        read_json(&self.cluster_file(id))
    }

    /// Remembers it from now on.
    pub fn know_cluster(&self, id: &ClusterId, known: &KnownCluster) -> Result<(), StateError> {
        self.private("clusters")?;
        write_json(&self.cluster_file(id), known, 0o600)
    }

    /// Forgets it and what is cached of it; whether anything was known.
    pub fn forget_cluster(&self, id: &ClusterId) -> Result<bool, StateError> {
        let cache = self.folder().join("cache").join(id.as_str());
        let cached = match fs::remove_dir_all(&cache) {
            Ok(()) => true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => return Err(io("remove", &cache)(error)),
        };
        let path = self.cluster_file(id);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(cached),
            Err(error) => Err(io("remove", &path)(error)),
        }
    }

    fn cluster_file(&self, id: &ClusterId) -> PathBuf {
        self.folder().join("clusters").join(format!("{id}.json"))
    }
}
