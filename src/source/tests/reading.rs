use std::fs;

use super::fixture::{Fixture, open, write};
use crate::reason::Reason;
use crate::source::checkout::Checkout;
use crate::source::{Location, Revision, Source, SourceError, SourceOptions, discover};

fn paths(checkout: &Checkout) -> Vec<&str> {
    checkout.files.iter().map(|f| f.path.as_str()).collect()
}

fn unreadable(checkout: &Checkout) -> Vec<&str> {
    checkout
        .unreadable
        .iter()
        .map(|f| f.path.as_str())
        .collect()
}

const WANTED: [&str; 5] = [
    "exchanges/a.yaml",
    "exchanges/team/b.yml",
    "exchanges/z.yaml",
    "profiles/p.yaml",
    "values.yaml",
];

#[test]
fn a_commit_gives_the_wanted_files_and_no_others() {
    let fixture = Fixture::new();
    let mut files: Vec<_> = WANTED.iter().map(|path| (*path, Some("x"))).collect();
    files.extend([
        ("README.md", Some("x")),
        ("exchanges/.hidden.yaml", Some("x")),
        ("exchanges/.d/x.yaml", Some("x")),
        ("exchanges/notes.md", Some("x")),
        ("profiles/deep/q.yaml", Some("x")),
    ]);
    let commit = fixture.commit(&files);
    let checkout = fixture.source().read(&Revision::Head).unwrap();
    assert_eq!(paths(&checkout), WANTED);
    assert_eq!(checkout.commit, Some(commit));
    assert!(checkout.has_history && !checkout.dirty && !checkout.shallow);
    assert!(checkout.unreadable.is_empty());
}

#[test]
fn folder_and_commit_give_the_same_blobs() {
    let fixture = Fixture::new();
    let files: Vec<_> = WANTED.iter().map(|path| (*path, Some(*path))).collect();
    fixture.commit(&files);
    fixture.checkout();
    let plain = tempfile::tempdir().unwrap();
    for path in WANTED {
        write(plain.path(), path, path);
    }
    let source = open(plain.path());
    assert!(!source.is_git());
    let blobs = |checkout: &Checkout| -> Vec<(String, String)> {
        let files = checkout.files.iter();
        files.map(|f| (f.path.clone(), f.blob.clone())).collect()
    };
    let committed = fixture.source().read(&Revision::Head).unwrap();
    let standing = fixture.source().read(&Revision::Files).unwrap();
    let folder = source.read(&Revision::Files).unwrap();
    assert_eq!(blobs(&committed), blobs(&folder));
    assert_eq!(blobs(&committed), blobs(&standing));
    assert!(!standing.dirty && standing.has_history && !folder.has_history);
    assert!(matches!(
        source.read(&Revision::Named("main".into())),
        Err(SourceError::NoHistory { .. })
    ));
}

#[test]
fn a_work_tree_is_read_as_it_stands_and_says_that_it_is_dirty() {
    let fixture = Fixture::new();
    fixture.commit(&[("exchanges/a.yaml", Some("one"))]);
    fixture.checkout();
    fixture.write("exchanges/b.yaml", "new");
    let source = fixture.source();
    let standing = source.read(&Revision::Files).unwrap();
    assert!(standing.dirty);
    assert_eq!(paths(&standing), ["exchanges/a.yaml", "exchanges/b.yaml"]);
    assert_eq!(
        paths(&source.read(&Revision::Head).unwrap()),
        ["exchanges/a.yaml"]
    );
    fixture.checkout();
    assert!(!source.read(&Revision::Files).unwrap().dirty);
    let mut options = SourceOptions::new(Location::Path(fixture.root()));
    options.branch = Some("other".into());
    let elsewhere = Source::open(options).unwrap();
    assert!(elsewhere.read(&Revision::Files).unwrap().dirty);
    let missing = elsewhere.branch_missing().unwrap().to_string();
    assert!(missing.contains("has no branch other"), "{missing}");
    assert!(source.branch_missing().is_none());
}

#[test]
fn linked_work_trees_and_bare_repositories_are_sources() {
    let fixture = Fixture::new();
    let commit = fixture.commit(&[("team/exchanges/a.yaml", Some("a"))]);
    fixture.checkout();
    let linked = fixture.folder.path().join("linked");
    fixture.git.worktree("linked", &linked, None).unwrap();
    write(&linked, "team/exchanges/b.yaml", "b");
    let source = open(&linked.join("team"));
    let standing = source.read(&Revision::Files).unwrap();
    assert_eq!(paths(&standing), ["exchanges/a.yaml", "exchanges/b.yaml"]);
    assert!(standing.dirty);
    let head = source.read(&Revision::Head).unwrap();
    assert_eq!(head.commit, Some(commit.clone()));

    let bare = fixture.folder.path().join("bare.git");
    let mut builder = git2::build::RepoBuilder::new();
    let url = fixture.root().display().to_string();
    builder.bare(true).clone(&url, &bare).unwrap();
    let mut options = SourceOptions::new(Location::Path(bare));
    options.folder = "team/exchanges".into();
    let source = Source::open(options).unwrap();
    for revision in [Revision::Files, Revision::Head] {
        let checkout = source.read(&revision).unwrap();
        assert_eq!(paths(&checkout), ["team/exchanges/a.yaml"]);
        assert_eq!(checkout.commit, Some(commit.clone()));
    }
}

