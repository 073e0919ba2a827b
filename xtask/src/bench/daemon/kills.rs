//! `kill -9` at random moments of a churn of commits: the test that does so, with a release build and more often.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fleet::{Fleet, FleetOptions};

use crate::bench::table::{Limit, Row, Table, progress};
use crate::interrupt::Interrupt;
use crate::program::Program;

/// Of its clusters, which have nodes; another fleet may run beside it.
const FLEET: &str = "bench-kills";
const TEST: &str =
    "churn::killed_at_any_moment_of_many_commits_it_converges_with_one_release_and_one_record_each";
/// Without the time in which a helm runs.
const CONVERGED: Duration = Duration::from_secs(30);

pub(super) fn measure(
    program: &Program,
    kills: usize,
    table: &mut Table,
    interrupt: &Interrupt,
) -> Result<()> {
    let what = "natsx-sync run, killed and started again";
    if !fleet::tools::is_root() {
        return table.add(Row::new(what, 3).note("not measured: nodes need root"));
    }
    let up = Fleet::up(&FleetOptions {
        name: FLEET.to_owned(),
        clusters: 2,
        nodes: true,
    });
    let took = up.and_then(|_| churn(program, kills, interrupt));
    Fleet::down(FLEET)?;
    let (slowest, without_helm) = took?;
    let limit = Limit::below(
        "longest without helm",
        without_helm,
        CONVERGED.as_secs_f64(),
        " s",
    );
    let row = Row::new(what, 3)
        .runs(kills)
        .wall(Duration::from_secs_f64(slowest));
    table.add(row.limits([limit]).note(
        "wall: of the slowest, from start to converged; one release and one record each, no helm left",
    ))
}

/// The slowest round, and the longest time in one in which no helm ran; in seconds.
fn churn(program: &Program, kills: usize, interrupt: &Interrupt) -> Result<(f64, f64)> {
    let mut cargo = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--features", "fleet-tests"])
        .args(["--package", "natsx-sync", "--test", "road"])
        .args(["--", "--exact", TEST, "--nocapture"])
        .env("NATSX_FLEET", FLEET)
        .env("NATSX_KILLS", kills.to_string())
        .env("NATSX_PROGRAM", program.path())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let output = cargo.stdout.take().context("no pipe from cargo")?;
    let (status, said) = std::thread::scope(|scope| {
        let read = scope.spawn(|| -> Result<Option<String>> {
            let mut last = None;
            for line in BufReader::new(output).lines() {
                let line = line?;
                if line.starts_with("round ") {
                    progress(&line)?;
                } else if line.starts_with("killed ") {
                    last = Some(line);
                }
            }
            Ok(last)
        });
        let status = interrupt.wait(&mut cargo);
        let said = read.join();
        let said = said.unwrap_or_else(|_| Err(anyhow::anyhow!("reading the results panicked")));
        (status, said)
    });
    let status = status?;
    interrupt.check()?;
    ensure!(status.success(), "it did not converge each time");
    let said = said?.context("the test did not say how it went")?;
    let after = |words: &str| -> Result<f64> {
        let (_, rest) = said.split_once(words).context(said.clone())?;
        let number = rest.split_whitespace().next().unwrap_or_default();
        Ok(number.parse()?)
    };
    Ok((after("slowest ")?, after("without helm ")?))
}
