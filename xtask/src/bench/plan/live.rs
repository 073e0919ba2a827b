//! A plan of exchanges that are as wanted, on real API servers, and what others take to say as much.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::peers;
use crate::bench::exchanges::Size;
use crate::bench::measure::median;
use crate::bench::table::{Limit, Row, Table};
use crate::bench::world::{Servers, World};
use crate::interrupt::Interrupt;
use crate::program::Program;

/// What is promised for 1,000 exchanges.
const PROMISED: usize = 1_000;
const WALL: Duration = Duration::from_secs(1);
/// In MiB.
const MEMORY: usize = 100;

#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) exchanges: usize,
    pub(super) runs: usize,
    /// Others beside it.
    pub(super) peers: bool,
}

pub(super) fn measure(
    program: &Program,
    servers: &Servers,
    wanted: Wanted,
    table: &mut Table,
    interrupt: &Interrupt,
) -> Result<()> {
    let Wanted {
        exchanges,
        runs,
        peers,
    } = wanted;
    let size = Size {
        exchanges,
        clusters: 10,
        revisions: 10,
        prefix: "live".to_owned(),
        serverless: false,
    };
    let world = World::make(program, servers, &size, interrupt)?;
    let (helms, mutations) = (world.helms.started(), servers.mutations());
    // 2 if anything were to be done, 3 if anything could not be told.
    let plan = || world.command(&["plan", "--detailed-exitcode"]);
    let (cost, said) = median(runs, plan)?;
    all_unchanged(&said, exchanges)?;
    let helms = world.helms.started() - helms;
    let mutations = servers.mutations() - mutations;
    let mut limits = vec![
        Limit::none("helm processes", helms),
        Limit::none("mutating requests", mutations),
    ];
    // A promise about another number of exchanges than was measured is not looked at.
    if exchanges <= PROMISED {
        limits.extend([Limit::wall(cost, WALL), Limit::peak(cost, MEMORY)]);
    }
    let row = Row::new("natsx-sync plan, nothing to do", exchanges);
    table.add(row.runs(runs).cost(cost).limits(limits))?;
    interrupt.check()?;
    if peers {
        peers::measure(servers, &size, (exchanges, cost), table, interrupt)?;
    }
    Ok(())
}

/// Whether a plan says that there is nothing to do for any of them.
pub(super) fn all_unchanged(said: &str, exchanges: usize) -> Result<()> {
    let words = format!("{exchanges} unchanged");
    ensure!(
        said.contains(&words),
        "the plan does not say {words:?}:\n{said}"
    );
    Ok(())
}
