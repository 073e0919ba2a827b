//! What a sink has still to be told: the journal behind a cursor, which is kept in the state folder.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Event, Origin, event_of};
use crate::file;
use crate::state::journal::{Cursor, Journal, JournalError, Passage, Reading, Written};
use crate::state::{State, StateError, io};

/// Bytes of the journal looked at at once.
const CHUNK: u64 = 256 << 10;

/// The outbox of one sink. Its calls wait for the disk.
#[derive(Debug)]
pub struct Outbox {
    path: PathBuf,
    journal: PathBuf,
    kept: Kept,
}

/// What the file holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    cursor: Cursor,
    dropped: u64,
}

/// Events that wait, in order.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Each with the place behind it.
    pub events: Vec<(Event, Cursor)>,
    /// Behind everything that was looked at, the lines that tell nothing included.
    pub behind: Option<Cursor>,
}

impl Outbox {
    /// Opens the outbox of the sink called `name`. A new one begins at the end of the journal: what was done before anybody
    /// wanted to be told is no news. That place is kept at once, so that everything from now on is told.
    pub fn open(state: &State, name: &str, journal: &Journal) -> Result<Self, StateError> {
        let path = state.private("outbox")?.join(format!("{name}.json"));
        let kept = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| StateError::Damaged {
                path: path.clone(),
                text: format!("{error}; move it away, and events are told from now on"),
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => Kept {
                cursor: journal.end(),
                dropped: 0,
            },
            Err(error) => return Err(io("read", &path)(error)),
        };
        let outbox = Self {
            path,
            journal: journal.folder(),
            kept,
        };
        outbox.keep()?;
        Ok(outbox)
    }

    /// How many events were dropped since the outbox was made.
    pub fn dropped(&self) -> u64 {
        self.kept.dropped
    }

    /// Bytes of the journal that were not looked at yet.
    pub fn backlog(&self, written: Written) -> Result<u64, JournalError> {
        self.kept.cursor.behind(&self.journal, written)
    }

    /// The next events.
    pub fn next(&mut self, written: Written, origin: &Origin) -> Result<Waiting, JournalError> {
        let reading = self.kept.cursor.read(&self.journal, written, CHUNK)?;
        self.count_lost(&reading);
        let behind = reading.passages.last().map(|last| last.behind.clone());
        let told = reading.passages.into_iter();
        let events = told.filter_map(
            |Passage {
                 entry,
                 hash,
                 behind,
                 ..
             }| { Some((event_of(&entry, &hash, origin)?, behind)) },
        );
        Ok(Waiting {
            events: events.collect(),
            behind,
        })
    }

    /// Drops the oldest events until no more than about `most` bytes of the journal are left; how many that were.
    pub fn bound(
        &mut self,
        most: u64,
        written: Written,
        origin: &Origin,
    ) -> Result<u64, JournalError> {
        let before = self.kept.dropped;
        while self.backlog(written)? > most {
            let waiting = self.next(written, origin)?;
            let Some(behind) = waiting.behind else { break };
            self.kept.dropped += waiting.events.len() as u64;
            self.kept.cursor = behind;
        }
        Ok(self.kept.dropped - before)
    }

    /// Everything up to there was taken.
    pub fn advance(&mut self, behind: Cursor) {
        self.kept.cursor = behind;
    }

    /// Writes down how far the sink was told. What was told and not written down is sent again, with the same id.
    pub fn keep(&self) -> Result<(), StateError> {
        let bytes = serde_json::to_vec(&self.kept).map_err(|error| StateError::Damaged {
            path: self.path.clone(),
            text: error.to_string(),
        })?;
        file::replace(&self.path, &bytes, 0o600).map_err(io("write", &self.path))
    }

    fn count_lost(&mut self, reading: &Reading) {
        if reading.anew {
            tracing::warn!(
                "the journal was begun anew: events of the old one that were not sent are lost"
            );
        }
        if reading.lost > 0 {
            let lines = reading.lost;
            tracing::warn!(
                lines,
                "the journal lost lines before their events were sent"
            );
            self.kept.dropped += lines;
            if let Some(first) = reading.passages.first() {
                // So that they are counted once.
                self.kept.cursor = first.before.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests;
