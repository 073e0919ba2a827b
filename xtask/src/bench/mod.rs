//! `cargo xtask bench`: figures that anyone can measure again.

mod api;
mod daemon;
mod exchanges;
mod helms;
mod measure;
mod plan;
mod registry;
mod stored;
mod table;
mod world;

use anyhow::Result;

use crate::interrupt::Interrupt;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// How long a plan takes and how much memory, from git alone, from a recorded world and from real API servers, beside helm
    Plan(plan::Arguments),
    /// What a daemon takes to converge, to find nothing to do and to wait, and how it stands being killed
    Daemon(daemon::Arguments),
}

pub(crate) fn run(arguments: &Arguments, interrupt: &Interrupt) -> Result<()> {
    match &arguments.what {
        What::Plan(arguments) => plan::run(arguments, interrupt),
        What::Daemon(arguments) => daemon::run(arguments, interrupt),
    }
}
