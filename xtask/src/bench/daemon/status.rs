//! What a daemon says in its state folder.

use std::path::Path;

use serde_json::Value;

/// `status.json`, as far as it is looked at.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// Passes that are over.
    pub(super) passes: u64,
    pub(super) commit: Option<String>,
    pub(super) exchanges: usize,
    pub(super) ready: usize,
}

impl Status {
    /// Nothing of everything, before this process has written one.
    pub(super) fn read(state: &Path, pid: u64) -> Self {
        let text = std::fs::read(state.join("status.json")).unwrap_or_default();
        let status: Value = serde_json::from_slice(&text).unwrap_or_default();
        if status.get("pid").and_then(Value::as_u64) != Some(pid) {
            return Self::default();
        }
        let entries = status.get("exchanges").and_then(Value::as_array);
        let phases = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.get("phase")?.as_str());
        Self {
            passes: status.get("pass").and_then(Value::as_u64).unwrap_or(0),
            commit: status
                .get("commit")
                .and_then(Value::as_str)
                .map(str::to_owned),
            exchanges: entries.map_or(0, Vec::len),
            ready: phases.filter(|phase| *phase == "ready").count(),
        }
    }

    /// Whether all of so many are ready at the commit.
    pub(super) fn is_converged(&self, commit: &str, exchanges: usize) -> bool {
        self.commit.as_deref() == Some(commit)
            && self.exchanges == exchanges
            && self.ready == exchanges
    }
}
