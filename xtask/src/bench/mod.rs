//! `cargo xtask bench`: figures that anyone can measure again.

mod api;
mod exchanges;
mod helms;
mod live;
mod measure;
mod offline;
mod peers;
mod recorded;
mod registry;
mod stored;
mod table;
mod world;

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::interrupt::Interrupt;
use crate::program::Program;
use table::Table;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// How long a plan takes and how much memory, from git alone, from a recorded world and from real API servers, beside helm and
    /// helmfile
    Plan(Plan),
}

#[derive(Debug, clap::Args)]
struct Plan {
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

pub(crate) fn run(arguments: &Arguments, interrupt: &Interrupt) -> Result<()> {
    match &arguments.what {
        What::Plan(plan) => bench_plan(plan, interrupt),
    }
}

fn bench_plan(plan: &Plan, interrupt: &Interrupt) -> Result<()> {
    let wanted = |part| plan.only.is_empty() || plan.only.contains(&part);
    let program = Program::get(plan.program.as_deref())?;
    let mut table = Table::begin(plan.runs)?;
    if wanted(Part::Offline) {
        offline::measure(&program, plan.files, &mut table)?;
    }
    interrupt.check()?;
    if [Part::Live, Part::Peers, Part::Recorded]
        .into_iter()
        .any(wanted)
    {
        let servers = world::Servers::start()?;
        if wanted(Part::Live) || wanted(Part::Peers) {
            let peers = wanted(Part::Peers);
            live::measure(
                &program,
                &servers,
                plan.exchanges,
                peers,
                &mut table,
                interrupt,
            )?;
        }
        interrupt.check()?;
        if wanted(Part::Recorded) {
            recorded::measure(&program, &servers, plan.recorded, &mut table, interrupt)?;
        }
    }
    table.show()
}
