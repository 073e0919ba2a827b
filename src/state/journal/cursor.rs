//! Reading on in the journal from where one was, while it is written.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Entry, JournalError, file};
use crate::id::Digest;

/// How far the journal is on the disk; what may stand behind it counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub(super) file: u32,
    pub(super) length: u64,
    pub(super) seq: u64,
}

/// Where a reader is: behind a line, or before the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    file: u32,
    offset: u64,
    /// Of the last line read; 0 before the first.
    pub seq: u64,
    /// Of the last line read.
    hash: Digest,
}

/// A line with its hash, and the places around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// The line.
    pub entry: Entry,
    /// What the next line names as the one before.
    pub hash: Digest,
    /// Where one is that is about to read it.
    pub before: Cursor,
    /// Where one is having read it.
    pub behind: Cursor,
}

/// What is there behind a cursor.
#[derive(Debug, Default)]
pub struct Reading {
    /// In order.
    pub passages: Vec<Passage>,
    /// How many lines between the cursor and the first of them are not there any more.
    pub lost: u64,
    /// The journal is another one than the cursor was made for; it is read from its beginning.
    pub anew: bool,
}

impl Cursor {
    pub(super) fn at(written: Written, hash: Digest) -> Self {
        Self {
            file: written.file,
            offset: written.length,
            seq: written.seq,
            hash,
        }
    }

    /// Before the very first line.
    fn beginning() -> Self {
        Self {
            file: 0,
            offset: 0,
            seq: 0,
            hash: super::entry::beginning(),
        }
    }

    /// The bytes of the journal behind it.
    pub fn behind(&self, folder: &Path, written: Written) -> Result<u64, JournalError> {
        let mut bytes = 0;
        for number in file::numbers(folder)? {
            if number < self.file || number > written.file {
                continue;
            }
            let length = if number == written.file {
                written.length
            } else {
                length(&file::path(folder, number))?.unwrap_or_default()
            };
            let read = if number == self.file { self.offset } else { 0 };
            bytes += length.saturating_sub(read);
        }
        Ok(bytes)
    }

    /// Reads on, up to about `most` bytes; nothing when there is nothing yet.
    pub fn read(
        &self,
        folder: &Path,
        written: Written,
        most: u64,
    ) -> Result<Reading, JournalError> {
        if let Some(reading) = self.read_on(folder, written, most)? {
            return Ok(reading);
        }
        let whole = Self::beginning().read_on(folder, written, most)?;
        Ok(Reading {
            anew: true,
            ..whole.unwrap_or_default()
        })
    }

    /// Nothing when the journal is another one.
    fn read_on(
        &self,
        folder: &Path,
        written: Written,
        most: u64,
    ) -> Result<Option<Reading>, JournalError> {
        let mut reading = Reading::default();
        let mut cursor = self.clone();
        if self.seq > written.seq {
            return Ok(None);
        }
        let mut taken = 0;
        for number in file::numbers(folder)? {
            if number < self.file || number > written.file || taken >= most {
                continue;
            }
            let path = file::path(folder, number);
            let same = number == self.file;
            let offset = if same { self.offset } else { 0 };
            let end = if number == written.file {
                Some(written.length)
            } else {
                length(&path)?
            };
            // Swept away meanwhile.
            let Some(end) = end else { continue };
            if offset > end {
                return Ok(None);
            }
            for (line, behind) in lines(&path, offset, end, most - taken)? {
                taken += line.len() as u64;
                let first = reading.passages.is_empty();
                let entry: Entry = match serde_json::from_slice(&line) {
                    Ok(entry) => entry,
                    Err(_) if first && same => return Ok(None),
                    Err(source) => {
                        let number = cursor.seq + 1;
                        return Err(JournalError::Line {
                            path,
                            number,
                            source,
                        });
                    }
                };
                if entry.prev != cursor.hash {
                    // Only a file that was swept away leaves a gap.
                    let gap = entry.seq.saturating_sub(cursor.seq + 1);
                    if first && (same || entry.seq <= cursor.seq) {
                        return Ok(None);
                    }
                    if !first || gap == 0 {
                        let seq = entry.seq;
                        return Err(JournalError::Chain { path, seq });
                    }
                    reading.lost = gap;
                }
                let hash = Digest::of(&line);
                let before = Self {
                    file: number,
                    offset: behind - line.len() as u64 - 1,
                    seq: entry.seq - 1,
                    hash: entry.prev.clone(),
                };
                cursor = Self {
                    file: number,
                    offset: behind,
                    seq: entry.seq,
                    hash: hash.clone(),
                };
                let behind = cursor.clone();
                reading.passages.push(Passage {
                    entry,
                    hash,
                    before,
                    behind,
                });
            }
        }
        Ok(Some(reading))
    }
}

/// Of a file; none when it is not there.
fn length(path: &Path) -> Result<Option<u64>, JournalError> {
    match path.metadata() {
        Ok(data) => Ok(Some(data.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(JournalError::file(path, error)),
    }
}

/// Lines from `offset`, without their ends, each with the offset behind it; as many as fit, but at least one.
fn lines(
    path: &Path,
    offset: u64,
    end: u64,
    most: u64,
) -> Result<Vec<(Vec<u8>, u64)>, JournalError> {
    let failed = |source| JournalError::file(path, source);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    file.seek(SeekFrom::Start(offset)).map_err(failed)?;
    let mut reader = BufReader::new(file.take(end.saturating_sub(offset)));
    let mut lines = Vec::new();
    let mut at = offset;
    while at.saturating_sub(offset) < most {
        let mut line = Vec::new();
        let length = reader.read_until(b'\n', &mut line).map_err(failed)?;
        if line.pop() != Some(b'\n') {
            break;
        }
        at += length as u64;
        lines.push((line, at));
    }
    Ok(lines)
}
