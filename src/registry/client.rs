//! The client: connecting and reading.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Value, json};
use tokio::sync::OwnedMutexGuard;

use super::wire::{Answer, Request, Wire};
use super::{Pace, RegistryAccess, RegistryError, row};
use crate::id::SystemId;
use crate::observe::observed::{Record, RegistryView, Unreadable};
use crate::reason::Reason;

/// A registry, seen from a client; clones share one connection limit and one writer per record.
#[derive(Clone)]
pub struct Registry {
    pub(super) wire: Arc<Wire>,
    pub(super) pace: Pace,
    writers: Arc<Mutex<BTreeMap<SystemId, Weak<tokio::sync::Mutex<()>>>>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Prepares a client; nothing is sent.
    pub fn connect(access: &RegistryAccess) -> Result<Self, RegistryError> {
        Self::connect_at(access, Pace::default())
    }

    /// The same with other waits and tries.
    pub fn connect_at(access: &RegistryAccess, pace: Pace) -> Result<Self, RegistryError> {
        Ok(Self {
            wire: Arc::new(Wire::new(access, &pace)?),
            pace,
            writers: Arc::default(),
        })
    }

    /// Reads every record in one request, or says why it could not.
    pub async fn view(&self) -> Result<RegistryView, Unreadable> {
        let rows = self.query(&json!({})).await.map_err(|error| Unreadable {
            reason: Reason::RegistryUnreadable,
            text: error.chain(),
        })?;
        let mut view = RegistryView::default();
        for row in &rows {
            match row::read(row) {
                Some(record) => {
                    view.records
                        .entry(record.system_id.clone())
                        .or_default()
                        .push(record);
                }
                None => view.unusable += 1,
            }
        }
        Ok(view)
    }

    /// The records of one key: none, one, or several where the original made duplicates.
    pub async fn find(&self, id: &SystemId) -> Result<Vec<Record>, RegistryError> {
        let rows = self.query(&json!({"system_id": id.as_str()})).await?;
        // The filter is applied again because a server may pass over it and answer with everything.
        let records = rows.iter().filter_map(row::read);
        Ok(records
            .filter(|record| record.system_id == id.as_str())
            .collect())
    }

    async fn query(&self, filter: &Value) -> Result<Vec<Value>, RegistryError> {
        match self.wire.send(Request::Query(filter)).await? {
            Answer::Rows(rows) => Ok(rows),
            // No query is understood so; an empty list here would pass for absence.
            Answer::Done | Answer::Absent | Answer::Taken => Err(self.wire.no_list()),
        }
    }

    /// Waits until nobody else writes this record.
    pub(super) async fn writer(&self, id: &SystemId) -> OwnedMutexGuard<()> {
        let lock = {
            let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
            writers.retain(|_, lock| lock.strong_count() > 0);
            let found = writers.get(id).and_then(Weak::upgrade);
            found.unwrap_or_else(|| {
                let lock = Arc::new(tokio::sync::Mutex::new(()));
                writers.insert(id.clone(), Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}
