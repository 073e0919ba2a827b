//! A plan of many exchanges from a picture of the world.

use std::time::Duration;

use anyhow::Result;

use super::live::all_unchanged;
use super::measure::{median, once};
use super::table::{Limit, Table};
use super::world::{Servers, Size, World};
use crate::interrupt::Interrupt;
use crate::program::Program;

/// What is promised for 10,000 exchanges.
const LIMIT: Limit = Limit {
    wall: Duration::from_secs(3),
    peak: Some(300),
};

pub(super) fn measure(
    program: &Program,
    servers: &Servers,
    exchanges: usize,
    table: &mut Table,
    interrupt: &Interrupt,
) -> Result<()> {
    let size = Size {
        exchanges,
        clusters: 100,
        revisions: 1,
        prefix: "recorded",
    };
    let world = World::make(program, servers, size, interrupt)?;
    let file = tempfile::NamedTempFile::new()?;
    let path = file.path().to_string_lossy().into_owned();
    let (cost, _) = once(&mut world.command(&["snapshot", "--out", &path]))?;
    table.add("natsx-sync snapshot", exchanges, cost, None, "one run")?;
    interrupt.check()?;
    let plan = || {
        let mut command = program.command(&["plan", "--snapshot", &path, "--detailed-exitcode"]);
        command.arg("--source").arg(&world.repository.path);
        command
    };
    let (cost, said) = median(table.runs, plan)?;
    all_unchanged(&said, exchanges)?;
    let limit = (exchanges <= 10_000).then_some(LIMIT);
    let size = std::fs::metadata(&path)?.len() >> 20;
    table.add(
        "natsx-sync plan --snapshot, nothing to do",
        exchanges,
        cost,
        limit,
        &format!("a file of {size} MiB"),
    )
}
