//! What a plain folder declared last. Git knows the terms of an exchange that is gone; a folder forgets them with the file,
//! and a protected or suspended exchange would be removed as if nobody had said so.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::exchange::desired::{Desired, Terms};
use crate::id::ExchangeId;
use crate::state::{State, StateError, read_json, write_json};

/// The last declaration of one exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Its file.
    pub file: String,
    /// What it said of removals.
    pub terms: Terms,
}

impl State {
    /// Of every exchange that was ever declared. Without this file nothing of a plain folder is removed.
    pub fn declared(&self) -> Result<BTreeMap<ExchangeId, Declared>, StateError> {
        Ok(read_json(&self.declarations())?.unwrap_or_default())
    }

    /// Remembers what is declared now beside what was declared before.
    pub fn know_declared(&self, desired: &Desired) -> Result<(), StateError> {
        let before = self.declared()?;
        let mut all = before.clone();
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
