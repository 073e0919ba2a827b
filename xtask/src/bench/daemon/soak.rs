//! A daemon that has always something to do: whether it grows.
//!
//! Exchanges come, change and go on two API servers, a commit every few seconds. Their StatefulSets are scaled to nothing.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;
use fleet::git_host::GitHost;

use super::place::Place;
use super::process::Daemon;
use crate::bench::exchanges::Size;
use crate::bench::measure::middle_of;
use crate::bench::table::{Limit, Row, Table, progress, share};
use crate::bench::world::Servers;
use crate::interrupt::Interrupt;
use crate::program::Program;

const EXCHANGES: usize = 30;
/// So often something is committed.
const COMMIT: Duration = Duration::from_secs(6);
/// So often it is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// What it may grow by within an hour, in MiB, once it has seen everything it works with: the second half counts. Two
/// medians of some minutes differ by a MiB or two for no reason.
const GROWTH: f64 = 12.0;
/// A shorter soak is over before that.
const SHORTEST: Duration = Duration::from_secs(20 * 60);

/// What it had at some moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Duration,
    memory: u64,
    files: usize,
}

pub(super) fn measure(
    program: &Program,
    time: Duration,
    table: &mut Table,
    interrupt: &Interrupt,
) -> Result<()> {
    let servers = Servers::start(2)?;
    let size = Size {
        exchanges: EXCHANGES,
        clusters: 2,
        revisions: 1,
        prefix: "soak".to_owned(),
        serverless: true,
    };
    let (folder, host) = (tempfile::tempdir()?, GitHost::start()?);
    let place = Place::make(
        &servers,
        &host,
        &size,
        &servers.fleet.chart(),
        folder.path(),
    )?;
    let daemon = Daemon::start(&mut place.run(program), &place.folder, interrupt)?;
    let began = Instant::now();
    let (mut samples, mut zombies) = (Vec::new(), 0);
    let mut before = BTreeSet::new();
    let mut round = 0;
    while began.elapsed() < time {
        place.churn(&size, round)?;
        round += 1;
        let next = COMMIT * round;
        while began.elapsed() < next {
            daemon.sleep(LOOK)?;
            let process = daemon.process();
            samples.push(Sample {
                at: began.elapsed(),
                memory: process.memory(),
                files: process.open_files(),
            });
            // One that is there twice is not waited for.
            let now = process.zombies();
            zombies = zombies.max(now.intersection(&before).count());
            before = now;
        }
        if round % 50 == 0
            && let Some(last) = samples.last()
        {
            let minutes = last.at.as_secs() / 60;
            let memory = last.memory >> 20;
            progress(&format!(
                "{minutes} min: {round} commits, {memory} MiB, {} open files",
                last.files
            ))?;
        }
    }
    let last = place.commit(&size)?;
    daemon.until("it has converged", |daemon| {
        daemon.status().is_converged(&last, EXCHANGES)
    })?;
    let passes = daemon.passes().len();
    let peak = daemon.process().peak_memory();
    daemon.stop()?;
    let later: Vec<Sample> = samples
        .iter()
        .copied()
        .filter(|sample| sample.at > time / 2)
        .collect();
    let (first, second) = later.split_at(later.len() / 2);
    let slope = slope(first, second);
    // While a helm runs there are pipes to it.
    let more_files = fewest(second).saturating_sub(fewest(first));
    let mut limits = vec![Limit::none("zombies", zombies)];
    if time >= SHORTEST {
        limits.extend([
            Limit::below("memory grows", slope, GROWTH, " MiB an hour"),
            Limit::none("more open files", more_files),
        ]);
    }
    let row = Row::new(format!("natsx-sync run, {round} commits"), EXCHANGES);
    table.add(
        row.wall(began.elapsed())
            .peak(peak)
            .limits(limits)
            .note(format!(
                "second half: memory grows {slope:.0} MiB an hour, open files by {more_files}"
            ))
            .note(format!("{} open files", fewest(second)))
            .note(format!("{passes} passes")),
    )
}

fn fewest(samples: &[Sample]) -> usize {
    samples
        .iter()
        .map(|sample| sample.files)
        .min()
        .unwrap_or_default()
}

/// From one half to the other, by their medians; in MiB an hour.
fn slope(first: &[Sample], second: &[Sample]) -> f64 {
    let memory = |samples: &[Sample]| {
        let middle = middle_of(samples.iter().map(|sample| sample.memory));
        share(usize::try_from(middle).unwrap_or(usize::MAX)) / f64::from(1 << 20)
    };
    let at = |samples: &[Sample]| middle_of(samples.iter().map(|sample| sample.at)).as_secs_f64();
    (memory(second) - memory(first)) / (at(second) - at(first)).max(1.0) * 3600.0
}
