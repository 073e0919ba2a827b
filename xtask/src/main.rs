//! The commands of this repository.

mod bench;
mod demo;
mod fleet_command;
mod interrupt;
mod package;
mod program;
mod running;
mod test;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The commands of this repository
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the main job on real clusters, step by step
    Demo(demo::Arguments),
    /// Run every test, on a fleet of real clusters
    Test,
    /// Measure
    Bench(bench::Arguments),
    /// Make the Debian package
    Package(package::Arguments),
    /// Start, end or show a local fleet of Kubernetes clusters
    Fleet(fleet_command::Arguments),
}

fn main() -> ExitCode {
    let Err(error) = run() else {
        return ExitCode::SUCCESS;
    };
    if error.is::<interrupt::Interrupted>() {
        // No fault: where it came from is nobody's question.
        writeln!(std::io::stderr(), "{error}").ok();
        return ExitCode::from(130);
    }
    writeln!(std::io::stderr(), "error: {error:?}").ok();
    ExitCode::FAILURE
}

fn run() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments, &interrupt::Interrupt::watch()?),
        Command::Test => test::run(),
        Command::Bench(arguments) => bench::run(&arguments, &interrupt::Interrupt::watch()?),
        Command::Package(arguments) => package::run(&arguments),
        Command::Fleet(arguments) => fleet_command::run(&arguments),
    }
}
