//! What the operator's settings say to files.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::ChartRef;
use super::severity::Severities;
use crate::id::{ClusterId, ExchangeId};

/// The part of the settings that resolving files needs.
#[derive(Debug, Clone)]
pub struct Context {
    /// The chart of files that name no version.
    pub chart: ChartRef,
    /// The clusters of the inventory; empty where it is not known.
    pub clusters: BTreeSet<ClusterId>,
    /// Host of public URLs by cluster of the inventory.
    pub hosts: BTreeMap<ClusterId, String>,
    /// Privileged values that are let through: a key, a dotted path, or `$include`.
    pub allow_values: Vec<String>,
    /// How bad lints are taken.
    pub severities: Severities,
}

impl Context {
    /// The URL the registry gets unless the file names one.
    pub(super) fn public_url(&self, id: &ExchangeId) -> Option<String> {
        let host = self.hosts.get(&id.cluster)?;
        let release = &id.release;
        Some(if host.contains(':') && !host.starts_with('[') {
            format!("https://[{host}]/nats/{release}")
        } else {
            format!("https://{host}/nats/{release}")
        })
    }

    /// Whether the operator lets this key through.
    pub(super) fn allows(&self, key: &str, path: &str) -> bool {
        self.allow_values.iter().any(|allowed| {
            allowed == key
                || allowed == path
                || (allowed == "$include" && key.ends_with("$include"))
        })
    }
}
