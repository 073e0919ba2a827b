//! The file of the store: made whole, and refused when it is no longer what was made. An empty store says that nobody is
//! registered, so one that lost its records must never be opened as if it never had any.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Builder, Database, ReadableDatabase as _};

use super::{COUNTERS, RECORDS, StoreError};

pub(super) const NAME: &str = "registry.redb";
/// The database's default of 1 GiB is for other data than a few thousand short records.
const CACHE: usize = 2 << 20;

/// Makes an empty store under its name, at once: a crash leaves none or a whole one.
pub(super) fn make(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(NAME);
    let failed = |source| StoreError::File {
        path: path.clone(),
        source,
    };
    let file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(failed)?;
    let database = builder().create_file(file.reopen().map_err(failed)?)?;
    // The database goes back to the commit before one that is not whole: that one is to have the tables, too.
    for _ in 0..2 {
        let transaction = database.begin_write()?;
        transaction.open_table(RECORDS)?;
        transaction.open_table(COUNTERS)?.insert("format", 1)?;
        transaction.commit()?;
    }
    drop(database);
    file.as_file().sync_all().map_err(failed)?;
    let kept = file.persist_noclobber(&path);
    kept.map_err(|error| failed(error.error))?;
    let named = fs::File::open(folder).and_then(|folder| folder.sync_all());
    named.map_err(failed)
}

/// Opens a store that was made. Everything in it is read against its checksums: the database itself looks only when it
/// was not closed, and stops the program over some damage.
pub(super) fn open(folder: &Path) -> Result<Database, StoreError> {
    let path = folder.join(NAME);
    let damaged = |text: String| StoreError::Unsound {
        path: path.clone(),
        text,
    };
    match catch_unwind(AssertUnwindSafe(|| checked(&path))) {
        Ok(Ok(Some(database))) => Ok(database),
        Ok(Ok(None)) => Err(damaged("its checksums are wrong".to_owned())),
        Ok(Err(redb::Error::Io(source))) if source.kind() != io::ErrorKind::InvalidData => {
            Err(StoreError::File { path, source })
        }
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(_) => Err(damaged("its structure is wrong".to_owned())),
    }
}

/// None when it is not as it was written.
fn checked(path: &Path) -> Result<Option<Database>, redb::Error> {
    let mut database = builder().open(path)?;
    let sound = database.check_integrity()?;
    let transaction = database.begin_read()?;
    transaction.open_table(RECORDS)?;
    transaction.open_table(COUNTERS)?;
    Ok(sound.then_some(database))
}

/// Moves a store out of the way, under a name that is free; where it is now.
pub(super) fn set_aside(folder: &Path) -> Result<PathBuf, StoreError> {
    let path = folder.join(NAME);
    let mut number = 1;
    let free = loop {
        let name = folder.join(format!("{NAME}.{number}"));
        if !name.exists() {
            break name;
        }
        number += 1;
    };
    match fs::rename(&path, &free) {
        Ok(()) => Ok(free),
        Err(source) => Err(StoreError::File { path, source }),
    }
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    builder
}
