use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use fleet::git_host::{Fault, GitHost, Login, Repository};
use tokio_util::sync::CancellationToken;

use crate::source::checkout::HeadMove;
use crate::source::{Location, Revision, Source, SourceError, SourceOptions};

fn options(url: &str, state: &Path) -> SourceOptions {
    let mut options = SourceOptions::new(Location::parse(url).unwrap());
    options.state = Some(state.join("state with a space"));
    options
}

async fn head(source: &Source) -> Result<String, SourceError> {
    source.fetch().await?;
    let checkout = source.read(&Revision::Head)?;
    Ok(checkout.commit.unwrap().to_string())
}

fn host() -> (GitHost, Repository) {
    let host = GitHost::start().unwrap();
    let repository = host.create("exchanges").unwrap();
    (host, repository)
}

#[tokio::test]
async fn over_http_with_a_login() {
    let (host, repository) = host();
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&repository.url_http(), folder.path());
    let open = |options: &SourceOptions| Source::open(options.clone()).unwrap();
    let empty = head(&open(&options)).await;
    assert!(matches!(empty, Err(SourceError::Empty { .. })), "{empty:?}");

    let first = repository
        .commit(&[("exchanges/a.yaml", Some("a"))], "a")
        .unwrap();
    assert_eq!(head(&open(&options)).await.unwrap(), first);

    host.require_login(Some(Login {
        username: "bot".into(),
        password: "pass word\"\\#;".into(),
    }));
    let error = head(&open(&options)).await.unwrap_err().to_string();
    assert!(error.contains("source.password_file"), "{error}");
    let password = folder.path().join("password");
    options.credentials.username = Some("bot".into());
    options.credentials.password_file = Some(password.clone());
    fs::write(&password, "wrong-password\n").unwrap();
    let error = head(&open(&options)).await.unwrap_err().to_string();
    assert!(
        error.contains("login") && !error.contains("wrong-password"),
        "{error}"
    );

    fs::write(&password, "pass word\"\\#;\n").unwrap();
    let second = repository
        .commit(&[("exchanges/b.yaml", Some("b"))], "b")
        .unwrap();
    let source = open(&options);
    assert_eq!(head(&source).await.unwrap(), second);
    assert!(!source.display().contains("bot"));

    repository.rewrite_to(&first).unwrap();
    source.fetch().await.unwrap();
    let kept = source.read(&Revision::Head).unwrap();
    assert_eq!(kept.moved, Some(HeadMove::WentBack(first.parse().unwrap())));
    assert_eq!(kept.commit.unwrap().to_string(), second);

    options.branch = Some("nowhere".into());
    let error = open(&options).fetch().await;
    assert!(
        matches!(error, Err(SourceError::NoBranch { .. })),
        "{error:?}"
    );
    let told = error.unwrap_err().to_string();
    assert!(told.contains("no branch nowhere; it has m"), "{told}");
    let left = fs::read_dir(folder.path().join("state with a space")).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(
        left,
        ["mirror.git", "mirror.lock"],
        "nothing secret is left"
    );
}

#[tokio::test]
async fn over_ssh_with_a_pinned_host_key() {
    let (host, repository) = host();
    let Some(access) = host.ssh() else { return };
    let folder = tempfile::tempdir().unwrap();
    let first = repository
        .commit(&[("exchanges/a.yaml", Some("a"))], "a")
        .unwrap();
    let mut options = options(&repository.url_ssh().unwrap(), folder.path());
    assert!(matches!(
        Source::open(options.clone()),
        Err(SourceError::Setting { .. })
    ));
    let known = folder.path().join("known_hosts");
    fs::write(&known, "").unwrap();
    options.credentials.ssh_key_file = Some(access.key_file.clone());
    options.credentials.known_hosts_file = Some(known.clone());
    let source = Source::open(options).unwrap();
    let error = head(&source).await.unwrap_err().to_string();
    assert!(error.contains("source.known_hosts_file"), "{error}");
    fs::write(&known, &access.known_hosts).unwrap();
    assert_eq!(head(&source).await.unwrap(), first);
}

#[tokio::test]
async fn a_failed_fetch_leaves_what_was_read_before() {
    let (host, repository) = host();
    let folder = tempfile::tempdir().unwrap();
    let first = repository
        .commit(&[("exchanges/a.yaml", Some("a"))], "a")
        .unwrap();
    let mut options = options(&repository.url_http(), folder.path());
    options.limits.fetch = Duration::from_secs(1);
    let source = Source::open(options).unwrap();
    let unread = source.read(&Revision::Head);
    assert!(unread.is_err());
    assert_eq!(head(&source).await.unwrap(), first);
    for fault in [
        Fault::Drop,
        Fault::Status(503),
        Fault::Slow(Duration::from_secs(20)),
    ] {
        host.break_with(Some(fault));
        let began = Instant::now();
        let error = source.fetch().await;
        assert!(matches!(error, Err(SourceError::Fetch { .. })), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "{fault:?}");
        let kept = source.read(&Revision::Head).unwrap();
        assert_eq!(kept.commit.unwrap().to_string(), first);
    }
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert!(source.fetch_until(&cancel).await.is_err());
}

#[tokio::test]
async fn a_damaged_mirror_of_a_local_repository_is_rebuilt() {
    let (_host, repository) = host();
    let folder = tempfile::tempdir().unwrap();
    let options = options(&repository.url_file(), folder.path());
    repository
        .commit(&[("exchanges/a.yaml", Some("a"))], "a")
        .unwrap();
    let source = Source::open(options).unwrap();
    head(&source).await.unwrap();
    let objects = folder.path().join("state with a space/mirror.git/objects");
    fs::remove_dir_all(&objects).unwrap();
    fs::create_dir(&objects).unwrap();
    let second = repository
        .commit(&[("exchanges/b.yaml", Some("b"))], "b")
        .unwrap();
    assert_eq!(head(&source).await.unwrap(), second);
}

#[tokio::test]
async fn a_ref_that_cannot_be_updated_rebuilds_the_mirror() {
    let (_host, repository) = host();
    let folder = tempfile::tempdir().unwrap();
    let options = options(&repository.url_http(), folder.path());
    repository
        .commit(&[("exchanges/a.yaml", Some("a"))], "a")
        .unwrap();
    let source = Source::open(options).unwrap();
    head(&source).await.unwrap();
    let reference = folder
        .path()
        .join("state with a space/mirror.git/refs/natsx/fetched");
    fs::remove_file(&reference).unwrap();
    fs::create_dir(&reference).unwrap();
    fs::write(reference.join("blocks"), "not a ref").unwrap();
    let second = repository
        .commit(&[("exchanges/b.yaml", Some("b"))], "b")
        .unwrap();
    assert_eq!(head(&source).await.unwrap(), second);
}

#[tokio::test]
async fn without_a_state_folder_the_mirror_is_temporary() {
    let (_host, repository) = host();
    let first = repository
        .commit(&[("exchanges/a.yaml", Some("a"))], "a")
        .unwrap();
    let url = Location::parse(&repository.url_http()).unwrap();
    let source = Source::open(SourceOptions::new(url)).unwrap();
    assert_eq!(head(&source).await.unwrap(), first);
    let named = source.read(&Revision::Named(first.clone())).unwrap();
    assert_eq!(named.commit.unwrap().to_string(), first);
}
