//! `completions`: what a shell needs to complete the command line.

use clap_complete::Shell;

use super::{Cli, Done, Output};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  natsx-sync completions bash > ~/.local/share/bash-completion/completions/natsx-sync"
)]
pub(super) struct Args {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args, output: &Output) -> Done {
    let mut command = Cli::command_line();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    output.result(&String::from_utf8(script)?);
    Ok(0)
}
