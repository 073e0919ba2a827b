//! What is told, as tables.

use super::*;

fn unread(mut status: Status, names: &[&str]) -> Status {
    status.complete = false;
    status.unreadable = names
        .iter()
        .map(|name| {
            let cluster = (*name != "registry").then_some(name);
            let why = json!({"cluster": cluster, "reason": "ClusterUnreachable", "text": "x"});
            serde_json::from_value(why).unwrap()
        })
        .collect();
    status
}

fn said(status: &Status) -> String {
    let verdict = verdict(status).unwrap();
    assert!(
        verdict.text.chars().count() <= verdict::LONGEST,
        "{verdict:?}"
    );
    format!("{}: {}", verdict.state.word(), verdict.text)
}

/// What was told last of a commit.
fn told(commit: &str, word: &str) -> memory::Said {
    memory::Said {
        commit: commit.parse().unwrap(),
        state: serde_json::from_value(json!(word)).unwrap(),
        text: "1 of 2 exchanges ready".to_owned(),
        count: 1,
    }
}

#[test]
fn what_became_of_a_commit_follows_from_how_its_exchanges_stand() {
    for (standings, wanted) in [
        (&["ready", "ready"][..], "success: 2 exchanges ready"),
        (&["ready"], "success: 1 exchange ready"),
        (&[], "success: no exchanges"),
        (
            &["ready", "suspended Suspended"],
            "success: 1 exchange ready, 1 left alone",
        ),
        (
            &["ready", "progressing FileAdded", "waiting RollingOut"],
            "pending: 1 of 3 exchanges ready",
        ),
        (&["removing FileRemoved"], "pending: 0 of 1 exchange ready"),
        (
            &["unknown HealthUnknown", "ready"],
            "pending: 1 of 2 exchanges ready",
        ),
        (
            &["ready", "blocked FileInvalid"],
            "failure: us/ns/nats-2: FileInvalid",
        ),
        (
            &[
                "progressing FileAdded",
                "failed HelmFailed",
                "blocked MassRemoval",
                "failed HelmFailed",
            ],
            "failure: us/ns/nats-2: HelmFailed and 2 more",
        ),
        // The registry is not there: nothing is wrong with what is to be removed.
        (
            &["blocked RegistryUnreadable", "ready"],
            "pending: 1 of 2 exchanges ready",
        ),
    ] {
        assert_eq!(said(&status(A, standings)), wanted, "{standings:?}");
    }
}

#[test]
fn what_cannot_be_seen_finishes_no_commit() {
    let ready = status(A, &["ready"]);
    assert_eq!(
        said(&unread(ready.clone(), &["eu"])),
        "pending: cluster eu cannot be read; 1 of 1 exchange ready"
    );
    assert_eq!(
        said(&unread(ready.clone(), &["eu", "us", "registry"])),
        "pending: cluster eu, cluster us, the registry cannot be read; 1 of 1 exchange ready"
    );
    let long: Vec<_> = (0..9)
        .map(|number| format!("cluster-with-a-long-name-{number}"))
        .collect();
    let long: Vec<_> = long.iter().map(String::as_str).collect();
    let text = said(&unread(ready.clone(), &long));
    assert!(text.contains(" and 7 more cannot be read"), "{text}");
    let broken = unread(status(A, &["failed HelmFailed"]), &["eu"]);
    assert!(said(&broken).starts_with("failure: us/ns/nats-1"));
    let mut incomplete = ready.clone();
    incomplete.complete = false;
    assert!(said(&incomplete).starts_with("failure: SourceIncomplete"));
    // What was done may have been for the commit before.
    let mut midway = ready.clone();
    midway.exchanges[0].midway = true;
    assert_eq!(said(&midway), "pending: 0 of 1 exchange ready");
    // A plain folder, and the time before the first pass.
    let mut folder = ready;
    folder.commit = None;
    assert!(verdict(&folder).is_none());
    assert!(verdict(&Status::new(1, jiff::Timestamp::UNIX_EPOCH)).is_none());
}

#[test]
fn what_nobody_wants_changed_holds_no_commit_open_and_what_is_unwell_fails_it() {
    let mut kept = status(A, &["ready", "unknown HealthUnknown"]);
    for planned in ["SyncModeDryRun", "SyncModeOneTime", "FileRemoved"] {
        kept.exchanges[1].planned = Reason::named(planned);
        assert_eq!(
            said(&kept),
            "success: 1 exchange ready, 1 left alone",
            "{planned}"
        );
    }
    let mut unwell = status(A, &["waiting RollingOut"]);
    assert_eq!(
        said(&unwell),
        "pending: 0 of 1 exchange ready",
        "a pod that is moved"
    );
    unwell.exchanges[0].degraded = true;
    assert_eq!(said(&unwell), "failure: us/ns/nats-1: RollingOut");
}

