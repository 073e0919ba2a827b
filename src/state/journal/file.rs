//! The files of the journal: `NNNNNN.jsonl`.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::memory::STATE;
use super::{Entry, JournalError};
use crate::id::Digest;

/// A line with the hash that the next one names.
pub(super) type Hashed = (Entry, Digest);

pub(super) fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:06}.jsonl"))
}

/// The numbers of the files there are, in order.
pub(super) fn numbers(folder: &Path) -> Result<Vec<u32>, JournalError> {
    let failed = |source| JournalError::file(folder, source);
    fs::create_dir_all(folder).map_err(failed)?;
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number: Option<u32> = name
            .to_str()
            .and_then(|name| name.strip_suffix(".jsonl")?.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Opens a file to be appended to; its name is made durable, too.
pub(super) fn append_to(path: &Path) -> Result<File, JournalError> {
    let failed = |source| JournalError::file(path, source);
    let file = File::options()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)?;
    Ok(file)
}

/// Cuts what a crash left behind the last line end; the length that remains.
pub(super) fn mend(path: &Path) -> Result<u64, JournalError> {
    let failed = |source| JournalError::file(path, source);
    let bytes = fs::read(path).map_err(failed)?;
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    if whole < bytes.len() {
        let file = File::options().write(true).open(path).map_err(failed)?;
        file.set_len(whole as u64).map_err(failed)?;
        file.sync_all().map_err(failed)?;
    }
    Ok(whole as u64)
}

/// Every line since the newest `state` line that begins a file. A file that was begun without one, because the disk was
/// full or the power went, stands on the files before it.
pub(super) fn since_state(folder: &Path, numbers: &[u32]) -> Result<Vec<Hashed>, JournalError> {
    let mut lines: Vec<Hashed> = Vec::new();
    for number in numbers.iter().rev() {
        let path = path(folder, *number);
        let mut earlier = read(&path)?;
        if let (Some((_, hash)), Some((next, _))) = (earlier.last(), lines.first())
            && next.prev != *hash
        {
            let seq = next.seq;
            return Err(JournalError::Chain { path, seq });
        }
        earlier.append(&mut lines);
        lines = earlier;
        if lines.first().is_some_and(|(first, _)| first.step == STATE) {
            return Ok(lines);
        }
    }
    match lines.first() {
        // What stood before it is gone, and nobody knows what it was.
        Some((first, _)) => Err(JournalError::Beginning {
            path: folder.to_owned(),
            seq: first.seq,
        }),
        None => Ok(lines),
    }
}

/// The lines of a file, each with its hash; a torn last one is passed over.
pub(super) fn read(path: &Path) -> Result<Vec<Hashed>, JournalError> {
    match look(path)? {
        (entries, None) => Ok(entries),
        (_, Some(broken)) => Err(broken),
    }
}

/// The same, up to the line that does not fit, if one does not.
pub(super) fn look(path: &Path) -> Result<(Vec<Hashed>, Option<JournalError>), JournalError> {
    let bytes = fs::read(path).map_err(|source| JournalError::file(path, source))?;
    let mut entries: Vec<Hashed> = Vec::new();
    for (number, line) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let Some(line) = line.strip_suffix(b"\n") else {
            break;
        };
        let entry: Entry = match serde_json::from_slice(line) {
            Ok(entry) => entry,
            Err(source) => {
                let path = path.to_owned();
                let broken = JournalError::Line {
                    path,
                    number,
                    source,
                };
                return Ok((entries, Some(broken)));
            }
        };
        let fits = entries
            .last()
            .is_none_or(|(last, hash)| entry.prev == *hash && entry.seq == last.seq + 1);
        if !fits {
            let path = path.to_owned();
            let seq = entry.seq;
            return Ok((entries, Some(JournalError::Chain { path, seq })));
        }
        entries.push((entry, Digest::of(line)));
    }
    Ok((entries, None))
}

/// Removes files nobody wrote to for `kept`, never the newest.
pub(super) fn sweep(folder: &Path, kept: Duration) -> Result<(), JournalError> {
    let mut numbers = numbers(folder)?;
    numbers.pop();
    for number in numbers {
        let path = path(folder, number);
        let failed = |source| JournalError::file(&path, source);
        let written = path.metadata().and_then(|data| data.modified());
        let age = SystemTime::now().duration_since(written.map_err(failed)?);
        if age.is_ok_and(|age| age > kept) {
            fs::remove_file(&path).map_err(failed)?;
        }
    }
    Ok(())
}
