//! A git host as its clients see it.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use fleet::git_host::{Fault, GitHost, Login, SshAccess};

fn git(folder: &Path, arguments: &[&str]) -> Result<Output> {
    Ok(Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env_remove("GIT_DIR")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()?)
}

fn run(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = git(folder, arguments)?;
    ensure!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn refusal(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = git(folder, arguments)?;
    ensure!(!output.status.success(), "git {arguments:?} went through");
    Ok(String::from_utf8(output.stderr)?)
}

fn ssh_command(access: &SshAccess) -> String {
    format!(
        "core.sshCommand=ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile={} -i {}",
        access.known_hosts_file.display(),
        access.key_file.display()
    )
}

#[test]
fn one_commit_arrives_over_file_http_and_ssh() -> Result<()> {
    let host = GitHost::start()?;
    let repository = host.create("exchanges")?;
    let commit = repository.commit(
        &[
            ("exchanges/a.yaml", Some("name: a\n")),
            ("odd \"name\"", Some("")),
        ],
        "Add a",
    )?;
    let access = host
        .ssh()
        .context("openssh-server is needed for this test")?;
    let ssh = ssh_command(access);
    let folder = tempfile::tempdir()?;
    run(
        folder.path(),
        &["clone", "--quiet", &repository.url_file(), "file"],
    )?;
    run(
        folder.path(),
        &["clone", "--quiet", &repository.url_http(), "http"],
    )?;
    let url = repository.url_ssh().context("no ssh address")?;
    run(
        folder.path(),
        &["-c", &ssh, "clone", "--quiet", &url, "ssh"],
    )?;
    for clone in ["file", "http", "ssh"] {
        let clone = folder.path().join(clone);
        assert_eq!(run(&clone, &["rev-parse", "HEAD"])?, commit);
        assert_eq!(
            run(&clone, &["log", "-1", "--format=%an <%ae> %s"])?,
            "fleet <fleet@localhost> Add a"
        );
        assert_eq!(
            std::fs::read_to_string(clone.join("exchanges/a.yaml"))?,
            "name: a\n"
        );
        assert!(clone.join("odd \"name\"").exists());
    }
    Ok(())
}

#[test]
fn pushes_arrive_over_http_and_ssh() -> Result<()> {
    let host = GitHost::start()?;
    let repository = host.create("exchanges")?;
    repository.commit(&[("a", Some("1"))], "one")?;
    let ssh = ssh_command(
        host.ssh()
            .context("openssh-server is needed for this test")?,
    );
    let folder = tempfile::tempdir()?;
    let clone = folder.path().join("clone");
    run(
        folder.path(),
        &["clone", "--quiet", &repository.url_http(), "clone"],
    )?;
    for url in [
        repository.url_http(),
        repository.url_ssh().context("no ssh address")?,
    ] {
        let author = [
            "-c",
            "user.name=somebody",
            "-c",
            "user.email=somebody@localhost",
        ];
        run(
            &clone,
            &[
                &author[..],
                &["commit", "--quiet", "--allow-empty", "-m", "by hand"],
            ]
            .concat(),
        )?;
        run(&clone, &["-c", &ssh, "push", "--quiet", &url, "HEAD:main"])?;
        assert_eq!(
            repository.head()?,
            Some(run(&clone, &["rev-parse", "HEAD"])?)
        );
    }
    Ok(())
}

#[test]
fn history_grows_shrinks_and_is_rewritten() -> Result<()> {
    let host = GitHost::start()?;
    let repository = host.create("exchanges")?;
    assert_eq!(repository.head()?, None);
    let first = repository.commit(&[("a", Some("1")), ("b", Some("1"))], "one")?;
    let second = repository.commit(&[("a", None)], "two")?;
    let bare = repository.path().to_owned();
    assert_eq!(run(&bare, &["ls-tree", "--name-only", "main"])?, "b");
    assert_eq!(run(&bare, &["rev-parse", "main^"])?, first);
    repository.rewrite_to(&first)?;
    assert_eq!(repository.head()?, Some(first.clone()));
    let other = repository.commit(&[("c", Some("1"))], "another two")?;
    assert_ne!(other, second);
    assert_eq!(run(&bare, &["rev-parse", "main^"])?, first);
    assert!(host.create("exchanges").is_err());
    assert!(host.create("../out").is_err());
    Ok(())
}

#[test]
fn http_asks_for_a_login() -> Result<()> {
    let host = GitHost::start()?;
    let repository = host.create("exchanges")?;
    let commit = repository.commit(&[("a", Some("1"))], "one")?;
    host.require_login(Some(Login {
        username: "bot".into(),
        password: "secret".into(),
    }));
    let folder = tempfile::tempdir()?;
    let with = |login: &str| {
        repository
            .url_http()
            .replace("http://", &format!("http://{login}@"))
    };
    refusal(folder.path(), &["ls-remote", &repository.url_http()])?;
    let message = refusal(folder.path(), &["ls-remote", &with("bot:wrong")])?;
    assert!(message.contains("Authentication failed"), "{message}");
    assert!(run(folder.path(), &["ls-remote", &with("bot:secret"), "main"])?.starts_with(&commit));
    host.require_login(None);
    run(folder.path(), &["ls-remote", &repository.url_http()])?;
    Ok(())
}

#[test]
fn faults_come_and_go() -> Result<()> {
    let host = GitHost::start()?;
    let repository = host.create("exchanges")?;
    repository.commit(&[("a", Some("1"))], "one")?;
    let ssh = ssh_command(
        host.ssh()
            .context("openssh-server is needed for this test")?,
    );
    let folder = tempfile::tempdir()?;
    let http = repository.url_http();
    let over_http = ["ls-remote", http.as_str()];
    let url = repository.url_ssh().context("no ssh address")?;
    let over_ssh = ["-c", ssh.as_str(), "ls-remote", url.as_str()];
    host.break_with(Some(Fault::Status(500)));
    assert!(refusal(folder.path(), &over_http)?.contains("500"));
    run(folder.path(), &over_ssh)?;
    host.break_with(Some(Fault::Drop));
    refusal(folder.path(), &over_http)?;
    refusal(folder.path(), &over_ssh)?;
    host.break_with(Some(Fault::Slow(Duration::from_millis(300))));
    for arguments in [&over_http[..], &over_ssh[..]] {
        let start = Instant::now();
        run(folder.path(), arguments)?;
        assert!(start.elapsed() >= Duration::from_millis(300));
    }
    host.break_with(None);
    run(folder.path(), &over_http)?;
    Ok(())
}

#[test]
fn ssh_serves_git_to_its_key_and_nothing_else() -> Result<()> {
    let host = GitHost::start()?;
    let repository = host.create("exchanges")?;
    repository.commit(&[("a", Some("1"))], "one")?;
    let access = host
        .ssh()
        .context("openssh-server is needed for this test")?;
    let known_hosts = format!("UserKnownHostsFile={}", access.known_hosts_file.display());
    let output = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            &known_hosts,
            "-i",
        ])
        .arg(&access.key_file)
        .args([
            "-p",
            &access.port.to_string(),
            &format!("{}@127.0.0.1", access.user),
            "id",
        ])
        .output()?;
    assert_eq!(
        output.status.code(),
        Some(128),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.stdout.is_empty());
    let stranger = GitHost::start()?;
    let mut foreign = access.clone();
    foreign.key_file = stranger
        .ssh()
        .context("openssh-server is needed for this test")?
        .key_file
        .clone();
    let url = repository.url_ssh().context("no ssh address")?;
    let message = refusal(
        repository.path(),
        &["-c", &ssh_command(&foreign), "ls-remote", &url],
    )?;
    assert!(message.contains("Permission denied"), "{message}");
    Ok(())
}

#[test]
fn nothing_is_left_behind() -> Result<()> {
    let host = GitHost::start()?;
    let repository = host.create("exchanges")?;
    let url = repository.url_http();
    drop(host);
    assert!(!repository.path().exists());
    refusal(Path::new("/"), &["ls-remote", &url])?;
    Ok(())
}
