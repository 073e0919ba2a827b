//! The embedded store: one record per key, each with the number of its last change.

mod file;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::lock::{Lock, address_of, has_opened};

const RECORDS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("records");
const COUNTERS: TableDefinition<'static, &str, u64> = TableDefinition::new("counters");

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("another process serves the registry of {}{}", path.display(), at(*address))]
    Held {
        /// The state folder.
        path: PathBuf,
        /// Where to ask instead, if it is known.
        address: Option<SocketAddr>,
    },
    /// A file cannot be opened or written.
    #[error("{} cannot be opened", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what was written; every record counts as unread until a person decides.
    #[error(
        "{} is damaged ({text}), and what was registered cannot be read from it: put back a copy, or set it aside with `natsx-sync registry reset` to begin an empty registry",
        path.display()
    )]
    Unsound {
        /// The file.
        path: PathBuf,
        /// How.
        text: String,
    },
    /// There was a file and it is gone; every record counts as unread until a person decides.
    #[error(
        "{} is gone, and with it what was registered: put back a copy, or begin an empty registry with `natsx-sync registry reset`",
        path.display()
    )]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// The database refuses.
    #[error("the registry's database failed")]
    Database(#[source] Box<redb::Error>),
    /// A record, or all of them, would be too large to be told.
    #[error("the record {system_id} is not stored: {text}")]
    TooLarge {
        /// Its key.
        system_id: String,
        /// What is too large, and what the limit is.
        text: String,
    },
    /// A stored record is not what was written.
    #[error(
        "the stored record {system_id} is damaged: nothing is told while it is there; delete it, and it is made anew"
    )]
    Damaged {
        /// Its key.
        system_id: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
}

fn at(address: Option<SocketAddr>) -> String {
    address
        .map(|address| format!(" at {address}"))
        .unwrap_or_default()
}

macro_rules! from_database {
    ($($error:ident)*) => {$(
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        }
    )*};
}
from_database!(DatabaseError TransactionError TableError StorageError CommitError);

/// A stored record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Never given twice, so that a record removed and made anew is told from the old one.
    pub revision: u64,
    /// The six fields.
    pub record: Map<String, Value>,
}

/// A stored record as it is written: nearly all are passed on and not looked into.
#[derive(Debug, Deserialize)]
pub struct Row<'a> {
    /// As of [`Entry`].
    pub revision: u64,
    /// The six fields, as JSON.
    #[serde(borrow)]
    pub record: &'a RawValue,
}

/// What became of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Done; the record's revision now.
    Done(u64),
    /// No such record.
    Absent,
    /// The record has another revision than the one named.
    Stale,
}

/// The open store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    database: Arc<Database>,
    lock: Arc<Lock>,
    state: Arc<AtomicU64>,
    /// Bytes of all records.
    size: Arc<AtomicU64>,
}

/// Bytes of a record; one of ours has a few hundred.
const LARGEST: u64 = 1 << 20;
/// Bytes of all records: half of what a client takes for an answer, so that everything stored can be told.
const MOST: u64 = 32 << 20;

/// States of stores, of which no two have one number.
static STATES: AtomicU64 = AtomicU64::new(0);

fn next_state() -> u64 {
    STATES.fetch_add(1, Ordering::Relaxed)
}

impl Store {
    /// Opens the store of a state folder, or says who has it open.
    pub fn open(state_dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(state_dir).map_err(file_error(state_dir.to_owned()))?;
        let lock = taken(state_dir)?;
        let path = state_dir.join(file::NAME);
        if !path.exists() {
            if lock.has_opened() {
                return Err(StoreError::Gone { path });
            }
            file::make(state_dir)?;
        }
        let database = file::open(state_dir)?;
        let marked = lock.mark_opened();
        marked.map_err(file_error(state_dir.join("registry.lock")))?;
        let mut size = 0;
        for row in database.begin_read()?.open_table(RECORDS)?.iter()? {
            size += row?.1.value().len() as u64;
        }
        Ok(Self {
            database: Arc::new(database),
            lock: Arc::new(lock),
            state: Arc::new(AtomicU64::new(next_state())),
            size: Arc::new(AtomicU64::new(size)),
        })
    }

