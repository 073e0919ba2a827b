//! The client: connecting and reading.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Value, json};
use tokio::sync::OwnedMutexGuard;

use super::local::{Local, Serving, query};
use super::row::Rows;
use super::wire::{Answer, Request, Tag, Wire};
use super::{Pace, RegistryAccess, RegistryError};
use crate::diagnostic::chain;
use crate::id::SystemId;
use crate::observe::observed::{Last, Record, RegistryView, Unreadable};
use crate::reason::Reason;

/// A registry, seen from a client; clones share one connection limit and one writer per record.
#[derive(Clone)]
pub struct Registry {
    way: Way,
    pub(super) pace: Pace,
    writers: Arc<Mutex<BTreeMap<SystemId, Weak<tokio::sync::Mutex<()>>>>>,
    last: Arc<Last<RegistryView>>,
}

/// How requests get there.
#[derive(Clone)]
enum Way {
    /// To an address that stays.
    Remote(Arc<Wire>),
    /// To the state folder of this host.
    Local(Arc<Local>),
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
        let wire = Wire::new(access, &pace)?;
        Ok(Self::by(Way::Remote(Arc::new(wire)), pace))
    }

    /// The registry of a state folder: served by this process, or by the one that serves it already. When that one ends,
    /// this one takes its place.
    pub async fn serve(folder: &Path, serving: Serving) -> Result<Self, RegistryError> {
        let pace = Pace::default();
        let local = Local::new(folder, pace, Some(serving));
        local.wire().await?;
        Ok(Self::by(Way::Local(Arc::new(local)), pace))
    }

    /// The registry of a state folder, for those who only look: nothing is served, and the store is held for no longer
    /// than it takes to read it. Writes are refused.
    pub fn look(folder: &Path) -> Self {
        let pace = Pace::default();
        let local = Local::new(folder, pace, None);
        Self::by(Way::Local(Arc::new(local)), pace)
    }

    fn by(way: Way, pace: Pace) -> Self {
        Self {
            way,
            pace,
            writers: Arc::default(),
            last: Arc::default(),
        }
    }

    /// Where the registry of this host answers; none for another, and for one that is only looked at.
    pub async fn address(&self) -> Option<SocketAddr> {
        match &self.way {
            Way::Remote(_) => None,
            Way::Local(local) => local.address().await,
        }
    }

    /// Finishes what is under way and no longer serves it, if this process does.
    pub async fn close(&self) {
        match &self.way {
            Way::Remote(_) => {}
            Way::Local(local) => local.close().await,
        }
    }

    /// What was read by a client before this one.
    pub fn recall(&self, view: &Arc<RegistryView>) {
        self.last.recall(view);
    }

    /// Reads every record in one request, or says why it could not. While somebody has the last view and nothing differs, it
    /// is that one.
    pub async fn view(&self) -> Result<Arc<RegistryView>, Unreadable> {
        let view = match &self.way {
            Way::Remote(wire) => {
                let rows = query(wire, &json!({})).await;
                rows.map(|rows| self.last.or(rows.into_view(), None))
            }
            Way::Local(local) => local.view(&self.last).await,
        };
        view.map_err(|error| Unreadable {
            reason: Reason::RegistryUnreadable,
            text: chain(&error),
        })
    }

    /// The records of one key: none, one, or several where the original made duplicates.
    pub async fn find(&self, id: &SystemId) -> Result<Vec<Record>, RegistryError> {
        self.find_tagged(id).await.map(|(records, _)| records)
    }

    /// The same, with what a write of the only one can be made conditional on.
    pub(super) async fn find_tagged(
        &self,
        id: &SystemId,
    ) -> Result<(Vec<Record>, Option<Tag>), RegistryError> {
        let found = self.query(&json!({"system_id": id.as_str()})).await?;
        let (rows, mut records) = (found.len(), found.records);
        // The filter is applied again because a server may pass over it and answer with everything.
        records.retain(|record| record.system_id == id.as_str());
        let is_only = rows == 1 && records.len() == 1;
        Ok((records, found.tag.filter(|_| is_only)))
    }

    async fn query(&self, filter: &Value) -> Result<Rows, RegistryError> {
        match &self.way {
            Way::Remote(wire) => query(wire, filter).await,
            Way::Local(local) => local.rows(filter).await,
        }
    }

    /// Sends one request, once.
    pub(super) async fn send(&self, request: Request<'_>) -> Result<Answer, RegistryError> {
        match &self.way {
            Way::Remote(wire) => wire.send(request).await,
            Way::Local(local) => local.wire().await?.send(request).await,
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
