//! The command line: one file per command; each turns what was typed into one call of the library and its result
//! into a report. Results go to stdout, everything else to stderr.

#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "`Output` is lent to every command, whatever it comes to hold"
)]

mod apply;
mod approve;
mod completions;
mod config;
mod doctor;
mod explain;
mod file;
mod forget;
mod gone;
mod history;
mod init;
mod man;
mod named;
mod options;
mod output;
mod path;
mod plan;
mod reconcile;
mod registry;
mod run;
mod said;
mod schema;
mod snapshot;
mod status;
mod suspend;
mod taken;
mod telemetry;
mod validate;
mod version;
mod wait;
mod why;

use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use options::Common;
pub use output::Output;

/// Exit code of a command line that makes no sense.
pub const USAGE: u8 = 64;
/// Exit code of a bug of ours.
pub const BUG: u8 = 70;
/// Exit code where another natsx-sync holds what is needed.
pub const LOCKED: u8 = 6;
/// Exit code where nothing is called as was asked.
pub const NOTHING_MATCHED: u8 = 7;
/// Exit code of work that was told to stop.
pub const INTERRUPTED: u8 = 130;
/// Exit code of any other failure.
pub const ERROR: u8 = 1;

/// Makes NATS exchanges match a git repository
#[derive(Debug, Parser)]
#[command(
    name = "natsx-sync",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  natsx-sync plan --source examples             what would happen; needs no cluster\n  natsx-sync run --source . --kubeconfig my-cluster=$HOME/.kube/config\n                                                make it so, and keep it so\n  natsx-sync status                             what runs, what waits and why"
)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check exchange files and say what is wrong where
    Validate(validate::Args),
    /// Show what would happen
    Plan(plan::Args),
    /// Save a picture of clusters and registry, without secrets, for plans made elsewhere
    Snapshot(snapshot::Args),
    /// Make clusters and registry match the repository, once
    Apply(apply::Args),
    /// Make them match and keep them so (the daemon)
    Run(run::Args),
    /// Show every exchange: phase, revision, health and why
    Status(status::Args),
    /// Say what holds an exchange back and what to do about it
    Why(why::Args),
    /// Show what was done, from the journal
    History(history::Args),
    /// Hold an exchange: it is observed and not changed
    Suspend(suspend::SuspendArgs),
    /// Hold it no longer
    Resume(suspend::ResumeArgs),
    /// Look at the repository and the clusters again now
    Reconcile(reconcile::Args),
    /// Let through what a guard holds back: removals, or a cluster that was replaced
    Approve(approve::Args),
    /// Forget what is known of a cluster that is no longer in the inventory
    Forget(forget::Args),
    /// Wait until exchanges are ready at a commit
    Wait(wait::Args),
    /// Make a repository with a first exchange
    Init(init::Args),
    /// Serve or read the Backbone Registry
    Registry(registry::Args),
    /// Check helm, clusters, permissions, registry, repository and chart
    Doctor(doctor::Args),
    /// Print the settings and where each comes from
    Config(config::Args),
    /// Print the JSON Schema of an exchange file, or of a plan
    Schema(schema::Args),
    /// Print which layer set each value of an exchange, or the story of a reason
    Explain(explain::Args),
    /// Print the version
    Version(version::Args),
    /// Print what a shell needs to complete the command line
    Completions(completions::Args),
    /// Print the manual page, or write all of them
    Man(man::Args),
}

impl Cli {
    /// What can be given, each command with what it takes.
    pub(crate) fn command_line() -> clap::Command {
        taken::hide(Self::command())
    }

    /// What was given to this process.
    ///
    /// # Errors
    /// Where it makes no sense, and where help is asked for.
    pub fn given() -> Result<Self, clap::Error> {
        let mut command = Self::command_line();
        let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
        taken::check(&mut command, &matches)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

/// Runs the command and gives the exit code.
pub fn run(cli: Cli) -> u8 {
    let Cli { common, command } = cli;
    let output = Output::new(common.color, common.quiet);
    let telemetry = telemetry::start(&common, matches!(command, Command::Run(_)));
    let result = match command {
        Command::Config(args) => config::run(&common, &args, &output),
        Command::Schema(args) => schema::run(&args, &output),
        Command::Version(args) => version::run(&args, &output),
        Command::Completions(args) => completions::run(&args, &output),
        Command::Man(args) => man::run(&args, &output),
        Command::Init(args) => init::run(&args, &output),
        Command::Validate(args) => validate::run(&common, &args, &output),
        Command::Explain(args) => explain::run(&common, &args, &output),
        Command::Approve(args) => block_on(approve::run(&common, &args, &output)),
        Command::Why(args) => block_on(why::run(&common, &args, &output)),
        Command::History(args) => history::run(&common, &args, &output),
        Command::Suspend(args) => suspend::suspend(&common, &args, &output),
        Command::Resume(args) => suspend::resume(&common, &args, &output),
        Command::Forget(args) => forget::run(&common, &args, &output),
        Command::Plan(args) => plan::run(&common, &args, &output),
        Command::Snapshot(args) => block_on(snapshot::run(&common, &args, &output)),
        Command::Apply(args) => block_on(apply::run(&common, &args, &output, &telemetry)),
        Command::Run(args) => block_on(run::run(&common, &args, &output, &telemetry)),
        Command::Status(args) => block_on(status::run(&common, &args, &output)),
        Command::Reconcile(args) => block_on(reconcile::run(&common, &args, &output)),
        Command::Wait(args) => block_on(wait::run(&common, &args, &output)),
        Command::Registry(args) => block_on(registry::run(&common, &args, &output)),
        Command::Doctor(args) => block_on(doctor::run(&common, &args, &output)),
    };
    telemetry.end();
    match result {
        Ok(0) if output.lost() => ERROR,
        Ok(code) => code,
        Err(failure) => {
            output.error(&failure.error);
            failure.code
        }
    }
}

/// A failure and the exit code it means.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    code: u8,
}

impl Failure {
    pub(crate) fn new(code: u8, error: impl Into<anyhow::Error>) -> Self {
        Self {
            error: error.into(),
            code,
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            code: ERROR,
        }
    }
}

type Done = Result<u8, Failure>;

/// How long the end of a command waits for reads of files that hang; writes are waited for where they are made.
const LINGER: Duration = Duration::from_secs(2);

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(LINGER);
    done
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_read_that_hangs_keeps_nobody_from_ending() {
        let (held, holds) = std::sync::mpsc::channel::<()>();
        let began = std::time::Instant::now();
        let done = super::block_on(async {
            tokio::task::spawn_blocking(move || holds.recv());
            tokio::task::yield_now().await;
            Ok(0)
        });
        assert!(done.is_ok());
        assert!(began.elapsed() < super::LINGER * 5);
        drop(held);
    }

    #[test]
    fn the_help_of_every_command_has_an_example() {
        fn examine(command: &clap::Command) {
            for inner in command.get_subcommands() {
                examine(inner);
            }
            let help = command.get_after_help().map(ToString::to_string);
            let has_example = help.unwrap_or_default().contains("Example");
            let speaks_for_itself = command.get_name() == "version" || command.has_subcommands();
            assert!(has_example || speaks_for_itself, "{}", command.get_name());
        }
        examine(&super::Cli::command_line());
    }

    #[test]
    fn every_command_and_option_has_a_name_of_its_own() {
        super::Cli::command_line().debug_assert();
    }
}
