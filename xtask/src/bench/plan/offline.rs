//! An offline plan of a branch that changes ten files of a large repository, beside what git itself takes to list them.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::bench::exchanges::{Repository, Size};
use crate::bench::measure::median;
use crate::bench::table::{Limit, Row, Table};
use crate::program::Program;

/// What is promised for 10,000 files.
const PROMISED: usize = 10_000;
const WALL: Duration = Duration::from_millis(1500);

pub(super) fn measure(
    program: &Program,
    files: usize,
    runs: usize,
    table: &mut Table,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let size = Size {
        exchanges: files,
        clusters: 100,
        revisions: 0,
        prefix: "team".to_owned(),
        serverless: false,
    };
    let repository = Repository::make(folder.path(), size.all(), 10)?;
    let at = |mut command: Command| {
        command.current_dir(&repository.path);
        command
    };
    let ours = |arguments: &'static [&'static str]| move || at(program.command(arguments));
    let plan = ours(&["plan", "--offline", "--base", "main"]);
    let (cost, _) = median(runs, plan)?;
    let row = |what: &str| Row::new(what, files).runs(runs);
    let limit = (files <= PROMISED).then(|| Limit::wall(cost, WALL));
    let plan = row("natsx-sync plan --offline, 10 changes");
    table.add(plan.cost(cost).limits(limit))?;
    let (cost, _) = median(runs, ours(&["validate"]))?;
    table.add(row("natsx-sync validate").cost(cost))?;
    let git = || {
        let mut command = Command::new("git");
        command.args(["diff", "--name-status", "main...HEAD"]);
        at(command)
    };
    let (cost, _) = median(runs, git)?;
    table.add(row("git diff --name-status").cost(cost))
}
