//! `cargo xtask test`: everything, on real clusters.

use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use fleet::{Fleet, FleetOptions};

/// The fleet of the tests; another one may run beside it.
const FLEET: &str = "test";
/// Tests that need the fleet exist only with this feature, so that a plain `cargo test` never half-works.
const FEATURE: &str = "natsx-sync/fleet-tests";
/// Each pod takes the servers' start-up time, not the processor's: more tests at once than cores.
const THREADS: &str = "4";

pub(crate) fn run() -> Result<()> {
    let began = Instant::now();
    let root = fleet::tools::is_root();
    say("1/3 build everything")?;
    cargo(&["test", "--workspace", "--features", FEATURE, "--no-run"])?;
    if !root {
        say(
            "not root: no nodes can be started. SKIPPED: every test of tests/road, counted as skipped and not as passed",
        )?;
        cargo(&["test", "--workspace"])?;
        return summary("without root", began);
    }
    say("2/3 start the fleet (two clusters)")?;
    Fleet::up(&FleetOptions {
        name: FLEET.to_owned(),
        clusters: 2,
    })
    .context("a fleet that cannot start is a failed run")?;
    say("3/3 run every test")?;
    let result = cargo(&[
        "test",
        "--workspace",
        "--features",
        FEATURE,
        "--no-fail-fast",
        "--",
        "--test-threads",
        THREADS,
    ]);
    let down = Fleet::down(FLEET);
    result?;
    down?;
    summary("on a fleet", began)
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let began = Instant::now();
    let status = Command::new(env!("CARGO"))
        .args(arguments)
        .env("NATSX_FLEET", FLEET)
        .status()?;
    ensure!(status.success(), "cargo {} failed", arguments.join(" "));
    say(&format!("    in {}", shown(began.elapsed())))
}

fn summary(how: &str, began: Instant) -> Result<()> {
    say(&format!(
        "all tests passed {how} in {}",
        shown(began.elapsed())
    ))
}

fn shown(time: Duration) -> String {
    format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
}

fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "== {text}").context("nobody listens")
}
