//! Paths that lead elsewhere, or to another one, while a source is open.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use git2::Repository;
use tokio::sync::Notify;

use super::fixture::{Fixture, open, write};
use crate::source::checkout::HeadMove;
use crate::source::{Location, Revision, Source, SourceOptions, Watch};

/// As those do who deploy releases: there is always one of both.
fn turn(link: &Path, target: &Path) {
    let new = link.with_extension("new");
    symlink(target, &new).unwrap();
    fs::rename(new, link).unwrap();
}

fn files(source: &Source) -> Vec<String> {
    let checkout = source.read(&Revision::Files).unwrap();
    checkout.files.into_iter().map(|file| file.path).collect()
}

/// What is watched of a source, as the daemon does.
struct Watched<'s> {
    source: &'s Source,
    activation: Arc<Notify>,
    watch: Watch,
}

impl<'s> Watched<'s> {
    fn of(source: &'s Source) -> Self {
        let activation = Arc::new(Notify::new());
        let watch = source.watch(&activation).unwrap();
        Self {
            source,
            activation,
            watch,
        }
    }

    async fn wakes_within(&self, seconds: u64) -> bool {
        let time = Duration::from_secs(seconds);
        let woken = tokio::time::timeout(time, self.activation.notified());
        woken.await.is_ok()
    }

    /// As after a pass.
    async fn renew(&mut self) {
        self.source.fetch().await.unwrap();
        self.watch.renew(self.source).unwrap();
        while self.wakes_within(1).await {}
    }
}

#[tokio::test]
async fn a_link_that_is_turned_is_read_and_watched_where_it_leads() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("r/41"), folder.path().join("r/42"));
    write(&first, "sets/exchanges/a.yaml", "a");
    write(&second, "sets/exchanges/b.yaml", "b");
    fs::create_dir(folder.path().join("srv")).unwrap();
    let (current, link) = (
        folder.path().join("current"),
        folder.path().join("srv/link"),
    );
    symlink("r/41", &current).unwrap();
    symlink("../current/sets", &link).unwrap();
    let source = open(&link);
    let mut watched = Watched::of(&source);
    assert_eq!(files(&source), ["exchanges/a.yaml"]);
    turn(&current, Path::new("r/42"));
    assert!(watched.wakes_within(10).await, "a link on the way");
    watched.renew().await;
    assert_eq!(files(&source), ["exchanges/b.yaml"]);
    write(&second, "sets/exchanges/c.yaml", "c");
    assert!(watched.wakes_within(10).await);
    watched.renew().await;
    write(&first, "sets/exchanges/d.yaml", "d");
    assert!(!watched.wakes_within(2).await, "it leads there no more");

    fs::remove_file(&link).unwrap();
    assert!(source.fetch().await.is_err(), "it leads nowhere");
    symlink("../r/41/sets", &link).unwrap();
    source.fetch().await.unwrap();
    assert_eq!(files(&source), ["exchanges/a.yaml", "exchanges/d.yaml"]);
}

#[tokio::test]
async fn a_link_to_a_repository_is_followed_to_another_and_to_nothing_else() {
    let (first, second) = (Fixture::new(), Fixture::new());
    let old = first.commit(&[("exchanges/a.yaml", Some("a"))]);
    let new = second.commit(&[("exchanges/b.yaml", Some("b"))]);
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("current");
    symlink(first.root(), &link).unwrap();
    let mut options = SourceOptions::new(Location::Path(link.clone()));
    options.state = Some(folder.path().join("state"));
    let source = Source::open(options).unwrap();
    let head = || {
        let checkout = source.read(&Revision::Head).unwrap();
        (checkout.commit.unwrap(), checkout.moved)
    };
    source.fetch().await.unwrap();
    assert_eq!(head(), (old, None));
    turn(&link, &second.root());
    source.fetch().await.unwrap();
    assert_eq!(head(), (new.clone(), Some(HeadMove::Rewritten)));

    // What has no history proves removals in another way.
    write(folder.path(), "plain/exchanges/c.yaml", "c");
    turn(&link, Path::new("plain"));
    let error = source.fetch().await.unwrap_err().to_string();
    assert!(error.contains("a plain folder"), "{error}");
    assert!(source.is_git());
    turn(&link, &second.root());
    source.fetch().await.unwrap();
    assert_eq!(head().0, new);
}

#[tokio::test]
async fn a_repository_in_the_place_of_another_is_watched() {
    let fixture = Fixture::new();
    fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    let source = fixture.source();
    let mut watched = Watched::of(&source);
    fixture.write("notes", "in the work tree, and none of what a commit has");
    write(fixture.folder.path(), "beside", "none of it either");
    assert!(!watched.wakes_within(2).await);
    for old in ["old", "older"] {
        fs::rename(fixture.root(), fixture.folder.path().join(old)).unwrap();
        let there = Repository::init(fixture.root()).unwrap();
        assert!(watched.wakes_within(10).await, "{old}");
        watched.renew().await;
        there
            .reference("refs/heads/main", commit(&there), true, "")
            .unwrap();
        assert!(watched.wakes_within(10).await, "{old}");
        watched.renew().await;
    }
}

fn commit(git: &Repository) -> git2::Oid {
    let who = git2::Signature::new("a", "a@example.org", &git2::Time::new(1, 0)).unwrap();
    let tree = git.treebuilder(None).unwrap().write().unwrap();
    let tree = git.find_tree(tree).unwrap();
    git.commit(None, &who, &who, "first", &tree, &[]).unwrap()
}