#[test]
fn a_text_is_one_short_line_without_a_secret() {
    let mut long = status(A, &["failed HelmFailed", "failed HelmFailed"]);
    let id = format!("{}/{}/the-release", "c".repeat(63), "n".repeat(63));
    long.exchanges[0].id = Some(id.parse().unwrap());
    let text = said(&long);
    assert!(
        text.ends_with("/the-release: HelmFailed and 1 more"),
        "{text}"
    );
    assert!(!text.contains("s3cret"), "{text}");
    let mut nobody = status(A, &["blocked FileInvalid"]);
    nobody.exchanges[0].id = None;
    nobody.exchanges[0].file = "exchanges/a\n\u{202e}b.yaml".to_owned();
    let text = said(&nobody);
    assert!(!text.contains(['\n', '\u{202e}']), "{text}");
    assert!(text.ends_with("b.yaml: FileInvalid"), "{text}");
}

#[test]
fn only_what_became_so_is_told() {
    let pending = || verdict(&status(A, &["ready", "ready", "progressing FileAdded"])).unwrap();
    let success = || verdict(&status(A, &["ready"])).unwrap();
    let failure = || verdict(&status(A, &["failed HelmFailed"])).unwrap();
    let same = verdict(&status(A, &["ready", "progressing FileAdded"])).unwrap();
    for (last, now, renews, wanted) in [
        (None, pending(), true, Due::Now(pending())),
        (Some(told(A, "pending")), same, true, Due::Nothing),
        (
            Some(told(A, "pending")),
            pending(),
            true,
            Due::Words(pending()),
        ),
        (Some(told(A, "pending")), pending(), false, Due::Nothing),
        (
            Some(told(A, "pending")),
            success(),
            true,
            Due::Now(success()),
        ),
        (
            Some(told(A, "pending")),
            failure(),
            true,
            Due::Now(failure()),
        ),
        // Finished: drift and health of later are no news of the commit.
        (Some(told(A, "success")), pending(), true, Due::Nothing),
        (Some(told(A, "success")), failure(), true, Due::Nothing),
        // Tried again: it may succeed, and does not flutter.
        (Some(told(A, "failure")), pending(), true, Due::Nothing),
        (
            Some(told(A, "failure")),
            failure(),
            true,
            Due::Words(failure()),
        ),
        (
            Some(told(A, "failure")),
            success(),
            true,
            Due::Now(success()),
        ),
        // Overtaken.
        (
            Some(told(B, "success")),
            success(),
            true,
            Due::Now(success()),
        ),
        (
            Some(told(B, "failure")),
            success(),
            true,
            Due::Now(success()),
        ),
        (
            Some(told(B, "superseded")),
            success(),
            true,
            Due::Now(success()),
        ),
        (
            Some(told(A, "superseded")),
            success(),
            true,
            Due::Now(success()),
        ),
    ] {
        let shown = format!("{last:?} {now:?} {renews}");
        assert_eq!(due(last.as_ref(), now, renews), wanted, "{shown}");
    }
}

#[test]
fn who_is_overtaken_is_closed_and_nobody_is_told_without_end() {
    let pending = verdict(&status(A, &["ready", "progressing FileAdded"])).unwrap();
    let success = verdict(&status(A, &["ready"])).unwrap();
    let other = verdict(&status(B, &["ready"])).unwrap();
    let overtaken = due(Some(&told(A, "pending")), other, true);
    let Due::Now(closed) = overtaken else {
        panic!("{overtaken:?}")
    };
    assert_eq!(
        (closed.commit.as_str(), closed.state),
        (A, State::Superseded)
    );
    assert_eq!(closed.text, "superseded by bbbbbbbbb");
    let failing = verdict(&status(A, &["failed HelmFailed", "progressing FileAdded"])).unwrap();
    assert_eq!(
        due(Some(&told(A, "failure")), failing, true),
        Due::Nothing,
        "a try under way"
    );
    let mut often = told(A, "pending");
    often.count = 500;
    assert_eq!(
        due(Some(&often), pending, true),
        Due::Nothing,
        "a forge takes so many"
    );
    assert_eq!(due(Some(&often), success.clone(), true), Due::Now(success));
}
