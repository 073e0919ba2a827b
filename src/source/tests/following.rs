use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::super::mirror::{Mirror, NotCopied, copy};
use super::fixture::{Fixture, declares, id, oid, open, write};
use crate::id::CommitId;
use crate::observe::observed::Proof;
use crate::source::checkout::HeadMove;
use crate::source::{Location, Revision, Source, SourceError, SourceOptions};

fn mirrored(fixture: &Fixture) -> Source {
    let mut options = SourceOptions::new(Location::Path(fixture.root()));
    options.state = Some(fixture.folder.path().join("state"));
    Source::open(options).unwrap()
}

async fn look(source: &Source) -> (CommitId, Option<HeadMove>) {
    source.fetch().await.unwrap();
    let checkout = source.read(&Revision::Head).unwrap();
    (checkout.commit.unwrap(), checkout.moved)
}

#[tokio::test]
async fn a_branch_that_goes_forward_is_followed() {
    let fixture = Fixture::new();
    let source = mirrored(&fixture);
    let first = fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    assert_eq!(look(&source).await, (first.clone(), None));
    let second = fixture.commit(&[("exchanges/a.yaml", None)]);
    assert_eq!(
        source.read(&Revision::Head).unwrap().commit,
        Some(first.clone()),
        "only a fetch brings news"
    );
    assert_eq!(look(&source).await, (second.clone(), None));
    assert_eq!(look(&source).await, (second.clone(), None));
    let proof = source
        .history(&second)
        .unwrap()
        .prove(&id("a"), Some(&first), &declares);
    assert!(matches!(proof, Proof::Declared { .. }));
    assert_eq!(source.commit("HEAD~1").unwrap(), first);
}

#[tokio::test]
async fn a_branch_that_went_back_is_kept_until_it_is_accepted() {
    let fixture = Fixture::new();
    let source = mirrored(&fixture);
    let first = fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    let second = fixture.commit(&[("exchanges/b.yaml", Some("b"))]);
    assert_eq!(look(&source).await, (second.clone(), None));
    let back = |to: &CommitId| {
        fixture
            .git
            .reference("refs/heads/main", oid(to), true, "back")
            .unwrap();
    };
    back(&first);
    assert_eq!(
        look(&source).await,
        (second.clone(), Some(HeadMove::WentBack(first.clone())))
    );
    // Another process sees the same.
    assert_eq!(
        look(&mirrored(&fixture)).await,
        (second.clone(), Some(HeadMove::WentBack(first.clone())))
    );
    assert!(matches!(
        source.accept(&second),
        Err(SourceError::NotOnBranch { .. })
    ));
    assert_eq!(source.accept(&first).unwrap(), first);
    assert_eq!(look(&source).await, (first, None));
    back(&second);
    assert_eq!(look(&source).await, (second, None));
}

#[tokio::test]
async fn a_rewritten_branch_is_followed_and_says_so() {
    let fixture = Fixture::new();
    let source = mirrored(&fixture);
    let first = fixture.commit(&[("exchanges/b.yaml", Some("b"))]);
    let second = fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    look(&source).await;
    let file = fixture.git.blob(b"c").unwrap();
    let other = fixture.commit_entries(
        Some(oid(&first)),
        &[("exchanges/c.yaml", Some((file, 0o100_644)))],
    );
    let seen = (other.clone(), Some(HeadMove::Rewritten));
    assert_eq!(look(&source).await, seen);
    assert_eq!(look(&source).await, seen);
    let history = source.history(&other).unwrap();
    let proof = history.prove(&id("a"), Some(&second), &declares);
    assert!(matches!(proof, Proof::NotProved(_)));
    let next = fixture.commit(&[("exchanges/d.yaml", Some("d"))]);
    assert_eq!(look(&source).await, (next, None));
}

