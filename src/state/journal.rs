//! What was begun and what came of it, in lines that are synced before and after each effect. Each line names the
//! SHA-256 of the one before, so that a change in the middle shows.

mod cursor;
mod deed;
mod ended;
mod entry;
mod error;
mod file;
mod memory;
mod noticed;
mod said;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::id::{Digest, ExchangeId};

pub use cursor::{Cursor, Passage, Reading, Written};
pub use deed::{Deed, deeds};
pub use ended::{Ended, HeldBack};
pub use entry::{Entry, Line, Phase};
pub use error::JournalError;
pub use memory::{AGAIN, CALM, Installed, Memories, Memory, Open, Refused, SET_STATE};
pub use noticed::{Aspect, Notice, Noticed, Place};
pub use said::{Said, Subject, Verb};

/// Longest file; a new one begins with everything that must not be forgotten.
const LONGEST: u64 = 8 << 20;

/// How long files are kept.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// The journal of a state folder. Its owner holds the folder's lock.
#[derive(Debug)]
pub struct Journal {
    writer: Mutex<Writer>,
    /// Apart from the writer: who only asks does not wait for the disk.
    known: Mutex<Known>,
    /// Told after what is known, so that whoever reads on finds it known.
    written: watch::Sender<Written>,
}

/// What all the lines say together.
#[derive(Debug, Default)]
struct Known {
    memories: Memories,
    noticed: Noticed,
}

#[derive(Debug)]
struct Writer {
    folder: PathBuf,
    longest: u64,
    /// How long the newest file was when it began with what was known: that of thousands is longer than a file may grow.
    begun: u64,
    file: File,
    number: u32,
    length: u64,
    /// Behind that is what could neither be written whole nor cut.
    torn: bool,
    end: End,
}

/// The last line, and who writes the next.
#[derive(Debug, Clone)]
struct End {
    seq: u64,
    hash: Digest,
    actor: String,
    /// The next line is the first of this process.
    begins: bool,
}

impl Journal {
    /// Opens the journal in `folder`: cuts a torn last line, checks the chain of what has to be read. Lines are written in
    /// the name of `actor`.
    pub fn open(folder: &Path, actor: &str) -> Result<Self, JournalError> {
        Self::open_with(folder, actor, LONGEST)
    }

    fn open_with(folder: &Path, actor: &str, longest: u64) -> Result<Self, JournalError> {
        file::sweep(folder, KEPT)?;
        let numbers = file::numbers(folder)?;
        let newest = numbers.last().copied();
        let mut length = match newest {
            Some(number) => file::mend(&file::path(folder, number))?,
            None => 0,
        };
        let mut known = Known::default();
        let mut end = End {
            seq: 0,
            hash: entry::beginning(),
            actor: actor.to_owned(),
            begins: true,
        };
        for (entry, hash) in file::since_state(folder, &numbers)? {
            known.take(&entry);
            end = End {
                seq: entry.seq,
                hash,
                ..end
            };
        }
        let number = newest.unwrap_or(1);
        let mut begun = 0;
        if length == 0 {
            (length, end) = begin(folder, number, &known, &end)?;
            begun = length;
        }
        let writer = Writer {
            folder: folder.to_owned(),
            longest,
            begun,
            file: file::append_to(&file::path(folder, number))?,
            number,
            length,
            torn: false,
            end,
        };
        Ok(Self {
            written: watch::Sender::new(writer.written()),
            writer: Mutex::new(writer),
            known: Mutex::new(known),
        })
    }

    /// Writes a line and waits until it is on the disk.
    pub fn append(&self, line: Line) -> Result<u64, JournalError> {
        self.append_all(vec![line])
    }

    /// Writes lines and waits until all of them are on the disk; the number of the last.
    pub fn append_all(&self, lines: Vec<Line>) -> Result<u64, JournalError> {
        let mut writer = self.writer();
        writer.cut()?;
        if writer.length >= writer.begun.saturating_add(writer.longest) {
            writer.turn_over(&self.known())?;
            file::sweep(&writer.folder, KEPT)?;
        }
        let entries = writer.write(lines)?;
        // Before the next line is written, so that they are taken in order.
        let mut known = self.known();
        for entry in &entries {
            known.take(entry);
        }
        drop(known);
        self.written.send_replace(writer.written());
        Ok(writer.end.seq)
    }

    /// How far it is on the disk, now and whenever it grows.
    pub fn written(&self) -> watch::Receiver<Written> {
        self.written.subscribe()
    }

    /// Behind the last line.
    pub fn end(&self) -> Cursor {
        let writer = self.writer();
        Cursor::at(writer.written(), writer.end.hash.clone())
    }

    /// What was noticed and is not over.
    pub fn noticed(&self) -> Noticed {
        self.known().noticed.clone()
    }