    /// The same for those who only look: where there never was a store, none is made.
    pub(super) fn look(state_dir: &Path) -> Result<Option<Self>, StoreError> {
        if state_dir.join(file::NAME).exists() || has_opened(state_dir) {
            Self::open(state_dir).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Sets the store of a state folder aside, so that the next one who opens it begins an empty one: for a person who
    /// gave its records up. Where it is now; none when there was no file.
    pub fn set_aside(state_dir: &Path) -> Result<Option<PathBuf>, StoreError> {
        let mut lock = taken(state_dir)?;
        let there = state_dir.join(file::NAME).exists();
        let aside = there.then(|| file::set_aside(state_dir)).transpose()?;
        let forgotten = lock.forget();
        forgotten.map_err(file_error(state_dir.join("registry.lock")))?;
        Ok(aside)
    }

    /// Tells other processes where to ask.
    pub fn announce(&self, address: SocketAddr) -> std::io::Result<()> {
        self.lock.announce(address)
    }

    /// A number that is another one after each write. What is read later is of this state or a newer one.
    pub(super) fn state(&self) -> u64 {
        self.state.load(Ordering::Acquire)
    }

    /// One record.
    pub fn get(&self, id: &str) -> Result<Option<Entry>, StoreError> {
        let table = self.database.begin_read()?.open_table(RECORDS)?;
        table
            .get(id)?
            .map(|bytes| decode(id, bytes.value()))
            .transpose()
    }

    /// How many records there are.
    pub fn count(&self) -> Result<usize, StoreError> {
        let mut count = 0;
        self.each("", |_| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }

    /// Shows every record after a key, in the order of the keys, until somebody has seen enough or cannot read one.
    pub fn each(
        &self,
        after: &str,
        mut show: impl FnMut(Row<'_>) -> serde_json::Result<ControlFlow<()>>,
    ) -> Result<(), StoreError> {
        let table = self.database.begin_read()?.open_table(RECORDS)?;
        for row in table.range(after..)? {
            let (key, bytes) = row?;
            if key.value() <= after {
                continue;
            }
            let shown = show(decode(key.value(), bytes.value())?);
            if shown.map_err(damaged(key.value()))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Makes a record; none when the key is taken.
    pub fn create(&self, id: &str, record: Map<String, Value>) -> Result<Option<u64>, StoreError> {
        self.write(id, |entry| match entry {
            Some(_) => Ok((None, Next::Keep)),
            None => Ok((Some(()), Next::Store(record))),
        })
        .map(|(made, revision)| made.map(|()| revision))
    }

    /// Changes a record, if it still has the revision named.
    pub fn change(
        &self,
        id: &str,
        expected: Option<u64>,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<Change, StoreError> {
        let (outcome, revision) = self.write(id, |entry| {
            let Some(entry) = entry.transpose()? else {
                return Ok((Change::Absent, Next::Keep));
            };
            if expected.is_some_and(|expected| expected != entry.revision) {
                return Ok((Change::Stale, Next::Keep));
            }
            let mut record = entry.record.clone();
            change(&mut record);
            if record == entry.record {
                return Ok((Change::Done(entry.revision), Next::Keep));
            }
            Ok((Change::Done(0), Next::Store(record)))
        })?;
        Ok(if outcome == Change::Done(0) {
            Change::Done(revision)
        } else {
            outcome
        })
    }

    /// Removes a record, if it still has the revision named; without one also a record that nobody can read any more.
    pub fn remove(&self, id: &str, expected: Option<u64>) -> Result<Change, StoreError> {
        let (outcome, _) = self.write(id, |entry| {
            let revision = match (entry, expected) {
                (None, _) => return Ok((Change::Absent, Next::Keep)),
                (Some(Err(_)), None) => 0,
                (Some(entry), _) => entry?.revision,
            };
            if expected.is_some_and(|expected| expected != revision) {
                return Ok((Change::Stale, Next::Keep));
            }
            Ok((Change::Done(revision), Next::Remove))
        })?;
        Ok(outcome)
    }

    /// Decides on one record and writes the decision, in one transaction; with the revision given if one was.
    fn write<T>(
        &self,
        id: &str,
        decide: impl FnOnce(Option<Result<Entry, StoreError>>) -> Result<(T, Next), StoreError>,
    ) -> Result<(T, u64), StoreError> {
        let transaction = self.database.begin_write()?;
        let mut table = transaction.open_table(RECORDS)?;
        let found = table.get(id)?;
        let before = found.as_ref().map_or(0, |bytes| bytes.value().len() as u64);
        let entry = found.map(|bytes| decode(id, bytes.value()));
        let mut size = self.size.load(Ordering::Acquire).saturating_sub(before);
        let (outcome, next) = decide(entry)?;
        let mut revision = 0;
        match next {
            Next::Keep => {
                drop(table);
                transaction.abort()?;
                return Ok((outcome, revision));
            }
            Next::Remove => drop(table.remove(id)?),
            Next::Store(record) => {
                let mut counters = transaction.open_table(COUNTERS)?;
                revision = counters.get("revision")?.map_or(0, |last| last.value()) + 1;
                counters.insert("revision", revision)?;
                let entry = Entry { revision, record };
                let bytes = serde_json::to_vec(&entry).map_err(|source| StoreError::Damaged {
                    system_id: id.to_owned(),
                    source,
                })?;
                let length = bytes.len() as u64;
                size += length;
                // What becomes smaller is always taken: that is how a store that is too large is mended.
                if length > before && (length > LARGEST || size > MOST) {
                    let (what, limit) = if length > LARGEST {
                        ("it would have", LARGEST)
                    } else {
                        ("all records together would have", MOST)
                    };
                    return Err(StoreError::TooLarge {
                        system_id: id.to_owned(),
                        text: format!("{what} more than {} MiB", limit >> 20),
                    });
                }
                table.insert(id, bytes.as_slice())?;
            }
        }
        drop(table);
        let committed = transaction.commit();
        // Also where it failed: what is in it then is not known.
        self.state.store(next_state(), Ordering::Release);
        committed?;
        self.size.store(size, Ordering::Release);
        Ok((outcome, revision))
    }
}

enum Next {
    Keep,
    Remove,
    Store(Map<String, Value>),
}

fn taken(state_dir: &Path) -> Result<Lock, StoreError> {
    let lock = Lock::take(state_dir).map_err(file_error(state_dir.join("registry.lock")))?;
    lock.ok_or_else(|| StoreError::Held {
        path: state_dir.to_owned(),
        address: address_of(state_dir),
    })
}

fn file_error(path: PathBuf) -> impl FnOnce(std::io::Error) -> StoreError {
    move |source| StoreError::File { path, source }
}

fn decode<'b, T: Deserialize<'b>>(id: &str, bytes: &'b [u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(damaged(id))
}

fn damaged(id: &str) -> impl Fn(serde_json::Error) -> StoreError {
    move |source| StoreError::Damaged {
        system_id: id.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
