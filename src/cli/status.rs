//! `status`: what the daemon (or the last `apply`) saw. Reads one file, so it works while everything else is on fire.

use jiff::Timestamp;

use super::{Common, Done, Failure, Output};
use crate::cli::options::Format;
use crate::reason::Reason;
use crate::state::State;
use crate::status::{Status, table};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this exchange: its id or any unambiguous ending of it
    #[arg(value_name = "X")]
    exchange: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let (state, mut status) = read(common)?;
    if let Some(wanted) = &args.exchange {
        status.exchanges.retain(|entry| {
            entry
                .id
                .as_ref()
                .is_some_and(|id| names(wanted, &id.to_string()))
                || entry.file == *wanted
        });
        if status.exchanges.is_empty() {
            return Err(Failure::new(
                7,
                anyhow::anyhow!("no exchange is called {wanted:?}; `natsx-sync status` lists them"),
            ));
        }
    }
    match args.format {
        Format::Json => output.result(&serde_json::to_string_pretty(&status)?),
        Format::Text => {
            let alive = state
                .holder()
                .is_some_and(|holder| holder.pid == status.pid);
            output.result(&table(&status, Timestamp::now(), alive, output.width()));
        }
    }
    Ok(0)
}

/// The state folder and the status in it.
pub(super) fn read(common: &Common) -> Result<(State, Status), Failure> {
    let loaded = common.settings()?;
    let folder = loaded.settings.state.ok_or_else(no_state)?;
    if !folder.exists() {
        return Err(no_status(&folder));
    }
    let state = State::open(&folder)?;
    let status = state.read_status()?.ok_or_else(|| no_status(&folder))?;
    Ok((state, status))
}

pub(super) fn no_state() -> Failure {
    Failure::from(anyhow::anyhow!(
        "no state folder: set `state`, $STATE_DIRECTORY or $HOME"
    ))
}

fn no_status(folder: &std::path::Path) -> Failure {
    Failure::from(anyhow::anyhow!(
        "{}: nothing has run in {} yet; try `natsx-sync plan`",
        Reason::NoStatus,
        folder.display()
    ))
}

/// Whether `wanted` is the id or an ending of it at a `/`.
pub(super) fn names(wanted: &str, id: &str) -> bool {
    id == wanted
        || id
            .strip_suffix(wanted)
            .is_some_and(|rest| rest.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn an_ending_of_an_id_names_it() {
        assert!(names("us/ns/nats", "us/ns/nats"));
        assert!(names("ns/nats", "us/ns/nats"));
        assert!(names("nats", "us/ns/nats"));
        assert!(!names("ats", "us/ns/nats"));
    }
}