    /// Where its files are.
    pub fn folder(&self) -> PathBuf {
        self.writer().folder.clone()
    }

    /// What is known of an exchange.
    pub fn memory(&self, id: &ExchangeId) -> Memory {
        self.known().memories.get(id)
    }

    /// What follows from what is known of all exchanges, at one moment.
    pub fn known_of_all<T>(&self, of: impl FnOnce(&Memories) -> T) -> T {
        of(&self.known().memories)
    }

    /// What was refused and is not tried again by itself.
    pub fn refusals(&self) -> BTreeMap<ExchangeId, Refused> {
        self.known().memories.each(|memory| memory.refused.clone())
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
    pub fn memories(entries: &[Entry]) -> Memories {
        let mut memories = Memories::default();
        for entry in entries {
            memories.take(entry);
        }
        memories
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic elsewhere leaves at worst a torn line, which the next open cuts.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn take(&mut self, entry: &Entry) {
        self.memories.take(entry);
        self.noticed.take(entry);
    }
}

impl Writer {
    /// Goes on in a new file. Until that is whole under its name, the one before stays the one written to.
    fn turn_over(&mut self, known: &Known) -> Result<(), JournalError> {
        let number = self.number + 1;
        let (length, end) = begin(&self.folder, number, known, &self.end)?;
        self.file = file::append_to(&file::path(&self.folder, number))?;
        (self.number, self.length, self.end) = (number, length, end);
        self.begun = length;
        Ok(())
    }

    /// A half line would make everything behind it unreadable: nothing is written before it is gone.
    fn cut(&mut self) -> Result<(), JournalError> {
        if self.torn {
            let cut = self.file.set_len(self.length);
            cut.map_err(|source| JournalError::File {
                path: file::path(&self.folder, self.number),
                source,
            })?;
            self.torn = false;
        }
        Ok(())
    }

    /// All of them, or none.
    fn write(&mut self, lines: Vec<Line>) -> Result<Vec<Entry>, JournalError> {
        let path = file::path(&self.folder, self.number);
        let (entries, text, end) = self.end.follow(lines, &path)?;
        let written = self
            .file
            .write_all(&text)
            .and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            self.torn = true;
            self.cut().ok();
            return Err(JournalError::File { path, source });
        }
        self.length += text.len() as u64;
        self.end = end;
        Ok(entries)
    }

    fn written(&self) -> Written {
        Written {
            file: self.number,
            length: self.length,
            seq: self.end.seq,
        }
    }
}

impl End {
    /// The lines after this one, and how they stand in the file.
    fn follow(
        &self,
        lines: Vec<Line>,
        path: &Path,
    ) -> Result<(Vec<Entry>, Vec<u8>, Self), JournalError> {
        let (mut entries, mut text, mut end) = (Vec::new(), Vec::new(), self.clone());
        for line in lines {
            let (entry, line, next) = end.next(line, path)?;
            entries.push(entry);
            text.extend(line);
            end = next;
        }
        Ok((entries, text, end))
    }

    /// The line after this one, and how it stands in the file.
    fn next(&self, line: Line, path: &Path) -> Result<(Entry, Vec<u8>, Self), JournalError> {
        let entry = Entry {
            seq: self.seq + 1,
            prev: self.hash.clone(),
            time: Timestamp::now(),
            actor: Some(self.actor.clone()),
            begins: self.begins,
            pass: line.pass,
            commit: line.commit,
            id: line.id,
            step: line.step,
            phase: line.phase,
            detail: line.detail,
        };
        let mut text = serde_json::to_vec(&entry).map_err(|source| JournalError::Line {
            path: path.to_owned(),
            number: self.seq,
            source,
        })?;
        let end = Self {
            seq: entry.seq,
            hash: Digest::of(&text),
            actor: self.actor.clone(),
            begins: false,
        };
        text.push(b'\n');
        Ok((entry, text, end))
    }
}

/// Makes a file with the lines that begin each, all at once; its length and its end.
fn begin(folder: &Path, number: u32, known: &Known, end: &End) -> Result<(u64, End), JournalError> {
    let path = file::path(folder, number);
    let line = |step: &str, detail: Value| Line {
        pass: 0,
        commit: None,
        id: None,
        step: step.to_owned(),
        phase: Phase::Done,
        detail,
    };
    let mut lines = vec![line(memory::STATE, json!(known.memories))];
    if known.noticed != Noticed::default() {
        lines.push(line(noticed::STANDING, json!(known.noticed)));
    }
    let (_, text, end) = end.follow(lines, &path)?;
    crate::file::replace(&path, &text, 0o600)
        .map_err(|source| JournalError::file(&path, source))?;
    Ok((text.len() as u64, end))
}

#[cfg(test)]
mod tests;