#[tokio::test]
async fn an_interrupted_fetch_does_not_stop_the_next() {
    let fixture = Fixture::new();
    let source = mirrored(&fixture);
    let first = fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    let second = fixture.commit(&[("exchanges/a.yaml", Some("b"))]);
    look(&source).await;
    let state = fixture.folder.path().join("state");
    let mirror = state.join("mirror.git");
    fs::write(mirror.join("refs/natsx/fetched.lock"), "").unwrap();
    let third = fixture.commit(&[("exchanges/a.yaml", Some("c"))]);
    assert_eq!(look(&source).await, (third.clone(), None));
    assert!(!mirror.join("refs/natsx/fetched.lock").exists());

    // What was followed is still known after the rebuild, so going back is still noticed.
    fs::write(mirror.join("packed-refs.lock"), "").unwrap();
    let main = fixture
        .git
        .reference("refs/heads/main", oid(&second), true, "");
    assert!(main.is_ok());
    assert_eq!(
        look(&source).await,
        (third.clone(), Some(HeadMove::WentBack(second.clone())))
    );

    // A crash between the two renames of a swap.
    fs::rename(&mirror, state.join("mirror.git.old")).unwrap();
    assert_eq!(
        look(&source).await,
        (third, Some(HeadMove::WentBack(second)))
    );
    assert!(source.history(&first).is_ok());
}

/// Without room for a second mirror the first one still works.
#[tokio::test]
async fn what_an_interrupted_fetch_left_is_removed_from_the_mirror_itself() {
    let fixture = Fixture::new();
    let source = mirrored(&fixture);
    let first = fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    assert_eq!(look(&source).await, (first, None));
    let mirror = fixture.folder.path().join("state/mirror.git");
    let left = [
        "refs/natsx/fetched.lock",
        "packed-refs.lock",
        "objects/pack/tmp_pack_x",
    ];
    for name in left {
        fs::write(mirror.join(name), "").unwrap();
    }
    let before = fs::metadata(&mirror).unwrap().ino();
    let second = fixture.commit(&[("exchanges/a.yaml", Some("b"))]);
    assert_eq!(look(&source).await, (second, None));
    assert!(left.iter().all(|name| !mirror.join(name).exists()));
    assert_eq!(fs::metadata(&mirror).unwrap().ino(), before);
}

#[tokio::test]
async fn too_many_packs_are_put_together() {
    let fixture = Fixture::new();
    let source = mirrored(&fixture);
    let first = fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    assert_eq!(look(&source).await, (first.clone(), None));
    let packs = fixture.folder.path().join("state/mirror.git/objects/pack");
    for number in 0..250 {
        fs::write(packs.join(format!("pack-{number}.pack")), "").unwrap();
    }
    assert_eq!(look(&source).await, (first, None));
    assert!(fs::read_dir(&packs).unwrap().count() < 10);
}

/// It only gets slower.
#[test]
fn where_packs_cannot_be_put_together_they_are_used_for_a_good_while() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = Mirror::new(folder.path(), "here");
    let mut tries = Vec::new();
    let mut put_together = |packs, has_room| {
        let done = mirror.put_together(packs, || {
            tries.push(packs);
            if has_room {
                return Ok(());
            }
            let path = folder.path().join("mirror.git.new");
            let source = std::io::ErrorKind::StorageFull.into();
            Err(SourceError::Write { path, source })
        });
        done.is_ok()
    };
    for packs in [100, 201, 202, 220, 221, 400] {
        assert!(put_together(packs, false), "{packs}");
    }
    assert!(!put_together(401, false));
    assert!(!put_together(401, false), "nor does it work by itself");
    assert!(put_together(401, true));
    assert!(put_together(201, false));
    assert_eq!(tries, [201, 221, 400, 401, 401, 401, 201]);
}

