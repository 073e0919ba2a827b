//! An offline plan of a branch that changes ten files of a large repository, beside what git itself takes to list them.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::exchanges::{Exchange, Repository};
use super::measure::median;
use super::table::{Limit, Table};
use crate::program::Program;

/// What is promised for 10,000 files.
const LIMIT: Limit = Limit {
    wall: Duration::from_millis(1500),
    peak: None,
};

pub(super) fn measure(program: &Program, files: usize, table: &mut Table) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let exchanges = Exchange::all(files, 100, "team");
    let repository = Repository::make(folder.path(), exchanges, 10)?;
    let at = |mut command: Command| {
        command.current_dir(&repository.path);
        command
    };
    let limit = (files <= 10_000).then_some(LIMIT);
    let ours = |arguments: &'static [&'static str]| move || at(program.command(arguments));
    let plan = ours(&["plan", "--offline", "--base", "main"]);
    let (cost, _) = median(table.runs, plan)?;
    table.add(
        "natsx-sync plan --offline, 10 changes",
        files,
        cost,
        limit,
        "",
    )?;
    let (cost, _) = median(table.runs, ours(&["validate"]))?;
    table.add("natsx-sync validate", files, cost, None, "")?;
    let git = || {
        let mut command = Command::new("git");
        command.args(["diff", "--name-status", "main...HEAD"]);
        at(command)
    };
    let (cost, _) = median(table.runs, git)?;
    table.add("git diff --name-status", files, cost, None, "")
}
