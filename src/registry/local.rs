//! The registry of a state folder as a client of this host reaches it. Who works there serves it, or asks the process that
//! does; who only looks asks the same process or, with nobody there, reads the store and lets go of it at once.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::embedded::{Embedded, EmbeddedError};
use super::row::Rows;
use super::store::{Store, StoreError};
use super::wire::{Answer, Request, Wire};
use super::{Pace, RegistryError};
use crate::listen::Port;
use crate::observe::observed::{Last, RegistryView};

/// How a process serves the registry when nobody else does.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Where.
    pub address: SocketAddr,
    /// What is done when that is taken.
    pub port: Port,
    /// Who the registry says it is.
    pub instance: String,
}

pub(super) struct Local {
    folder: PathBuf,
    pace: Pace,
    /// None for those who only look.
    serving: Option<Serving>,
    reached: Mutex<Option<Reached>>,
}

struct Reached {
    embedded: Embedded,
    wire: Arc<Wire>,
}

impl Local {
    pub(super) fn new(folder: &Path, pace: Pace, serving: Option<Serving>) -> Self {
        Self {
            folder: folder.to_owned(),
            pace,
            serving,
            reached: Mutex::new(None),
        }
    }

    /// The way to whoever serves it. The process that did may have ended: then it is served here from now on.
    pub(super) async fn wire(&self) -> Result<Arc<Wire>, RegistryError> {
        let Some(serving) = &self.serving else {
            return Err(RegistryError::Access {
                text: "the registry is only looked at".to_owned(),
                source: None,
            });
        };
        let mut reached = self.reached.lock().await;
        if let Some(reached) = reached.as_ref()
            && reached.embedded.is_there(&self.folder)
        {
            return Ok(Arc::clone(&reached.wire));
        }
        // Its store is to be let go of before it is opened again.
        drop(reached.take());
        let Serving {
            address,
            port,
            instance,
        } = serving;
        let embedded = Embedded::open(&self.folder, *address, *port, instance).await?;
        let wire = Arc::new(Wire::new(&embedded.access()?, &self.pace)?);
        *reached = Some(Reached {
            embedded,
            wire: Arc::clone(&wire),
        });
        Ok(wire)
    }

    /// Every record. Where this process has the store it is read where it is, and only where something was written since the
    /// last view: ten thousand rows are not written down to be read again, nor read to find that they are as they were.
    pub(super) async fn view(
        &self,
        last: &Last<RegistryView>,
    ) -> Result<Arc<RegistryView>, RegistryError> {
        let Some(store) = self.store().await? else {
            let rows = self.rows(&json!({})).await?;
            return Ok(last.or(rows.into_view(), None));
        };
        let state = store.state();
        if let Some(view) = last.of(state) {
            return Ok(view);
        }
        let read = tokio::task::spawn_blocking(move || read_all(&store)).await;
        let read = read.map_err(std::io::Error::other);
        let read = read.map_err(|source| StoreError::File {
            path: self.folder.clone(),
            source,
        });
        let rows = read.flatten().map_err(EmbeddedError::from)?;
        Ok(last.or(rows.into_view(), Some(state)))
    }

    /// The store, where this process is to serve it and does.
    async fn store(&self) -> Result<Option<Store>, RegistryError> {
        if self.serving.is_none() {
            return Ok(None);
        }
        self.wire().await?;
        let reached = self.reached.lock().await;
        let embedded = reached.as_ref().map(|reached| &reached.embedded);
        Ok(embedded.and_then(Embedded::store).cloned())
    }

    /// Rows that fit a filter, or more than those.
    pub(super) async fn rows(&self, filter: &Value) -> Result<Rows, RegistryError> {
        if self.serving.is_some() {
            return query(&*self.wire().await?, filter).await;
        }
        let mut tries = 0;
        loop {
            let folder = self.folder.clone();
            let read = tokio::task::spawn_blocking(move || read(&folder)).await;
            match read.map_err(std::io::Error::other) {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(StoreError::Held { address: None, .. })) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(Err(StoreError::Held {
                    address: Some(address),
                    ..
                })) => {
                    let access = super::embedded::access(address)?;
                    return query(&Wire::new(&access, &self.pace)?, filter).await;
                }
                Ok(Err(error)) => return Err(EmbeddedError::from(error).into()),
                Err(source) => {
                    return Err(EmbeddedError::from(StoreError::File {
                        path: self.folder.clone(),
                        source,
                    })
                    .into());
                }
            }
        }
    }

    /// Where it answers, if it is served.
    pub(super) async fn address(&self) -> Option<SocketAddr> {
        let reached = self.reached.lock().await;
        reached.as_ref().map(|reached| reached.embedded.address)
    }

    /// Finishes what is under way and lets go of the store.
    pub(super) async fn close(&self) {
        if let Some(reached) = self.reached.lock().await.take() {
            reached.embedded.close().await.ok();
        }
    }
}

/// How often and after what pause it is tried again while somebody has the store and has not said where it answers: those
/// who look have it for a moment, and who has just begun to serve it needs one.
pub(super) const TRIES: usize = 20;
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// What the store holds. Where there is none, none is made.
fn read(folder: &Path) -> Result<Rows, StoreError> {
    let store = Store::look(folder)?;
    store.map_or_else(|| Ok(Rows::default()), |store| read_all(&store))
}

fn read_all(store: &Store) -> Result<Rows, StoreError> {
    let mut rows = Rows::default();
    store.each("", |row| {
        rows.add(serde_json::from_str(row.record.get())?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(rows)
}

/// The rows a server has for a filter.
pub(super) async fn query(wire: &Wire, filter: &Value) -> Result<Rows, RegistryError> {
    match wire.send(Request::Query(filter)).await? {
        Answer::Rows(rows) => Ok(rows),
        // No query is understood so; an empty list here would pass for absence.
        Answer::Done | Answer::Absent | Answer::Taken | Answer::Stale => Err(wire.no_list()),
    }
}
