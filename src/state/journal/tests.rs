mod deeds;

use super::*;
use crate::observe::observed::ReleaseStatus;

fn id(name: &str) -> ExchangeId {
    format!("east/ns/{name}").parse().unwrap()
}

/// Where what is installed was declared.
fn file_of(journal: &Journal, name: &str) -> Option<String> {
    Some(journal.memory(&id(name)).installed?.file)
}

fn line(name: &str, step: &str, phase: Phase, detail: Value) -> Line {
    Line {
        pass: 1,
        commit: None,
        id: Some(id(name)),
        step: step.to_owned(),
        phase,
        detail,
    }
}

#[test]
fn an_intent_is_open_until_its_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "test").unwrap();
    let append = |phase| {
        let detail = json!({"file": "exchanges/a.yaml", "system_id": "x"});
        journal
            .append(line("a", "helm_install", phase, detail))
            .unwrap()
    };
    append(Phase::Intent);
    assert!(journal.memory(&id("a")).open.is_some());
    assert_eq!(file_of(&journal, "a"), None);
    append(Phase::Done);
    assert!(journal.memory(&id("a")).open.is_none());
    drop(journal);
    let journal = Journal::open(folder.path(), "test").unwrap();
    assert_eq!(file_of(&journal, "a").unwrap(), "exchanges/a.yaml");
    assert!(journal.memory(&id("a")).acted);
    let gone = json!({"action": "uninstall"});
    journal
        .append(line("a", "finished", Phase::Done, gone))
        .unwrap();
    assert_eq!(journal.memory(&id("a")), Memory::default());
}

/// Only what a helm of this host may still hold may be opened at once, on another day and after another host was at work.
#[test]
fn the_last_helm_operation_is_known_until_it_succeeded() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "test").unwrap();
    let known = |journal: &Journal| {
        let begun = journal.memory(&id("a")).begun?;
        Some((begun.status, begun.revision, begun.ended.is_some()))
    };
    let append = |step: &str, phase, revision: u32| {
        let detail = json!({"effect": {"revision": revision}});
        journal.append(line("a", step, phase, detail)).unwrap();
        known(&journal)
    };
    let (upgrade, rollback) = (
        ReleaseStatus::PendingUpgrade,
        ReleaseStatus::PendingRollback,
    );
    let install = Some((ReleaseStatus::PendingInstall, 1, false));
    assert_eq!(append("helm_install", Phase::Intent, 1), install);
    assert_eq!(append("helm_install", Phase::Done, 1), None);
    assert!(journal.memory(&id("a")).acted);
    append("helm_upgrade", Phase::Intent, 2);
    let failed = append("helm_upgrade", Phase::Failed, 2);
    assert_eq!(failed, Some((upgrade, 2, true)));
    let back = Some((rollback, 3, false));
    assert_eq!(append("helm_rollback", Phase::Intent, 1), back);
    drop(journal);
    let journal = Journal::open(folder.path(), "test").unwrap();
    assert_eq!(known(&journal), back, "after a crash");
    // An older version did not say what it makes.
    let silent = line("a", "helm_upgrade", Phase::Intent, Value::Null);
    journal.append(silent).unwrap();
    assert_eq!(known(&journal), None);
    assert!(journal.memory(&id("a")).open.is_some());
}

#[test]
fn who_writes_is_written_and_lines_that_do_not_say_it_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for actor in ["apply as alice", "run as natsx-sync"] {
        let journal = Journal::open(folder.path(), actor).unwrap();
        let done = line("a", "finished", Phase::Done, json!({"action": "install"}));
        journal.append(done).unwrap();
    }
    let (entries, _) = Journal::look(folder.path()).unwrap();
    let told = deeds(&entries);
    let told: Vec<_> = told
        .iter()
        .filter_map(|deed| deed.actor.as_deref())
        .collect();
    assert_eq!(told, ["apply as alice", "run as natsx-sync"]);
    let mut old = serde_json::to_value(&entries[0]).unwrap();
    old.as_object_mut().unwrap().remove("actor");
    let old: Entry = serde_json::from_value(old).unwrap();
    assert_eq!(old.actor, None);
}

