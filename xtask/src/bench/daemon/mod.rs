//! What a daemon takes, and what it stands.

mod converge;
mod dead;
mod journal;
mod kills;
mod late;
mod place;
mod process;
mod quiet;
mod soak;
mod status;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use self::quiet::{Promise, Quiet};
use super::table::Table;
use super::world::Servers;
use crate::interrupt::Interrupt;
use crate::program::Program;

const FEW: Promise = Promise {
    exchanges: 1_000,
    memory: 80,
};
const MANY: Promise = Promise {
    exchanges: 10_000,
    memory: 150,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Measure this alone (can be repeated)
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Releases that are installed
    #[arg(long, default_value_t = 100)]
    releases: usize,
    /// Runs of each who installs them; the median is shown
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Passes that find nothing to do; the median is shown
    #[arg(long, default_value_t = 5)]
    passes: usize,
    /// Exchanges of the daemon that finds nothing to do
    #[arg(long, default_value_t = 1_000)]
    exchanges: usize,
    /// Exchanges of the largest daemon that waits
    #[arg(long, default_value_t = 10_000)]
    many: usize,
    /// How long each of the two is watched while it waits
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    idle: Duration,
    /// How long commits are made one after the other
    #[arg(long, default_value = "30m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    soak: Duration,
    /// Commits pushed, one at a time, to each of five daemons, three of which have a dead or slow cluster
    #[arg(long, default_value_t = 100)]
    commits: usize,
    /// How often the daemon is killed
    #[arg(long, default_value_t = 10)]
    kills: usize,
    /// Leave what the daemons that wait found as it is until Ctrl-C, to look at one by hand
    #[arg(long)]
    keep: bool,
    /// Measure this natsx-sync instead of a release build of these sources
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// From a commit to new releases, beside helm
    Converge,
    /// A pass with nothing to do
    Pass,
    /// Nothing to do for a while
    Idle,
    /// Nothing to do for a while, for many more exchanges
    Many,
    /// From a push to a release, with one cluster of fifty dead or slow
    Dead,
    /// Many commits for a while
    Soak,
    /// Killed at random moments of many commits on two clusters with nodes
    Kills,
}

pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> Result<()> {
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let program = Program::get(arguments.program.as_deref())?;
    let mut table = Table::begin()?;
    if wanted(Part::Converge) {
        let (releases, runs) = (arguments.releases, arguments.runs);
        converge::measure(&program, releases, runs, &mut table, interrupt)?;
    }
    interrupt.check()?;
    if [Part::Pass, Part::Idle, Part::Many].into_iter().any(wanted) {
        quiet(arguments, wanted, &program, &mut table, interrupt)?;
    }
    interrupt.check()?;
    if wanted(Part::Dead) {
        dead::measure(&program, arguments.commits, &mut table, interrupt)?;
    }
    interrupt.check()?;
    if wanted(Part::Soak) {
        soak::measure(&program, arguments.soak, &mut table, interrupt)?;
    }
    interrupt.check()?;
    if wanted(Part::Kills) {
        kills::measure(&program, arguments.kills, &mut table, interrupt)?;
    }
    table.show()
}

/// What a daemon takes that finds nothing to do.
fn quiet(
    arguments: &Arguments,
    wanted: impl Fn(Part) -> bool,
    program: &Program,
    table: &mut Table,
    interrupt: &Interrupt,
) -> Result<()> {
    let servers = Servers::start(2)?;
    if wanted(Part::Pass) || wanted(Part::Idle) {
        let size = (arguments.exchanges, 10);
        let quiet = Quiet::make(program, &servers, size, interrupt)?;
        if wanted(Part::Pass) {
            quiet.passes(arguments.passes, table)?;
        }
        if wanted(Part::Idle) {
            quiet.idle(arguments.idle, FEW, table)?;
        }
        if arguments.keep {
            quiet.keep()?;
        }
    }
    if wanted(Part::Many) {
        let size = (arguments.many, 100);
        let quiet = Quiet::make(program, &servers, size, interrupt)?;
        quiet.idle(arguments.idle, MANY, table)?;
        if arguments.keep {
            quiet.keep()?;
        }
    }
    Ok(())
}
