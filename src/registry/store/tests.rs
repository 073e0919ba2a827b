use std::fs;

use serde_json::json;

use super::*;

const RECORDS_MADE: usize = 60;

fn filled(folder: &Path) -> PathBuf {
    let store = Store::open(folder).unwrap();
    for number in 0..RECORDS_MADE {
        let Value::Object(record) = json!({"name": "x".repeat(300), "number": number}) else {
            panic!("no object")
        };
        store.create(&format!("id{number}"), record).unwrap();
    }
    folder.join(file::NAME)
}

/// What a store that may be damaged is taken for: as it was, or not at all.
fn is_refused(folder: &Path, path: &Path) -> bool {
    match Store::open(folder) {
        Ok(store) => {
            assert_eq!(store.count().unwrap(), RECORDS_MADE);
            false
        }
        Err(error) => {
            let text = error.to_string();
            assert!(matches!(error, StoreError::Unsound { .. }), "{error:?}");
            assert!(text.contains(&path.display().to_string()), "{text}");
            assert!(text.contains("registry reset"), "{text}");
            true
        }
    }
}

#[test]
fn a_store_that_was_cut_off_is_refused_and_never_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(4096 * 3 + 1) {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(is_refused(folder.path(), &path), "{length}");
    }
    fs::write(&path, whole).unwrap();
    assert!(
        !is_refused(folder.path(), &path),
        "a copy put back is taken"
    );
}

#[test]
fn a_changed_byte_is_found_before_a_record_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    for at in (0..320).step_by(7).chain((320..whole.len()).step_by(4999)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(&path, bytes).unwrap();
        refused += usize::from(is_refused(folder.path(), &path));
    }
    assert!(refused > 20, "{refused}: free space only was hit");
}

#[test]
fn a_store_that_is_gone_is_not_begun_anew_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Store::look(folder.path()).unwrap().is_none());
    let path = filled(folder.path());
    fs::remove_file(&path).unwrap();
    for _ in 0..2 {
        let opened = Store::open(folder.path());
        assert!(matches!(opened, Err(StoreError::Gone { .. })));
        let looked = Store::look(folder.path());
        assert!(matches!(looked, Err(StoreError::Gone { .. })));
    }
    assert_eq!(Store::set_aside(folder.path()).unwrap(), None);
    assert!(Store::look(folder.path()).unwrap().is_none());
    assert_eq!(Store::open(folder.path()).unwrap().count().unwrap(), 0);
}

#[test]
fn what_is_set_aside_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    for number in ["1", "2"] {
        fs::write(&path, number).unwrap();
        let aside = Store::set_aside(folder.path()).unwrap().unwrap();
        assert_eq!(aside, folder.path().join(format!("registry.redb.{number}")));
        assert_eq!(fs::read_to_string(aside).unwrap(), number);
        assert_eq!(Store::open(folder.path()).unwrap().count().unwrap(), 0);
    }
}

#[test]
fn a_record_that_nobody_can_read_can_be_removed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let store = Store::open(folder.path()).unwrap();
    let writing = store.database.begin_write().unwrap();
    let mut table = writing.open_table(RECORDS).unwrap();
    drop(table.insert("id7", b"{".as_slice()).unwrap());
    drop(table);
    writing.commit().unwrap();

    let damaged = |result: Result<Change, StoreError>| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("id7"), "{error}");
    };
    damaged(store.count().map(|_| Change::Absent));
    damaged(store.change("id7", None, |_| {}));
    damaged(store.remove("id7", Some(3)));
    assert!(matches!(store.remove("id7", None), Ok(Change::Done(_))));
    assert_eq!(store.count().unwrap(), RECORDS_MADE - 1);
}

#[test]
fn what_could_not_be_told_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let record = |bytes: usize| {
        let mut record = Map::new();
        record.insert("x".to_owned(), Value::from("x".repeat(bytes)));
        record
    };
    let is_too_large = |result: Result<Option<u64>, StoreError>| {
        matches!(result, Err(StoreError::TooLarge { .. }))
    };
    assert!(is_too_large(store.create("a", record(1 << 20))));
    for number in 0..31 {
        let made = store.create(&format!("r{number:02}"), record((1 << 20) - 100));
        assert!(made.unwrap().is_some());
    }
    assert!(store.create("b", record(4000)).unwrap().is_some());
    assert!(is_too_large(store.create("c", record((1 << 20) - 100))));
    // It is known without being counted, and after a restart.
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert!(is_too_large(store.create("c", record((1 << 20) - 100))));
    store.remove("r00", None).unwrap();
    assert!(
        store
            .create("c", record((1 << 20) - 100))
            .unwrap()
            .is_some()
    );
    let smaller = store.change("c", None, |record| {
        record.insert("x".to_owned(), Value::Null);
    });
    assert!(matches!(smaller.unwrap(), Change::Done(_)));
    assert_eq!(store.count().unwrap(), 32);
}

#[test]
fn each_write_makes_another_state() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let first = store.state();
    assert_eq!(store.state(), first);
    store.create("a", Map::new()).unwrap();
    let second = store.state();
    assert_ne!(second, first);
    store.remove("a", None).unwrap();
    assert!(![first, second].contains(&store.state()));
    drop(store);
    let again = Store::open(folder.path()).unwrap().state();
    assert!(![first, second].contains(&again));
}
