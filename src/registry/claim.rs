//! What a write may touch: rows of ours that are as they were seen. Several can write one registry, and the original
//! has no conditional writes, so this is looked at before every single one.

use std::collections::BTreeSet;

use super::RegistryError;
use crate::id::{Instance, SystemId};
use crate::observe::observed::Record;
use crate::plan::record_digest;

/// What a write relies on.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Whose records may be written.
    pub instance: Instance,
    /// A record that nobody marked may be taken over.
    pub adopts: bool,
    /// [`record_digest`] of the records of the key when the write was decided on; none = there were none.
    pub seen: Option<String>,
}

impl Claim {
    /// On the records of one key as they are now.
    pub fn on(instance: &Instance, records: &[Record]) -> Self {
        Self {
            instance: instance.clone(),
            adopts: false,
            seen: seen(records),
        }
    }
}

/// A claim while it is being made good, with the rows it covers. Ours is also what we wrote on the way.
pub(super) struct Held<'a> {
    claim: &'a Claim,
    id: &'a SystemId,
    wanted: Option<String>,
    rows: Option<BTreeSet<String>>,
}

impl<'a> Held<'a> {
    /// `wanted` is what is going to be written, if anything is.
    pub(super) fn new(claim: &'a Claim, id: &'a SystemId, wanted: Option<&Record>) -> Self {
        Self {
            claim,
            id,
            wanted: wanted.map(|record| record_digest(std::slice::from_ref(record))),
            rows: None,
        }
    }

    /// Whether these rows, just read, may be written.
    pub(super) fn check(&mut self, records: &[Record]) -> Result<(), RegistryError> {
        let digests: BTreeSet<String> = records
            .iter()
            .map(|record| record_digest(std::slice::from_ref(record)))
            .collect();
        let is_wanted = |digest: &String| Some(digest) == self.wanted.as_ref();
        if !digests.is_empty() && digests.iter().all(is_wanted) {
            self.rows.get_or_insert(digests);
            return Ok(());
        }
        let ours = |record: &Record| {
            let mark = record.mark();
            match mark.as_ref().and_then(|mark| mark.text("instance")) {
                Some(instance) => instance == self.claim.instance.as_str(),
                None => self.claim.adopts,
            }
        };
        if !records.iter().all(ours) {
            return Err(RegistryError::NotOurs {
                system_id: self.id.to_string(),
            });
        }
        let same = match &self.rows {
            None => seen(records) == self.claim.seen,
            // A row that went was ours to remove, unless it was the only one.
            Some(rows) => {
                digests
                    .iter()
                    .all(|row| rows.contains(row) || is_wanted(row))
                    && (self.wanted.is_none() || rows.is_empty() || !digests.is_empty())
            }
        };
        if !same {
            return Err(RegistryError::Changed {
                system_id: self.id.to_string(),
            });
        }
        self.rows.get_or_insert(digests);
        Ok(())
    }
}

fn seen(records: &[Record]) -> Option<String> {
    (!records.is_empty()).then(|| record_digest(records))
}
