//! Which of the common options have no effect on a command: they are not in its help, and refused where somebody gives them,
//! for whoever gives one means something by it.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// Of a command that looks at nothing.
const ALL: &[&str] = &["config", "source", "revision", "kubeconfig", "state"];
/// Of one that looks into the state folder.
const BESIDE_STATE: &[&str] = &["source", "revision", "kubeconfig"];

/// What does nothing for a command. One that asks for settings or the repository takes what says where they are, also where
/// it does so in one of its forms only.
fn idle(command: &str) -> &'static [&'static str] {
    match command {
        "init" | "schema" | "version" | "completions" | "man" => ALL,
        "status" | "why" | "history" | "suspend" | "resume" => BESIDE_STATE,
        "approve" => &["source", "revision"],
        "reconcile" => &["revision", "kubeconfig"],
        "wait" | "forget" | "registry" | "doctor" | "config" => &["revision"],
        "validate" => &["state"],
        _ => &[],
    }
}

/// What was probably meant by one of them.
fn instead(command: &str, option: &str) -> &'static str {
    match (command, option) {
        ("wait", "revision") => "; --commit says which commit is waited for",
        ("reconcile", "revision") => "; --commit says which commit is accepted",
        ("init", "source") => "; the folder stands alone: natsx-sync init DIR",
        (_, "source" | "revision" | "kubeconfig") if idle(command) == BESIDE_STATE => {
            "; it tells and changes what the daemon of the state folder works with"
        }
        _ => "",
    }
}

/// Leaves out of the help of each command what does nothing for it.
pub(super) fn hide(command: Command) -> Command {
    let common: Vec<_> = command
        .get_arguments()
        .filter(|option| option.is_global_set())
        .cloned()
        .collect();
    command.mut_subcommands(|inner| {
        let idle = idle(inner.get_name());
        let idle = common
            .iter()
            .filter(|option| idle.contains(&option.get_id().as_str()));
        // What a command has itself it does not get from above.
        let hidden: Vec<_> = idle.map(|option| option.clone().hide(true)).collect();
        inner.args(hidden)
    })
}

/// # Errors
/// When one was given that does nothing.
pub(super) fn check(command: &mut Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    let Some((name, given)) = matches.subcommand() else {
        return Ok(());
    };
    let is_given = |option: &&&str| given.value_source(option) == Some(ValueSource::CommandLine);
    let Some(option) = idle(name).iter().find(is_given) else {
        return Ok(());
    };
    let instead = instead(name, option);
    let text = format!("--{option} has no effect on `natsx-sync {name}`{instead}");
    let inner = command.find_subcommand_mut(name);
    Err(inner.map_or_else(
        || clap::Error::raw(ErrorKind::UnknownArgument, &text),
        |inner| inner.error(ErrorKind::UnknownArgument, &text),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;

    /// Everybody who adds a command or an option has to think of it.
    #[test]
    fn each_command_is_known_here_and_so_is_each_option() {
        let whole = Cli::command_line();
        let takes_all = ["plan", "snapshot", "apply", "run", "explain"];
        for inner in whole.get_subcommands() {
            let name = inner.get_name();
            assert_ne!(takes_all.contains(&name), !idle(name).is_empty(), "{name}");
        }
        let of_all = ["color", "verbose", "quiet"];
        for option in whole.get_arguments().filter(|it| it.is_global_set()) {
            let id = option.get_id().as_str();
            assert_ne!(ALL.contains(&id), of_all.contains(&id), "{id}");
        }
    }
}
