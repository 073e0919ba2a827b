use std::fs;
use std::path::Path;
use std::process::Command;
use std::slice::from_ref;

use super::fixture::{Fixture, oid, open};
use crate::id::CommitId;
use crate::reason::Reason;
use crate::source::{Base, Location, Revision, Source, SourceError, SourceOptions};

/// `main` with two commits after the fork, `topic` checked out with one of its own; the fork.
fn forked() -> (Fixture, CommitId) {
    let fixture = Fixture::new();
    let fork = fixture.commit(&[("exchanges/a.yaml", Some("a")), ("README", Some("r"))]);
    let main = fixture.commit(&[("exchanges/m.yaml", Some("m"))]);
    point(&fixture, "refs/remotes/origin/main", &main);
    fixture.git.set_head("refs/heads/topic").unwrap();
    point(&fixture, "refs/heads/topic", &fork);
    let topic = fixture.commit_entries(
        Some(oid(&fork)),
        &[(
            "exchanges/t.yaml",
            Some((fixture.git.blob(b"t").unwrap(), 0o100_644)),
        )],
    );
    point(&fixture, "refs/heads/main", &main);
    point(&fixture, "refs/heads/topic", &topic);
    fixture.checkout();
    (fixture, fork)
}

fn point(fixture: &Fixture, name: &str, at: &CommitId) {
    fixture.git.reference(name, oid(at), true, "test").unwrap();
}

fn base(source: &Source, asked: Option<&str>) -> Result<Base, SourceError> {
    source.base(&source.read(&Revision::Files).unwrap(), asked)
}

fn commit(found: Result<Base, SourceError>) -> (CommitId, String) {
    match found.unwrap() {
        Base::Commit { commit, text } => (commit, text),
        Base::Nothing(why) => panic!("nothing: {why}"),
    }
}