#[test]
fn a_bare_repository_that_is_committed_hides_nothing() {
    let planted = Fixture::new();
    planted.commit(&[("exchanges/harmless.yaml", Some("a"))]);
    let fixture = Fixture::new();
    let commit = fixture.commit(&[("team/exchanges/evil.yaml", Some("a"))]);
    fixture.checkout();
    let team = fixture.root().join("team");
    let mut builder = git2::build::RepoBuilder::new();
    let bare = fixture.root().join("bare");
    let url = planted.root().display().to_string();
    builder.bare(true).clone(&url, &bare).unwrap();
    // One that is nobody's file is a source of its own, wherever it lies.
    assert_eq!(
        paths(&open(&bare).read(&Revision::Head).unwrap()),
        ["exchanges/harmless.yaml"]
    );
    for part in fs::read_dir(&bare).unwrap() {
        let part = part.unwrap();
        fs::rename(part.path(), team.join(part.file_name())).unwrap();
    }
    for revision in [Revision::Files, Revision::Head] {
        let checkout = open(&team).read(&revision).unwrap();
        assert_eq!(paths(&checkout), ["exchanges/evil.yaml"]);
        assert_eq!(checkout.commit, Some(commit.clone()));
    }
}

#[test]
fn what_git_ignores_is_a_plain_folder() {
    let fixture = Fixture::new();
    fixture.commit(&[(".gitignore", Some("/scratch/\n"))]);
    fixture.checkout();
    fixture.write("scratch/exchanges/a.yaml", "a");
    let source = open(&fixture.root().join("scratch"));
    assert!(!source.is_git());
    assert_eq!(
        paths(&source.read(&Revision::Head).unwrap()),
        ["exchanges/a.yaml"]
    );
}

#[test]
fn paths_left_out_of_a_sparse_work_tree_come_from_the_head() {
    let fixture = Fixture::new();
    fixture.commit(&[
        ("exchanges/a.yaml", Some("a")),
        ("exchanges/b.yaml", Some("b")),
    ]);
    fixture.checkout();
    let mut index = fixture.git.index().unwrap();
    index.read(true).unwrap();
    let mut entry = index
        .get_path("exchanges/b.yaml".as_ref(), 0)
        .expect("b is in the index");
    entry.flags_extended |= 1 << 14;
    index.add(&entry).unwrap();
    index.write().unwrap();
    fs::remove_file(fixture.root().join("exchanges/b.yaml")).unwrap();
    let standing = fixture.source().read(&Revision::Files).unwrap();
    assert_eq!(paths(&standing), ["exchanges/a.yaml", "exchanges/b.yaml"]);
    assert!(!standing.dirty);
}

