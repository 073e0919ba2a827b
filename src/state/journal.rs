//! What was begun and what came of it, in lines that are synced before and after each effect. Each line names the
//! SHA-256 of the one before, so that a change in the middle shows.

mod deed;
mod entry;
mod error;
mod file;
mod memory;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::id::{Digest, ExchangeId};

pub use deed::{Deed, deeds};
pub use entry::{Entry, Line, Phase};
pub use error::JournalError;
pub use memory::{Installed, Memory, Open, Refused, SET_STATE};

use memory::Memories;

/// Longest file; a new one begins with everything that must not be forgotten.
const LONGEST: u64 = 8 << 20;

/// How long files are kept.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// The journal of a state folder. Its owner holds the folder's lock.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    longest: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    number: u32,
    length: u64,
    seq: u64,
    prev: Digest,
    memories: Memories,
}

impl Journal {
    /// Opens the journal in `folder`: cuts a torn last line, checks the chain of the newest file.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        Self::open_with(folder, LONGEST)
    }

    fn open_with(folder: &Path, longest: u64) -> Result<Self, JournalError> {
        file::sweep(folder, KEPT)?;
        let newest = file::numbers(folder)?.pop();
        let mut memories = Memories::default();
        let (mut seq, mut prev, mut length) = (0, entry::beginning(), 0);
        if let Some(number) = newest {
            let path = file::path(folder, number);
            length = file::mend(&path)?;
            for (entry, hash) in file::read(&path)? {
                memories.take(&entry);
                seq = entry.seq;
                prev = hash;
            }
        }
        let number = newest.unwrap_or(1);
        let inner = Inner {
            file: file::append_to(&file::path(folder, number))?,
            number,
            length,
            seq,
            prev,
            memories,
        };
        let journal = Self {
            folder: folder.to_owned(),
            longest,
            inner: Mutex::new(inner),
        };
        if length == 0 {
            let mut inner = journal.inner();
            inner.remember(&journal.folder)?;
            drop(inner);
        }
        Ok(journal)
    }

    /// Writes a line and waits until it is on the disk.
    pub fn append(&self, line: Line) -> Result<u64, JournalError> {
        let mut inner = self.inner();
        if inner.length >= self.longest {
            inner.number += 1;
            let path = file::path(&self.folder, inner.number);
            inner.file = file::append_to(&path)?;
            inner.length = 0;
            inner.remember(&self.folder)?;
            file::sweep(&self.folder, KEPT)?;
        }
        inner.write(&self.folder, line)
    }

    /// What is known of an exchange.
    pub fn memory(&self, id: &ExchangeId) -> Memory {
        self.inner().memories.get(id)
    }

    /// The last install of an exchange, if it is still there.
    pub fn installed(&self, id: &ExchangeId) -> Option<Installed> {
        self.memory(id).installed
    }

    /// What was begun and has no outcome: phase `unknown`, reason `Interrupted`, until its cluster was observed.
    pub fn open_intents(&self) -> BTreeMap<ExchangeId, Open> {
        self.inner().memories.each(|memory| memory.open.clone())
    }

    /// Exchanges whose release this host acted on.
    pub fn journalled(&self) -> BTreeSet<ExchangeId> {
        let all = self
            .inner()
            .memories
            .each(|memory| memory.acted.then_some(()));
        all.into_keys().collect()
    }

    /// What was refused and is not tried again by itself.
    pub fn refusals(&self) -> BTreeMap<ExchangeId, Refused> {
        self.inner().memories.each(|memory| memory.refused.clone())
    }

    /// Every line of the files kept, oldest first; a break of the chain is an error.
    pub fn entries(folder: &Path) -> Result<Vec<Entry>, JournalError> {
        match Self::look(folder)? {
            (all, None) => Ok(all),
            (_, Some(broken)) => Err(broken),
        }
    }

    /// Every line of the files kept, oldest first, up to where the chain is broken, if it is.
    pub fn look(folder: &Path) -> Result<(Vec<Entry>, Option<JournalError>), JournalError> {
        let mut all = Vec::new();
        if !folder.exists() {
            return Ok((all, None));
        }
        let mut prev: Option<Digest> = None;
        for number in file::numbers(folder)? {
            let path = file::path(folder, number);
            let (lines, broken) = file::look(&path)?;
            for (entry, hash) in lines {
                if prev.is_some_and(|prev| prev != entry.prev) {
                    let seq = entry.seq;
                    return Ok((all, Some(JournalError::Chain { path, seq })));
                }
                prev = Some(hash);
                all.push(entry);
            }
            if broken.is_some() {
                return Ok((all, broken));
            }
        }
        Ok((all, None))
    }

    /// What the lines say of each exchange, for those who only look.
    pub fn memories(entries: &[Entry]) -> BTreeMap<ExchangeId, Memory> {
        let mut memories = Memories::default();
        for entry in entries {
            memories.take(entry);
        }
        memories.each(|memory| Some(memory.clone()))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves at worst a torn line, which the next open cuts.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The `state` line that begins each file.
    fn remember(&mut self, folder: &Path) -> Result<(), JournalError> {
        let line = Line {
            pass: 0,
            commit: None,
            id: None,
            step: memory::STATE.to_owned(),
            phase: Phase::Done,
            detail: json!(self.memories),
        };
        self.write(folder, line).map(|_| ())
    }

    fn write(&mut self, folder: &Path, line: Line) -> Result<u64, JournalError> {
        let path = || file::path(folder, self.number);
        let entry = Entry {
            seq: self.seq + 1,
            prev: self.prev.clone(),
            time: Timestamp::now(),
            pass: line.pass,
            commit: line.commit,
            id: line.id,
            step: line.step,
            phase: line.phase,
            detail: line.detail,
        };
        let mut text = serde_json::to_vec(&entry).map_err(|source| JournalError::Line {
            path: path(),
            number: self.seq,
            source,
        })?;
        let hash = Digest::of(&text);
        text.push(b'\n');
        let written = self
            .file
            .write_all(&text)
            .and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            // A half line would make everything behind it unreadable.
            self.file.set_len(self.length).ok();
            return Err(JournalError::File {
                path: path(),
                source,
            });
        }
        self.length += text.len() as u64;
        self.seq = entry.seq;
        self.prev = hash;
        self.memories.take(&entry);
        Ok(entry.seq)
    }
}

#[cfg(test)]
mod tests;