fn nothing(found: Result<Base, SourceError>) -> String {
    match found.unwrap() {
        Base::Nothing(why) => why,
        Base::Commit { text, .. } => panic!("{text}"),
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn a_named_base_is_where_it_and_the_head_part() {
    let (fixture, fork) = forked();
    let source = fixture.source();
    for name in [
        "origin/main",
        "main",
        "refs/remotes/origin/main",
        fork.as_str(),
    ] {
        let (found, text) = commit(base(&source, Some(name)));
        assert_eq!(found, fork, "{name}");
        assert!(text.contains(name) && text.contains(fork.short()), "{text}");
    }
    let unknown = base(&source, Some("nowhere")).unwrap_err();
    assert!(matches!(unknown, SourceError::NoRevision { .. }));
}

#[test]
fn the_base_nobody_named_is_the_branch_of_the_settings_or_origin_head() {
    let (fixture, fork) = forked();
    let why = nothing(base(&fixture.source(), None));
    assert!(why.contains("origin/HEAD"), "{why}");

    let mut options = SourceOptions::new(Location::Path(fixture.root()));
    options.branch = Some("main".into());
    let (found, text) = commit(base(&Source::open(options.clone()).unwrap(), None));
    assert_eq!(found, fork);
    assert!(text.contains("origin/main"), "{text}");
    options.branch = Some("gone".into());
    let why = nothing(base(&Source::open(options).unwrap(), None));
    assert!(why.contains("no branch gone"), "{why}");

    let to = "refs/remotes/origin/main";
    let name = "refs/remotes/origin/HEAD";
    fixture.git.reference_symbolic(name, to, true, "t").unwrap();
    let (found, text) = commit(base(&fixture.source(), None));
    assert_eq!(found, fork);
    assert!(text.contains("origin/HEAD"), "{text}");

    fixture.git.set_head_detached(oid(&found)).unwrap();
    fixture.checkout();
    let why = nothing(base(&fixture.source(), None));
    assert!(why.contains("has all that the head has"), "{why}");
}

#[test]
fn a_head_that_the_base_has_is_compared_with_itself_only_where_that_tells_something() {
    let fixture = Fixture::new();
    let head = fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    point(&fixture, "refs/remotes/origin/HEAD", &head);
    fixture.checkout();
    nothing(base(&fixture.source(), None));
    let (found, _) = commit(base(&fixture.source(), Some("origin/HEAD")));
    assert_eq!(found, head);
    fixture.write("exchanges/a.yaml", "b");
    let (found, text) = commit(base(&fixture.source(), None));
    assert_eq!(found, head);
    assert!(text.contains("uncommitted"), "{text}");
}

#[test]
fn a_shallow_checkout_says_what_to_fetch() {
    let (fixture, fork) = forked();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", fixture.root().display());
    git(
        folder.path(),
        &["clone", "-q", "--depth", "1", "-b", "topic", &url, "one"],
    );
    let one = folder.path().join("one");
    let says_what_to_fetch = |name: &str| {
        let error = base(&open(&one), Some(name)).unwrap_err();
        assert_eq!(error.reason(), Reason::HistoryIncomplete, "{error}");
        let text = error.to_string();
        assert!(
            text.contains("fetch-depth: 0") && text.contains(name),
            "{text}"
        );
    };
    says_what_to_fetch("origin/main");
    // The branch alone is not enough: the histories meet before what was fetched.
    let main = "main:refs/remotes/origin/main";
    git(&one, &["fetch", "-q", "--depth", "1", "origin", main]);
    says_what_to_fetch("origin/main");
    git(
        &one,
        &["fetch", "-q", "--unshallow", "origin", "topic", main],
    );
    assert_eq!(commit(base(&open(&one), Some("origin/main"))).0, fork);
}

#[test]
fn unrelated_histories_are_told_apart_from_missing_ones() {
    let (fixture, _) = forked();
    let blob = fixture.git.blob(b"x").unwrap();
    let other = fixture.commit_entries(None, &[("exchanges/x.yaml", Some((blob, 0o100_644)))]);
    point(&fixture, "refs/remotes/origin/HEAD", &other);
    let error = base(&fixture.source(), Some("origin/HEAD")).unwrap_err();
    assert_eq!(error.reason(), Reason::UnrelatedBase);
    let why = nothing(base(&fixture.source(), None));
    assert!(why.contains("no commit in common"), "{why}");
}

#[test]
fn what_is_lost_at_a_base_is_an_error_and_a_folder_that_came_later_is_none() {
    let fixture = Fixture::new();
    let first = fixture.commit(&[("README", Some("r"))]);
    let second = fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    fixture.commit(&[("exchanges/a.yaml", Some("b"))]);
    fixture.checkout();
    let source = fixture.source();
    let head = source.read(&Revision::Files).unwrap();
    let empty = source.read_base(&first, &head).unwrap();
    assert!(empty.files.is_empty() && empty.commit == Some(first));

    let old = source.read_base(&second, &head).unwrap();
    assert_eq!(old.files[0].bytes, b"a");
    let (start, rest) = old.files[0].blob.split_at(2);
    fs::remove_file(fixture.git.path().join("objects").join(start).join(rest)).unwrap();
    let lost = source.read_base(&second, &head).unwrap_err();
    assert_eq!(lost.reason(), Reason::HistoryIncomplete);
    assert!(lost.to_string().contains("exchanges/a.yaml"), "{lost}");
}

#[test]
fn a_folder_without_commits_has_no_base() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("exchanges")).unwrap();
    assert!(nothing(base(&open(folder.path()), None)).contains("no history"));
    let named = base(&open(folder.path()), Some("main"));
    assert!(matches!(named, Err(SourceError::NoHistory { .. })));

    let fixture = Fixture::new();
    fixture.write("exchanges/a.yaml", "a");
    assert!(nothing(base(&fixture.source(), None)).contains("nothing is committed"));
    let named = base(&fixture.source(), Some("main"));
    assert!(matches!(named, Err(SourceError::Empty { .. })));
}

#[test]
fn the_commits_before_a_file_changed_are_found() {
    let fixture = Fixture::new();
    let first = fixture.commit(&[("exchanges/a.yaml", Some("1")), ("values.yaml", Some("v"))]);
    fixture.commit(&[("exchanges/a.yaml", Some("2"))]);
    let third = fixture.commit(&[("exchanges/b.yaml", Some("b"))]);
    let head = fixture.commit(&[("values.yaml", Some("w"))]);
    let history = fixture.source().history(&head).unwrap();
    let before = |paths: &[&str], most| history.before_changes(paths, most);
    let second = before(&["exchanges/b.yaml"], 9);
    assert_eq!(before(&["exchanges/a.yaml"], 9), from_ref(&first));
    assert_eq!(before(&["values.yaml"], 9), from_ref(&third));
    let both = ["exchanges/a.yaml", "values.yaml"];
    assert_eq!(before(&both, 9), [third.clone(), first]);
    assert_eq!(before(&both, 1), [third]);
    assert_eq!(second.len(), 1);
}
