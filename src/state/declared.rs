//! What a plain folder declared last. Git knows the terms of an exchange that is gone; a folder forgets them with the file,
//! and a protected or suspended exchange would be removed as if nobody had said so.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::exchange::desired::{Desired, Terms};
use crate::id::ExchangeId;
use crate::state::{State, StateError, cure, read_json, write_json};

const CURE: &str = "put back a copy, or remove it: it is written anew with what is declared now; what files said that are gone is lost, so what they declared is not removed until it is declared again";

/// The last declaration of one exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Its file.
    pub file: String,
    /// What it said of removals.
    pub terms: Terms,
}

impl State {
    /// Of every exchange that was ever declared and of which something is left. Without this file nothing of a plain folder is removed.
    pub fn declared(&self) -> Result<BTreeMap<ExchangeId, Declared>, StateError> {
        let all = read_json(&self.declarations()).map_err(cure(CURE))?;
        Ok(all.unwrap_or_default())
    }

    /// Remembers what is declared now beside what was declared before; of that, what `is_gone` is forgotten.
    pub fn know_declared(
        &self,
        desired: &Desired,
        is_gone: impl Fn(&ExchangeId) -> bool,
    ) -> Result<(), StateError> {
        let before = self.declared()?;
        let mut all = before.clone();
        all.retain(|id, _| desired.exchanges.contains_key(id) || !is_gone(id));
        all.extend(desired.exchanges.values().map(|exchange| {
            let declared = Declared {
                file: exchange.file.clone(),
                terms: exchange.terms.clone(),
            };
            (exchange.id.clone(), declared)
        }));
        if all == before {
            return Ok(());
        }
        write_json(&self.declarations(), &all, 0o600)
    }

    fn declarations(&self) -> PathBuf {
        self.folder().join("declared.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_says_what_is_lost_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        std::fs::write(folder.path().join("declared.json"), "").unwrap();
        let error = state.declared().unwrap_err().to_string();
        for word in [
            "declared.json is damaged",
            "remove it",
            "is not removed until",
        ] {
            assert!(error.contains(word), "{error}");
        }
    }
}
