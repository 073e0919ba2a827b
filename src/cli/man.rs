//! `man`: the manual pages, made from the same words as `--help`.

use std::path::PathBuf;

use anyhow::Context as _;

use super::{Cli, Done, Output};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync man | man -l -\n  natsx-sync man --out /usr/local/share/man/man1"
)]
pub(super) struct Args {
    /// Write a page for every command into this folder, instead of printing the first
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &Output) -> Done {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command_line()).render(&mut page)?;
        output.result(&String::from_utf8(page)?);
        return Ok(0);
    };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    clap_mangen::generate_to(Cli::command_line(), folder)
        .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
    output.result(&format!("wrote the manual pages to {}", folder.display()));
    Ok(0)
}