/// A loss of power once cut it off; a person says where to go on, and nothing is guessed.
#[tokio::test]
async fn a_followed_commit_that_cannot_be_read_is_asked_for() {
    let fixture = Fixture::new();
    let source = mirrored(&fixture);
    let first = fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    look(&source).await;
    let mirror = fixture.folder.path().join("state/mirror.git");
    fs::write(mirror.join("refs/natsx/last"), "").unwrap();
    let error = source.fetch().await.unwrap_err().to_string();
    assert!(error.contains("reconcile --commit"), "{error}");
    source.accept(&first).unwrap();
    assert_eq!(look(&source).await, (first, None));
}

/// A full disk is no reason to give up what is known of the commit that was followed.
#[test]
fn what_cannot_be_written_is_not_taken_for_damage() {
    let fixture = Fixture::new();
    let commit = oid(&fixture.commit(&[("exchanges/a.yaml", Some("a"))]));
    let folder = tempfile::tempdir().unwrap();
    let fresh = |name: &str| git2::Repository::init_bare(folder.path().join(name)).unwrap();
    let to = fresh("full");
    fs::remove_dir_all(to.path().join("objects")).unwrap();
    fs::write(to.path().join("objects"), "no folder").unwrap();
    let copied = copy(&fixture.git, &to, commit);
    let error = copied.err().map(|error| match error {
        NotCopied::Unwritten(error) => format!("unwritten: {error}"),
        NotCopied::Unreadable(error) => format!("unreadable: {error}"),
    });
    let said = error.unwrap_or_default();
    assert!(said.starts_with("unwritten"), "{said}");
    let damaged = fresh("damaged");
    assert!(copy(&fixture.git, &damaged, commit).is_ok());
    fs::remove_dir_all(damaged.path().join("objects")).unwrap();
    let damaged = git2::Repository::open_bare(damaged.path());
    let copied = damaged.map(|damaged| copy(&damaged, &fresh("new"), commit));
    assert!(!matches!(copied, Ok(Ok(()) | Err(NotCopied::Unwritten(_)))));
}

#[tokio::test]
async fn changes_wake_and_reading_does_not() {
    let plain = tempfile::tempdir().unwrap();
    let root = plain.path().join("source");
    write(&root, "exchanges/a.yaml", "a");
    let source = open(&root);
    let activation = Arc::new(Notify::new());
    let mut watch = source.watch(&activation).unwrap();
    let woken = |seconds| {
        let activation = Arc::clone(&activation);
        async move {
            tokio::time::timeout(Duration::from_secs(seconds), activation.notified())
                .await
                .is_ok()
        }
    };
    source.read(&Revision::Files).unwrap();
    write(plain.path(), "beside/log", "none of its files");
    fs::write(plain.path().join("log"), "nor is this").unwrap();
    assert!(!woken(2).await);
    write(&root, "exchanges/team/b.yaml", "b");
    assert!(woken(10).await);

    fs::rename(&root, plain.path().join("old")).unwrap();
    write(&root, "exchanges/a.yaml", "new");
    assert!(woken(10).await);
    watch.renew(&source).unwrap();
    while woken(1).await {}
    write(&root, "exchanges/c.yaml", "c");
    assert!(woken(10).await);
}

#[tokio::test]
async fn a_commit_wakes() {
    let fixture = Fixture::new();
    fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    let activation = Arc::new(Notify::new());
    let _watch = fixture.source().watch(&activation).unwrap();
    fixture.commit(&[("exchanges/a.yaml", Some("b"))]);
    let woken = tokio::time::timeout(Duration::from_secs(10), activation.notified());
    assert!(woken.await.is_ok());
}

#[tokio::test]
async fn a_name_stands_for_what_the_repository_says_not_for_what_was_fetched() {
    let fixture = Fixture::new();
    let source = mirrored(&fixture);
    let first = fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    look(&source).await;
    let second = fixture.commit(&[("exchanges/a.yaml", Some("b"))]);
    for name in ["HEAD", "main", second.as_str()] {
        assert_eq!(source.commit(name).unwrap(), second, "{name}");
    }
    assert_eq!(source.commit("HEAD~1").unwrap(), first);
}
