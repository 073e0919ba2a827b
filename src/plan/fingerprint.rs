//! What an entry was made from, and its digest: a saved plan compares both before it is applied.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use smol_str::SmolStr;

use super::action::{Plan, PlannedExchange, StepKind};
use crate::exchange::desired::{ChartRef, Desired};
use crate::id::{CommitId, Digest};
use crate::reason::Reason;

/// Everything an entry rests on, part by part. Files are there by git's blob ids and never by their values, because a
/// hash of a weak password can be guessed. The archive of the chart is not part of it: it becomes known with the first
/// fetch, and learning it is no change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// Why something is done.
    pub reason: Reason,
    /// What is done, in order.
    pub steps: Vec<StepKind>,
    /// Blob ids by file; the exchange's own is [`crate::exchange::desired::OWN_FILE`].
    pub blobs: BTreeMap<String, String>,
    /// Name and version wanted; none where no file declares it.
    pub chart: Option<ChartRef>,
    /// As it would be registered; the settings have a say in it.
    pub public_url: Option<String>,
    /// The release seen; none = no release was there.
    pub release: Option<ReleaseSeen>,
    /// SHA-256 (hex) of the record seen, without what changes by itself; none = no record was there.
    pub record: Option<String>,
}

/// A release as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseSeen {
    /// Helm's number.
    pub revision: u32,
    /// uid of its Secret.
    pub uid: SmolStr,
    /// Of its Secret: another one after each change of status or labels, and never by itself.
    pub resource_version: SmolStr,
}

impl Inputs {
    /// What `entry` rests on.
    pub fn of(entry: &PlannedExchange, desired: &Desired) -> Self {
        let exchange = entry.id.as_ref().and_then(|id| desired.exchanges.get(id));
        let seen = &entry.precondition;
        Self {
            reason: entry.reason,
            steps: entry.steps.clone(),
            blobs: exchange
                .map(|exchange| exchange.blobs.open())
                .unwrap_or_default(),
            chart: exchange.map(|exchange| exchange.chart.clone()),
            public_url: exchange.and_then(|exchange| exchange.public_url.clone()),
            release: seen.secret.as_ref().map(|secret| ReleaseSeen {
                revision: seen.revision.unwrap_or_default(),
                uid: secret.uid.clone(),
                resource_version: secret.resource_version.clone(),
            }),
            record: seen.record.clone(),
        }
    }
}

/// SHA-256 (hex) over what an entry does and everything it rests on.
pub fn fingerprint(entry: &PlannedExchange, inputs: &Inputs) -> String {
    let material = json!({
        "format": 2,
        "id": entry.id,
        "file": if entry.id.is_none() { entry.file.as_str() } else { "" },
        "action": entry.action,
        "inputs": inputs,
    });
    Digest::of(material.to_string().as_bytes()).to_string()
}

/// SHA-256 (hex) over the commit and every entry's fingerprint: equal digests do the same to the same.
pub fn digest_of<'a>(
    commit: Option<&CommitId>,
    fingerprints: impl IntoIterator<Item = &'a str>,
) -> String {
    let mut material = commit.map_or("-", CommitId::as_str).to_owned();
    for fingerprint in fingerprints {
        material.push('\n');
        material.push_str(fingerprint);
    }
    Digest::of(material.as_bytes()).to_string()
}

impl Plan {
    /// The digest of the whole plan.
    pub fn digest(&self) -> String {
        let fingerprints = self
            .exchanges
            .iter()
            .map(|entry| entry.fingerprint.as_str());
        digest_of(self.commit.as_ref(), fingerprints)
    }
}
