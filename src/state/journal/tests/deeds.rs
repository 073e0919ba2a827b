//! What the lines tell of what was done.

use super::*;

#[test]
fn deeds_tell_what_was_done_with_what_came_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "test").unwrap();
    let append = |step: &str, phase, detail| {
        journal.append(line("a", step, phase, detail)).unwrap();
    };
    let install = |digest: &str| json!({"digest": digest, "file": "exchanges/a.yaml"});
    append("helm_install", Phase::Intent, install("one"));
    append("helm_install", Phase::Done, install("one"));
    append("register", Phase::Intent, Value::Null);
    append("register", Phase::Done, Value::Null);
    append(
        "finished",
        Phase::Done,
        json!({"action": "install", "reason": "FileAdded"}),
    );
    append(SET_STATE, Phase::Intent, json!({"state": "degraded"}));
    append(SET_STATE, Phase::Done, json!({"state": "degraded"}));
    append("helm_upgrade", Phase::Intent, install("two"));
    append("helm_upgrade", Phase::Failed, install("two"));
    append(
        "finished",
        Phase::Failed,
        json!({"why": {"reason": "HelmFailed", "text": "no"}, "count": 1}),
    );
    append("helm_upgrade", Phase::Intent, install("two"));
    let (entries, broken) = Journal::look(folder.path()).unwrap();
    assert!(broken.is_none());
    let deeds = deeds(&entries);
    let told: Vec<_> = deeds
        .iter()
        .map(|deed| {
            (
                deed.action.as_deref().unwrap(),
                deed.result,
                deed.reason.as_deref(),
                deed.before.as_deref(),
                deed.after.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("install", "done", Some("FileAdded"), None, Some("one")),
            (
                SET_STATE,
                "done",
                Some("degraded"),
                Some("one"),
                Some("one")
            ),
            (
                "upgrade",
                "failed",
                Some("HelmFailed"),
                Some("one"),
                Some("one")
            ),
            ("upgrade", "open", None, Some("one"), Some("one")),
        ]
    );
    assert_eq!(deeds[0].steps, ["helm_install", "register"]);
    // A state that is told is nothing begun.
    assert_eq!(journal.memory(&id("a")).open.unwrap().step, "helm_upgrade");
}

#[test]
fn what_was_interrupted_stays_told_beside_what_finished_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "test").unwrap();
    let append = |pass: u64, step: &str, phase, detail| {
        let line = Line {
            pass,
            ..line("a", step, phase, detail)
        };
        journal.append(line).unwrap();
    };
    let upgrade = || json!({"digest": "two", "file": "exchanges/a.yaml"});
    // Cut off while it waited for health, and again in the middle of an effect.
    append(7, "helm_upgrade", Phase::Intent, upgrade());
    append(7, "helm_upgrade", Phase::Done, upgrade());
    append(1, "register", Phase::Intent, Value::Null);
    append(1, "register", Phase::Intent, Value::Null);
    append(1, "register", Phase::Done, Value::Null);
    let registered = json!({"action": "register", "reason": "RecordDiffers"});
    append(1, "finished", Phase::Done, registered);
    let (entries, _) = Journal::look(folder.path()).unwrap();
    let told: Vec<_> = deeds(&entries)
        .into_iter()
        .map(|deed| (deed.action.unwrap(), deed.result, deed.after.unwrap()))
        .collect();
    let expected = [
        ("upgrade", "interrupted"),
        ("register", "interrupted"),
        ("register", "done"),
    ];
    assert_eq!(
        told,
        expected.map(|(action, result)| (action.to_owned(), result, "two".to_owned()))
    );
}

/// Each process counts its own passes, so that the first one of the next has the number and the commit of the one that was
/// killed.
#[test]
fn what_the_next_process_does_takes_no_longer_for_the_pause_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let pause = Duration::from_millis(300);
    let write = |step: &str| {
        let journal = Journal::open(folder.path(), "run as nats").unwrap();
        for phase in [Phase::Intent, Phase::Done] {
            let detail = json!({"digest": "one", "file": "exchanges/a.yaml"});
            journal.append(line("a", step, phase, detail)).unwrap();
        }
        journal
    };
    write("helm_install");
    std::thread::sleep(pause);
    let journal = write("register");
    let registered = json!({"action": "register", "reason": "RecordMissing"});
    let end = line("a", "finished", Phase::Done, registered);
    journal.append(end).unwrap();
    let deeds = deeds(&Journal::entries(folder.path()).unwrap());
    let told: Vec<_> = deeds
        .iter()
        .map(|deed| (deed.action.as_deref().unwrap(), deed.result))
        .collect();
    assert_eq!(told, [("install", "interrupted"), ("register", "done")]);
    assert_eq!(deeds[1].steps, ["register"]);
    assert!(
        deeds[1].seconds < pause.as_secs_f64(),
        "{}",
        deeds[1].seconds
    );
}

/// It was begun and held back in the middle: no end is written, and yet somebody asks why nothing came of it.
#[test]
fn what_was_held_back_after_it_had_begun_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), "test").unwrap();
    let why = json!({"reason": "HelmMissing", "text": "there is no usable helm"});
    for (phase, detail) in [(Phase::Intent, Value::Null), (Phase::Failed, why)] {
        let line = line("a", "helm_install", phase, detail);
        journal.append(line).unwrap();
    }
    let (entries, _) = Journal::look(folder.path()).unwrap();
    let deed = deeds(&entries).remove(0);
    assert_eq!(
        (deed.action.as_deref(), deed.result),
        (Some("install"), "open")
    );
    assert_eq!(deed.reason.as_deref(), Some("HelmMissing"));
    assert_eq!(deed.text.as_deref(), Some("there is no usable helm"));
}
