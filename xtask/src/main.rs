//! The commands of this repository.

mod demo;
mod fleet_command;
mod test_command;

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
    /// Start, end or show a local fleet of Kubernetes clusters
    Fleet(fleet_command::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test => test_command::run(),
        Command::Fleet(arguments) => fleet_command::run(&arguments),
    }
}
