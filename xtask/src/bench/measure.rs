//! What runs of a program cost.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use wait4::Wait4 as _;

/// What a run takes, the processes it starts included.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// From start to end.
    pub(super) wall: Duration,
    /// Of user and system.
    pub(super) cpu: Duration,
    /// The most memory one process of it had, in bytes. The kernel counts what we had ourselves when we started it, so we
    /// stay small.
    pub(super) peak: u64,
}

/// Runs a program that has to succeed, and gives what it cost and said.
pub(super) fn once(command: &mut Command) -> Result<(Cost, String)> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (mut said, mut complained) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(said.try_clone()?)
        .stderr(complained.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let used = child.wait4()?;
    let wall = began.elapsed();
    let said = text(&mut said)?;
    ensure!(
        used.status.success(),
        "{command:?} ended with {}:\n{}\n{}",
        used.status,
        text(&mut complained)?.trim_end(),
        said.lines().take(40).collect::<Vec<_>>().join("\n")
    );
    let cost = Cost {
        wall,
        cpu: used.rusage.utime + used.rusage.stime,
        peak: used.rusage.maxrss,
    };
    Ok((cost, said))
}

/// Medians of several runs; and what the last one said.
pub(super) fn median(runs: usize, command: impl Fn() -> Command) -> Result<(Cost, String)> {
    let mut costs = Vec::new();
    let mut last = String::new();
    for _ in 0..runs.max(1) {
        let (cost, said) = once(&mut command())?;
        costs.push(cost);
        last = said;
    }
    Ok((middle(&costs), last))
}

/// Medians, but the highest peak.
pub(super) fn middle(costs: &[Cost]) -> Cost {
    let of = |time: fn(&Cost) -> Duration| middle_of(costs.iter().map(time));
    Cost {
        wall: of(|cost| cost.wall),
        cpu: of(|cost| cost.cpu),
        peak: costs.iter().map(|cost| cost.peak).max().unwrap_or_default(),
    }
}

/// The median; the later of two in the middle.
pub(super) fn middle_of<T: Ord + Copy + Default>(all: impl Iterator<Item = T>) -> T {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// What so many of a hundred do not exceed.
pub(super) fn percentile(all: &[Duration], share: usize) -> Duration {
    let mut all = all.to_vec();
    all.sort_unstable();
    let within = (all.len() * share).div_ceil(100);
    all.get(within.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

/// Runs all of `commands`, so many at a time, and gives what it cost together.
pub(super) fn all(commands: Vec<Command>, parallel: usize) -> Result<Cost> {
    let began = Instant::now();
    let left = Mutex::new(commands.into_iter());
    let work = || -> Result<Cost> {
        let mut sum = Cost::default();
        loop {
            let next = left.lock().map(|mut left| left.next()).ok().flatten();
            let Some(mut command) = next else {
                return Ok(sum);
            };
            let (cost, _) = once(&mut command)?;
            sum.cpu += cost.cpu;
            sum.peak = sum.peak.max(cost.peak);
        }
    };
    let sums: Vec<Result<Cost>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..parallel.max(1)).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined
            .map(|sum| sum.unwrap_or_else(|_| Err(anyhow::anyhow!("measuring panicked"))))
            .collect()
    });
    let mut total = Cost::default();
    for sum in sums {
        let sum = sum?;
        total.cpu += sum.cpu;
        total.peak = total.peak.max(sum.peak);
    }
    total.wall = began.elapsed();
    Ok(total)
}

fn text(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