#[test]
fn what_is_no_file_is_unreadable() {
    let fixture = Fixture::new();
    let first = fixture.commit(&[
        ("exchanges/a.yaml", Some("a")),
        (
            "exchanges/lfs.yaml",
            Some("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        ),
    ]);
    let link = fixture.git.blob(b"/etc/passwd").unwrap();
    let parent = super::fixture::oid(&first);
    fixture.commit_entries(
        Some(parent),
        &[
            ("exchanges/link.yaml", Some((link, 0o120_000))),
            ("exchanges/module", Some((parent, 0o160_000))),
        ],
    );
    let checkout = fixture.source().read(&Revision::Head).unwrap();
    assert_eq!(paths(&checkout), ["exchanges/a.yaml"]);
    assert_eq!(
        unreadable(&checkout),
        [
            "exchanges/lfs.yaml",
            "exchanges/link.yaml",
            "exchanges/module"
        ]
    );
}

#[cfg(unix)]
#[test]
fn links_of_a_folder_are_not_followed() {
    let plain = tempfile::tempdir().unwrap();
    write(plain.path(), "exchanges/a.yaml", "a");
    let exchanges = plain.path().join("exchanges");
    std::os::unix::fs::symlink("/etc", exchanges.join("etc")).unwrap();
    std::os::unix::fs::symlink("a.yaml", exchanges.join("b.yaml")).unwrap();
    let checkout = open(plain.path()).read(&Revision::Files).unwrap();
    assert_eq!(paths(&checkout), ["exchanges/a.yaml"]);
    assert_eq!(unreadable(&checkout), ["exchanges/b.yaml", "exchanges/etc"]);

    // Nor is the watched folder itself, or one on the way to it.
    std::os::unix::fs::symlink("exchanges", plain.path().join("linked")).unwrap();
    for (folder, link) in [("linked", "linked"), ("linked/deep", "linked")] {
        let mut options = SourceOptions::new(Location::Path(plain.path().to_owned()));
        options.folder = folder.to_owned();
        let checkout = Source::open(options)
            .unwrap()
            .read(&Revision::Files)
            .unwrap();
        assert!(checkout.files.is_empty());
        assert_eq!(unreadable(&checkout), [link]);
    }
}

#[test]
fn large_files_are_named_and_too_many_are_refused() {
    let fixture = Fixture::new();
    let large = "x".repeat(100);
    fixture.commit(&[
        ("exchanges/a.yaml", Some("a")),
        ("exchanges/b.yaml", Some(&large)),
    ]);
    let mut options = SourceOptions::new(Location::Path(fixture.root()));
    options.limits.file_bytes = 99;
    let checkout = Source::open(options.clone())
        .unwrap()
        .read(&Revision::Head)
        .unwrap();
    assert_eq!(unreadable(&checkout), ["exchanges/b.yaml"]);
    assert!(checkout.unreadable[0].text.contains("100 bytes"));
    options.limits.file_bytes = 100;
    options.limits.files = 1;
    let error = Source::open(options).unwrap().read(&Revision::Head);
    assert!(matches!(error, Err(SourceError::TooMuch { .. })));
}

#[test]
fn a_missing_folder_is_an_error_unless_it_was_there_once() {
    let fixture = Fixture::new();
    fixture.commit(&[(
        "examples/exchanges/a.yaml",
        Some("release_name: x\ncluster_id: y\n"),
    )]);
    let error = fixture.source().read(&Revision::Head).unwrap_err();
    assert_eq!(error.reason(), Reason::NoExchangeFolder);
    assert!(error.to_string().contains("examples/exchanges"), "{error}");

    fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    fixture.commit(&[("exchanges/a.yaml", None)]);
    let checkout = fixture.source().read(&Revision::Head).unwrap();
    assert!(checkout.files.is_empty() && checkout.has_history);
}

#[test]
fn a_folder_of_a_work_tree_keeps_its_history() {
    let fixture = Fixture::new();
    let commit = fixture.commit(&[
        ("examples/exchanges/a.yaml", Some("a")),
        ("examples/values.yaml", Some("{}")),
        ("exchanges/other.yaml", Some("other")),
    ]);
    fixture.checkout();
    let source = open(&fixture.root().join("examples"));
    for revision in [Revision::Files, Revision::Head] {
        let checkout = source.read(&revision).unwrap();
        assert_eq!(paths(&checkout), ["exchanges/a.yaml", "values.yaml"]);
        assert_eq!(checkout.commit.as_ref(), Some(&commit));
        assert!(!checkout.dirty);
    }
}

#[test]
fn failures_are_errors_and_never_empty() {
    let fixture = Fixture::new();
    let source = fixture.source();
    assert!(matches!(
        source.read(&Revision::Head),
        Err(SourceError::Empty { .. })
    ));
    fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    assert!(matches!(
        source.read(&Revision::Named("nowhere".into())),
        Err(SourceError::NoRevision { .. })
    ));
    let mut options = SourceOptions::new(Location::Path(fixture.root()));
    options.branch = Some("other".into());
    let error = Source::open(options).unwrap().read(&Revision::Head);
    let error = error.unwrap_err();
    assert!(matches!(error, SourceError::NoBranch { .. }));
    assert!(
        error.to_string().contains("no branch other; it has ma"),
        "{error}"
    );
    let gone = SourceOptions::new(Location::Path(fixture.root().join("gone")));
    assert!(matches!(Source::open(gone), Err(SourceError::Read { .. })));
}

#[test]
fn the_source_is_found_from_inside_a_work_tree() {
    let fixture = Fixture::new();
    fixture.write("team/x", "");
    fixture.write("team/nested/exchanges/a.yaml", "a");
    let root = fixture.root().canonicalize().unwrap();
    let found = discover(&root.join("team"), "exchanges").unwrap();
    assert_eq!(found.canonicalize().unwrap(), root);
    let nested = root.join("team/nested");
    assert_eq!(discover(&nested, "exchanges").unwrap(), nested);
}

#[tokio::test]
async fn a_file_that_vanishes_between_two_listings_is_unreadable() {
    let plain = tempfile::tempdir().unwrap();
    write(plain.path(), "exchanges/a.yaml", "a");
    write(plain.path(), "exchanges/b.yaml", "b");
    let source = open(plain.path());
    let gone = plain.path().join("exchanges/b.yaml");
    let pause = std::time::Duration::from_millis(300);
    let (checkout, ()) = tokio::join!(source.read_settled(&Revision::Head, pause), async {
        tokio::time::sleep(pause / 3).await;
        fs::remove_file(gone).unwrap();
    });
    let checkout = checkout.unwrap();
    assert_eq!(paths(&checkout), ["exchanges/a.yaml"]);
    assert_eq!(unreadable(&checkout), ["exchanges/b.yaml"]);
}
