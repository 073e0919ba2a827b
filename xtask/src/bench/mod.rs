//! `cargo xtask bench`: figures that anyone can measure again.

mod offline;

use anyhow::{Result, ensure};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// How long a plan takes
    Plan {
        /// From git alone, in a repository of many files
        #[arg(long)]
        offline: bool,
        /// Exchange files
        #[arg(long, default_value_t = 10_000)]
        files: usize,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match arguments.what {
        What::Plan { offline, files } => {
            ensure!(offline, "only `bench plan --offline` is there yet");
            offline::run(files)
        }
    }
}
