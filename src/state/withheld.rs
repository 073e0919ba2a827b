//! Removals that a guard holds back. Those that were approved leave fewer behind, and fewer look less like a mistake: what
//! was held once is held until it is gone by an approval or declared again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::id::ExchangeId;
use crate::state::{State, StateError, cure, read_json, write_json};

const CURE: &str = "do not remove it, or what was held back goes unapproved: while it is damaged every removal is held until `natsx-sync approve` lets it go, and the next pass that can read everything writes it anew";

impl State {
    /// Whose removal was held back and is not over.
    pub fn withheld(&self) -> Result<BTreeSet<ExchangeId>, StateError> {
        let ids = read_json(&self.withholdings()).map_err(cure(CURE))?;
        Ok(ids.unwrap_or_default())
    }

    /// Remembers these and no others.
    pub fn know_withheld(&self, ids: &BTreeSet<ExchangeId>) -> Result<(), StateError> {
        write_json(&self.withholdings(), ids, 0o600)
    }

    fn withholdings(&self) -> PathBuf {
        self.folder().join("withheld.json")
    }
}