#[test]
fn a_torn_last_line_is_cut_and_the_rest_kept() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "test").unwrap();
    journal
        .append(line("a", "helm_install", Phase::Intent, Value::Null))
        .unwrap();
    drop(journal);
    let path = file::path(folder.path(), 1);
    let whole = std::fs::read(&path).unwrap();
    for cut in 1..60 {
        let mut torn = whole.clone();
        torn.extend_from_slice(&whole[..cut]);
        std::fs::write(&path, torn).unwrap();
        let journal = Journal::open(folder.path(), "test").unwrap();
        assert!(journal.memory(&id("a")).open.is_some());
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
    let journal = Journal::open(folder.path(), "test").unwrap();
    journal
        .append(line("a", "helm_install", Phase::Failed, Value::Null))
        .unwrap();
    assert_eq!(Journal::entries(folder.path()).unwrap().len(), 3);
}

#[test]
fn a_change_in_the_middle_shows() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "test").unwrap();
    for name in ["a", "b", "c"] {
        journal
            .append(line(name, "register", Phase::Done, Value::Null))
            .unwrap();
    }
    drop(journal);
    let path = file::path(folder.path(), 1);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for changed in [
        text.replace("east/ns/b", "east/ns/x"),
        [lines[0], lines[1], lines[3], ""].join("\n"),
    ] {
        std::fs::write(&path, changed).unwrap();
        assert!(matches!(
            Journal::open(folder.path(), "test"),
            Err(JournalError::Chain { .. })
        ));
    }
    std::fs::write(&path, text.replacen("{\"seq\":2", "{seq:2", 1)).unwrap();
    assert!(matches!(
        Journal::open(folder.path(), "test"),
        Err(JournalError::Line { .. })
    ));
}

#[test]
fn nothing_is_forgotten_when_files_go() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open_with(folder.path(), "test", 2000).unwrap();
    let refused = Refused {
        digest: Some(Digest::of(b"x")),
        told: Some(Digest::of(b"y")),
        why: crate::apply::effect::Why::new(crate::reason::Reason::HelmFailed, "no"),
        count: 1,
        until: None,
    };
    journal
        .append(line("a", "helm_install", Phase::Done, json!({"file": "f"})))
        .unwrap();
    journal
        .append(line("a", "finished", Phase::Failed, json!(refused)))
        .unwrap();
    for _ in 0..30 {
        journal
            .append(line("b", "register", Phase::Done, Value::Null))
            .unwrap();
    }
    drop(journal);
    let numbers = file::numbers(folder.path()).unwrap();
    assert!(numbers.len() > 2, "{numbers:?}");
    Journal::entries(folder.path()).unwrap();
    for number in &numbers[..numbers.len() - 1] {
        std::fs::remove_file(file::path(folder.path(), *number)).unwrap();
    }
    let journal = Journal::open(folder.path(), "test").unwrap();
    assert_eq!(file_of(&journal, "a").unwrap(), "f");
    assert_eq!(journal.refusals()[&id("a")], refused);
}

#[test]
fn a_changed_line_is_found_and_what_stands_before_it_is_still_told() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "test").unwrap();
    for name in ["a", "b", "c"] {
        let done = json!({"action": "install"});
        let finished = line(name, "finished", Phase::Done, done);
        journal.append(finished).unwrap();
    }
    let path = folder.path().join("000001.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("east/ns/b", "east/ns/x")).unwrap();
    let (entries, broken) = Journal::look(folder.path()).unwrap();
    assert!(matches!(broken, Some(JournalError::Chain { .. })));
    assert_eq!(
        deeds(&entries).len(),
        2,
        "the changed line itself still fits"
    );
}

