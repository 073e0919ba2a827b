//! How long plans take and how much memory, beside what others take to say as much.

mod live;
mod offline;
mod peers;
mod recorded;

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use super::table::Table;
use super::world::Servers;
use crate::interrupt::Interrupt;
use crate::program::Program;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Measure this alone (can be repeated)
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Exchange files of the plan from git alone
    #[arg(long, default_value_t = 10_000)]
    files: usize,
    /// Exchanges on real API servers
    #[arg(long, default_value_t = 1_000)]
    exchanges: usize,
    /// Exchanges of the recorded world
    #[arg(long, default_value_t = 10_000)]
    recorded: usize,
    /// Runs per figure of natsx-sync; the median is shown
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Measure this natsx-sync instead of a release build of these sources
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// From git alone
    Offline,
    /// From real API servers
    Live,
    /// What a user would do otherwise, on the same servers
    Peers,
    /// From a recorded world
    Recorded,
}

pub(super) fn run(arguments: &Arguments, interrupt: &Interrupt) -> Result<()> {
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let program = Program::get(arguments.program.as_deref())?;
    let mut table = Table::begin()?;
    let runs = arguments.runs;
    if wanted(Part::Offline) {
        offline::measure(&program, arguments.files, runs, &mut table)?;
    }
    interrupt.check()?;
    if [Part::Live, Part::Peers, Part::Recorded]
        .into_iter()
        .any(wanted)
    {
        let servers = Servers::start(2)?;
        if wanted(Part::Live) || wanted(Part::Peers) {
            let live = live::Wanted {
                exchanges: arguments.exchanges,
                runs,
                peers: wanted(Part::Peers),
            };
            live::measure(&program, &servers, live, &mut table, interrupt)?;
        }
        interrupt.check()?;
        if wanted(Part::Recorded) {
            let exchanges = arguments.recorded;
            recorded::measure(&program, &servers, exchanges, runs, &mut table, interrupt)?;
        }
    }
    table.show()
}
