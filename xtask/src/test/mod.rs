//! `cargo xtask test`: everything, on real clusters.

mod tally;

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use fleet::{Fleet, FleetOptions};

use crate::demo;
use crate::interrupt::Interrupt;
use tally::{Tally, say, shown};

/// The fleet of the tests; another one may run beside it.
const FLEET: &str = "test";
/// Tests that need the fleet exist only with the first of these, so that a plain `cargo test` never half-works. With the second
/// everything is built once, and no other build has to be made for its tests.
const FEATURES: &str = "natsx-sync/fleet-tests,natsx-sync/otel";
/// Each pod takes the servers' start-up time, not the processor's: more tests at once than cores.
const THREADS: &str = "4";

pub(crate) fn run() -> Result<()> {
    let interrupt = Interrupt::watch()?;
    let mut tally = Tally::default();
    let result = if fleet::tools::is_root() {
        on_a_fleet(&mut tally, &interrupt)
    } else {
        without_root(&mut tally, &interrupt)
    };
    tally.show()?;
    // What an interrupt broke is no failure of its own.
    interrupt.check()?;
    result?;
    say(&format!("all tests passed in {}", shown(tally.elapsed())))
}

fn on_a_fleet(tally: &mut Tally, interrupt: &Interrupt) -> Result<()> {
    say("1/4 build everything")?;
    build(tally, interrupt, &["--features", FEATURES])?;
    say("2/4 start the fleet (two clusters)")?;
    let tested = fleet(tally).and_then(|()| {
        interrupt.check()?;
        say("3/4 run every test")?;
        tests(tally, interrupt, &["--features", FEATURES])
    });
    let began = Instant::now();
    let down = Fleet::down(FLEET);
    tally.part("fleet down", began);
    tested?;
    down?;
    interrupt.check()?;
    say("4/4 the demo of the README")?;
    let began = Instant::now();
    let shown = demo::run_built(interrupt);
    tally.part("cargo xtask demo", began);
    shown.context("the demo failed")
}

fn without_root(tally: &mut Tally, interrupt: &Interrupt) -> Result<()> {
    say("1/2 build everything; not root: no node can be started, so what needs one is skipped")?;
    build(tally, interrupt, &["--features", FEATURES])?;
    let listed = Command::new(env!("CARGO"))
        .args([
            "test",
            "--features",
            FEATURES,
            "--test",
            "road",
            "--",
            "--list",
        ])
        .stderr(Stdio::null())
        .output()?;
    ensure!(
        listed.status.success(),
        "the tests of tests/road cannot be listed"
    );
    let listed = String::from_utf8_lossy(&listed.stdout);
    let road = listed.lines().filter(|line| line.ends_with(": test"));
    tally.skip("tests/road", road.count());
    tally.skip("cargo xtask demo", 1);
    say("2/2 run every other test")?;
    tests(tally, interrupt, &[])
}

fn build(tally: &mut Tally, interrupt: &Interrupt, features: &[&str]) -> Result<()> {
    let began = Instant::now();
    let mut cargo = Command::new(env!("CARGO"))
        .args(["test", "--workspace", "--no-run"])
        .args(features)
        .spawn()?;
    let status = interrupt.wait(&mut cargo)?;
    tally.part("build", began);
    interrupt.check()?;
    ensure!(status.success(), "it does not build");
    Ok(())
}

fn fleet(tally: &mut Tally) -> Result<()> {
    let began = Instant::now();
    Fleet::up(&FleetOptions {
        name: FLEET.to_owned(),
        clusters: 2,
        nodes: true,
    })
    .context("a fleet that cannot start is a failed run")?;
    tally.part("fleet up", began);
    Ok(())
}

fn tests(tally: &mut Tally, interrupt: &Interrupt, features: &[&str]) -> Result<()> {
    // One pipe for both, as cargo names a test program on one and the program gives its result on the other.
    let (reader, writer) = std::io::pipe()?;
    let mut cargo = Command::new(env!("CARGO"))
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(features)
        .args(["--", "--test-threads", THREADS])
        .env("NATSX_FLEET", FLEET)
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()?;
    let status = std::thread::scope(|scope| {
        let read = scope.spawn(|| tally.read(reader, std::io::stdout()));
        let status = interrupt.wait(&mut cargo);
        read.join()
            .map_err(|_| anyhow::anyhow!("reading the results panicked"))??;
        status
    })?;
    interrupt.check()?;
    ensure!(status.success(), "tests failed");
    ensure!(
        tally.is_plausible(),
        "cargo test ended well, but no test was counted"
    );
    Ok(())
}
