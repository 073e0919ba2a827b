//! An offline plan of a branch that changes ten files of a large repository, beside what git itself takes to list them.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// Runs per figure; the median is shown.
const RUNS: usize = 5;
/// What an offline plan of 10,000 files may take.
const LIMIT: Duration = Duration::from_millis(1500);

pub(super) fn run(files: usize) -> Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--bin", "natsx-sync"])
        .status()?;
    ensure!(status.success(), "cargo build failed");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("../target/release/natsx-sync").canonicalize()?;
    let program = program.to_str().context("a path that is no text")?;
    let folder = tempfile::tempdir()?;
    let work = folder.path();
    make(work, files)?;
    let plan = median(work, &[program, "plan", "--offline", "--base", "main"])?;
    let validate = median(work, &[program, "validate"])?;
    let git = median(work, &["git", "diff", "--name-status", "main...HEAD"])?;
    let mut out = std::io::stdout();
    for (what, time) in [
        ("natsx-sync plan --offline", plan),
        ("natsx-sync validate", validate),
        ("git diff --name-status", git),
    ] {
        writeln!(
            out,
            "{files} files  {what:28}  {:7.3} s",
            time.as_secs_f64()
        )?;
    }
    ensure!(
        files > 10_000 || plan < LIMIT,
        "an offline plan may take {:.1} s",
        LIMIT.as_secs_f64()
    );
    Ok(())
}

/// A repository with `files` exchanges on `main`, and a branch that changes ten of them.
fn make(work: &Path, files: usize) -> Result<()> {
    git(work, &["init", "-q", "-b", "main"])?;
    fs::create_dir_all(work.join("profiles"))?;
    fs::write(
        work.join("profiles/production.yaml"),
        "container.image.pullPolicy: IfNotPresent\nconfig.merge.max_connections: 10000\n",
    )?;
    for number in 0..files {
        let text = exchange(number, 3);
        let path = work.join(path(number));
        fs::create_dir_all(path.parent().context("below a folder")?)?;
        fs::write(path, text)?;
    }
    commit(work)?;
    git(work, &["checkout", "-q", "-b", "topic"])?;
    for number in 0..files.min(10) {
        fs::write(work.join(path(number)), exchange(number, 5))?;
    }
    commit(work)
}

fn path(number: usize) -> String {
    format!("exchanges/team-{:03}/nats-{number:05}.yaml", number / 100)
}

fn exchange(number: usize, replicas: u8) -> String {
    format!(
        "name: Exchange {number}\nrelease_name: nats-{number:05}\ncluster_id: cluster-{:02}\norg_ids: [org{:03}]\nprofiles: [production]\nhelm_values:\n  config.jetstream.enabled: true\n  config.jetstream.fileStore.pvc.size: {}Gi\n  config:\n    cluster: {{enabled: true, replicas: {replicas}}}\n    monitor: {{enabled: true}}\n  container.resources.limits.memory: 2Gi\nmetadata: {{team: team-{:03}, region: us-east}}\n",
        number % 100,
        number % 7,
        1 + number % 9,
        number / 100,
    )
}

fn commit(work: &Path) -> Result<()> {
    git(work, &["add", "--all"])?;
    git(work, &["commit", "-q", "-m", "change"])
}

fn git(work: &Path, arguments: &[&str]) -> Result<()> {
    let status = Command::new("git")
        .current_dir(work)
        .args([
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@example.org",
        ])
        .args(arguments)
        .status()?;
    ensure!(status.success(), "git {} failed", arguments.join(" "));
    Ok(())
}

fn median(work: &Path, words: &[&str]) -> Result<Duration> {
    let (program, arguments) = words.split_first().context("a program")?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        let done = Command::new(program)
            .current_dir(work)
            .args(arguments)
            .output()?;
        times.push(began.elapsed());
        ensure!(
            done.status.success(),
            "{}: {}",
            words.join(" "),
            String::from_utf8_lossy(&done.stderr)
        );
    }
    times.sort_unstable();
    times.get(RUNS / 2).copied().context("no run")
}