#[test]
fn a_new_file_that_was_cut_off_before_its_state_stands_on_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open_with(folder.path(), "test", 2000).unwrap();
    let install = json!({"file": "f"});
    journal
        .append(line("a", "helm_install", Phase::Done, install))
        .unwrap();
    while file::numbers(folder.path()).unwrap().len() < 2 {
        journal
            .append(line("b", "register", Phase::Done, Value::Null))
            .unwrap();
    }
    drop(journal);
    let second = file::path(folder.path(), 2);
    let text = std::fs::read_to_string(&second).unwrap();
    let (state, _) = text.split_once('\n').unwrap();
    for cut in [0, 1, state.len() / 2, state.len()] {
        std::fs::write(&second, &state.as_bytes()[..cut]).unwrap();
        let journal = Journal::open_with(folder.path(), "test", 2000).unwrap();
        assert_eq!(file_of(&journal, "a").unwrap(), "f", "{cut}");
        drop(journal);
        // Mended: it has its state again and follows on the one before.
        Journal::entries(folder.path()).unwrap();
        std::fs::rename(file::path(folder.path(), 1), folder.path().join("away")).unwrap();
        let journal = Journal::open_with(folder.path(), "test", 2000).unwrap();
        assert_eq!(file_of(&journal, "a").unwrap(), "f", "{cut}");
        std::fs::rename(folder.path().join("away"), file::path(folder.path(), 1)).unwrap();
    }
}

#[test]
fn a_file_without_a_state_line_is_read_with_the_one_before_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "test").unwrap();
    for name in ["a", "b"] {
        let install = json!({"file": name});
        journal
            .append(line(name, "helm_install", Phase::Done, install))
            .unwrap();
    }
    drop(journal);
    let (first, second) = (file::path(folder.path(), 1), file::path(folder.path(), 2));
    let text = std::fs::read_to_string(&first).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    std::fs::write(&first, lines[..2].concat()).unwrap();
    std::fs::write(&second, lines[2]).unwrap();
    let journal = Journal::open(folder.path(), "test").unwrap();
    for name in ["a", "b"] {
        assert_eq!(file_of(&journal, name).unwrap(), name);
    }
    drop(journal);
    std::fs::write(&first, lines[0]).unwrap();
    assert!(matches!(
        Journal::open(folder.path(), "test"),
        Err(JournalError::Chain { .. })
    ));
    std::fs::remove_file(&first).unwrap();
    assert!(matches!(
        Journal::open(folder.path(), "test"),
        Err(JournalError::Beginning { .. })
    ));
}

#[test]
fn a_new_file_that_cannot_be_made_leaves_the_old_one_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open_with(folder.path(), "test", 300).unwrap();
    let register = || line("a", "register", Phase::Done, Value::Null);
    journal.append(register()).unwrap();
    journal.append(register()).unwrap();
    let number = *file::numbers(folder.path()).unwrap().last().unwrap();
    // Something that no file can replace stands where the next one is to be.
    let next = file::path(folder.path(), number + 1);
    std::fs::create_dir(&next).unwrap();
    let mut refused = 0;
    for _ in 0..4 {
        refused += usize::from(journal.append(register()).is_err());
    }
    assert!(refused > 0);
    std::fs::remove_dir(&next).unwrap();
    journal.append(register()).unwrap();
    drop(journal);
    Journal::entries(folder.path()).unwrap();
    let lines = std::fs::read_to_string(&next).unwrap();
    assert!(lines.lines().next().unwrap().contains(r#""step":"state""#));
}

/// As on a disk that fails for a while.
#[test]
fn a_half_line_that_cannot_be_cut_at_once_is_cut_before_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "test").unwrap();
    let register = || line("a", "register", Phase::Done, Value::Null);
    journal.append(register()).unwrap();
    let path = file::path(folder.path(), 1);
    let refusing = File::open(&path).unwrap();
    let working = std::mem::replace(&mut journal.writer().file, refusing);
    assert!(journal.append(register()).is_err());
    let mut half = file::append_to(&path).unwrap();
    half.write_all(br#"{"seq":3,"prev":"#).unwrap();
    assert!(journal.append(register()).is_err());
    journal.writer().file = working;
    journal.append(register()).unwrap();
    journal.append(register()).unwrap();
    drop(journal);
    assert_eq!(Journal::entries(folder.path()).unwrap().len(), 4);
    Journal::open(folder.path(), "test").unwrap();
}

