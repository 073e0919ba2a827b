//! A plan of many exchanges from a picture of the world.

use std::time::Duration;

use anyhow::Result;

use super::live::all_unchanged;
use crate::bench::exchanges::Size;
use crate::bench::measure::{median, once};
use crate::bench::table::{Limit, Row, Table};
use crate::bench::world::{Servers, World};
use crate::interrupt::Interrupt;
use crate::program::Program;

/// What is promised for 10,000 exchanges.
const PROMISED: usize = 10_000;
const WALL: Duration = Duration::from_secs(3);
/// In MiB.
const MEMORY: usize = 300;
/// Of taking the picture; in MiB. No promise: it took 1,190 once, and is not to grow back.
const SNAPSHOT_MEMORY: usize = 640;

pub(super) fn measure(
    program: &Program,
    servers: &Servers,
    exchanges: usize,
    runs: usize,
    table: &mut Table,
    interrupt: &Interrupt,
) -> Result<()> {
    let size = Size {
        exchanges,
        clusters: 100,
        revisions: 1,
        prefix: "recorded".to_owned(),
        serverless: false,
    };
    let world = World::make(program, servers, &size, interrupt)?;
    let file = tempfile::NamedTempFile::new()?;
    let path = file.path().to_string_lossy().into_owned();
    let (cost, _) = once(&mut world.command(&["snapshot", "--out", &path]))?;
    let row = Row::new("natsx-sync snapshot", exchanges).cost(cost);
    let limit = (exchanges <= PROMISED).then(|| Limit::peak(cost, SNAPSHOT_MEMORY));
    table.add(row.limits(limit))?;
    interrupt.check()?;
    let plan = || {
        let mut command = program.command(&["plan", "--snapshot", &path, "--detailed-exitcode"]);
        command.arg("--source").arg(&world.repository.path);
        command
    };
    let (cost, said) = median(runs, plan)?;
    all_unchanged(&said, exchanges)?;
    let row = Row::new("natsx-sync plan --snapshot, nothing to do", exchanges);
    let row = row.runs(runs).cost(cost);
    let limits = [Limit::wall(cost, WALL), Limit::peak(cost, MEMORY)];
    let limits = limits.into_iter().filter(|_| exchanges <= PROMISED);
    let size = std::fs::metadata(&path)?.len() >> 20;
    table.add(row.limits(limits).note(format!("a file of {size} MiB")))
}
