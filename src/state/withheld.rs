//! Removals that a guard holds back. Those that were approved leave fewer behind, and fewer look less like a mistake: what
//! was held once is held until somebody approves it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::id::ExchangeId;
use crate::state::{State, StateError, read_json, write_json};

impl State {
    /// Whose removal was held back and not approved since.
    pub fn withheld(&self) -> Result<BTreeSet<ExchangeId>, StateError> {
        Ok(read_json(&self.withholdings())?.unwrap_or_default())
    }

    /// Remembers these and no others.
    pub fn know_withheld(&self, ids: &BTreeSet<ExchangeId>) -> Result<(), StateError> {
        write_json(&self.withholdings(), ids, 0o600)
    }

    fn withholdings(&self) -> PathBuf {
        self.folder().join("withheld.json")
    }
}