#[test]
fn a_reader_goes_on_from_file_to_file_and_counts_what_was_swept_away() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open_with(folder.path(), "test", 2000).unwrap();
    let begin = journal.end();
    for _ in 0..30 {
        journal
            .append(line("a", "register", Phase::Done, Value::Null))
            .unwrap();
    }
    let written = *journal.written().borrow();
    let numbers = file::numbers(folder.path()).unwrap();
    assert!(numbers.len() > 3, "{numbers:?}");
    let mut cursor = begin.clone();
    let mut read = 0;
    loop {
        let reading = cursor.read(folder.path(), written, 300).unwrap();
        assert!(!reading.anew && reading.lost == 0, "{reading:?}");
        let Some(last) = reading.passages.last() else {
            break;
        };
        cursor = last.behind.clone();
        let lines = reading.passages.iter();
        read += lines.filter(|one| one.entry.step == "register").count();
    }
    assert_eq!(read, 30);
    assert_eq!(cursor, journal.end());
    assert_eq!(cursor.behind(folder.path(), written).unwrap(), 0);

    let whole = begin.behind(folder.path(), written).unwrap();
    for number in &numbers[..2] {
        std::fs::remove_file(file::path(folder.path(), *number)).unwrap();
    }
    assert!(begin.behind(folder.path(), written).unwrap() < whole);
    let reading = begin.read(folder.path(), written, 1 << 20).unwrap();
    let first = reading.passages.first().unwrap();
    assert_eq!(reading.lost, first.entry.seq - begin.seq - 1);
    assert!(reading.lost > 0 && !reading.anew);
    let next = first.before.read(folder.path(), written, 1 << 20).unwrap();
    assert_eq!((next.lost, next.passages), (0, reading.passages));
}

#[test]
fn what_was_noticed_is_known_after_files_went() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open_with(folder.path(), "test", 2000).unwrap();
    let place = Place::Exchange(id("a"));
    let notice = Notice {
        place: place.clone(),
        aspect: Aspect::Hold,
        reason: Some(crate::reason::Reason::MassRemoval),
        text: "many".to_owned(),
    };
    journal.append(notice.line(1, None)).unwrap();
    for _ in 0..30 {
        journal
            .append(line("b", "register", Phase::Done, Value::Null))
            .unwrap();
    }
    drop(journal);
    let numbers = file::numbers(folder.path()).unwrap();
    for number in &numbers[..numbers.len() - 1] {
        std::fs::remove_file(file::path(folder.path(), *number)).unwrap();
    }
    let journal = Journal::open(folder.path(), "test").unwrap();
    let held = |journal: &Journal| journal.noticed().reason(&place, Aspect::Hold);
    assert_eq!(held(&journal), notice.reason);
    // Nothing was done about the exchange.
    assert_eq!(journal.memory(&id("a")), Memory::default());
    let over = Notice {
        reason: None,
        ..notice.clone()
    };
    journal.append(over.line(1, None)).unwrap();
    assert_eq!(held(&journal), None);
}

/// What is known of thousands is longer than a file may grow; a new file for each line would fill the disk.
#[test]
fn a_file_that_begins_long_is_written_to_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open_with(folder.path(), "test", 2000).unwrap();
    for number in 0..20 {
        let name = format!("r{number}");
        let install = line(&name, "helm_install", Phase::Done, json!({"file": "f"}));
        journal.append(install).unwrap();
    }
    let before = file::numbers(folder.path()).unwrap().len();
    for _ in 0..8 {
        let line = line("r1", "register", Phase::Done, Value::Null);
        journal.append(line).unwrap();
    }
    let after = file::numbers(folder.path()).unwrap().len();
    assert!(after <= before + 2, "{before} and then {after}");
}

#[test]
fn a_refusal_that_is_not_understood_takes_nothing_else_with_it() {
    let memory = json!({
        "installed": {"commit": null, "file": "f", "system_id": null, "time": "2026-01-01T00:00:00Z"},
        "refused": {"digest": null, "why": {"reason": "OfALaterVersion", "text": "no"}, "count": 1, "until": null},
        "acted": true,
    });
    let read: Memory = serde_json::from_value(memory).unwrap();
    assert_eq!(read.refused, None);
    assert_eq!(read.installed.unwrap().file, "f");
    assert!(read.acted);
}
