//! A plan of exchanges that are as wanted, on real API servers, and what others take to say as much.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::measure::median;
use super::peers;
use super::table::{Limit, Table};
use super::world::{Servers, Size, World};
use crate::interrupt::Interrupt;
use crate::program::Program;

/// What is promised for 1,000 exchanges.
const LIMIT: Limit = Limit {
    wall: Duration::from_secs(1),
    peak: Some(100),
};

pub(super) fn measure(
    program: &Program,
    servers: &Servers,
    exchanges: usize,
    beside: bool,
    table: &mut Table,
    interrupt: &Interrupt,
) -> Result<()> {
    let size = Size {
        exchanges,
        clusters: 10,
        revisions: 10,
        prefix: "live",
    };
    let world = World::make(program, servers, size, interrupt)?;
    let (helms, mutations) = (world.helms.started(), servers.mutations());
    // 2 if anything were to be done, 3 if anything could not be told.
    let plan = || world.command(&["plan", "--detailed-exitcode"]);
    let (cost, said) = median(table.runs, plan)?;
    all_unchanged(&said, exchanges)?;
    let helms = world.helms.started() - helms;
    let mutations = servers.mutations() - mutations;
    let limit = (exchanges <= 1_000).then_some(LIMIT);
    let note = format!("helm processes: {helms}, mutating requests: {mutations}");
    table.add(
        "natsx-sync plan, nothing to do",
        exchanges,
        cost,
        limit,
        &note,
    )?;
    ensure!(
        helms == 0,
        "a plan of nothing to do started helm {helms} times"
    );
    ensure!(mutations == 0, "a plan sent {mutations} mutating requests");
    interrupt.check()?;
    if beside {
        peers::measure(servers, size, (exchanges, cost), table, interrupt)?;
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
