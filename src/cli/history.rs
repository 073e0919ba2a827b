//! `history`: what was done, from the journal.

use std::collections::BTreeSet;

use super::named::{NotOne, named, one_of, refused, state};
use super::{Common, Done, Failure, Output};
use crate::cli::options::Format;
use crate::id::ExchangeId;
use crate::report::json_text;
use crate::state::State;
use crate::state::journal::{Deed, Journal, deeds};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  natsx-sync history nats-orders --last 5")]
pub(super) struct Args {
    /// Only this exchange: its id, any unambiguous ending of it, or its file
    #[arg(value_name = "X")]
    exchange: Option<String>,
    /// Only the last so many
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let state = state(common)?;
    let (entries, broken) = Journal::look(&state.folder().join("journal"))?;
    let mut all = deeds(&entries);
    if let Some(wanted) = &args.exchange {
        let meant = meant(&state, wanted, &all)?;
        all.retain(|deed| deed.id == meant);
    }
    let surplus = args.last.map_or(0, |last| all.len().saturating_sub(last));
    all.drain(..surplus);
    match args.format {
        Format::Json => {
            let result = serde_json::json!({
                "format_version": crate::report::FORMAT_VERSION,
                "intact": broken.is_none(),
                "deeds": all,
            });
            output.result(&json_text(&result)?);
        }
        Format::Text => output.result(&table(&all, output.width())),
    }
    match broken {
        Some(error) => {
            let error = anyhow::Error::from(error);
            Err(Failure::from(error.context(
                "the journal is broken; what is shown ends before the break",
            )))
        }
        None => Ok(0),
    }
}

/// An exchange that something was done about, removed ones included, or one of the last status.
fn meant(state: &State, wanted: &str, deeds: &[Deed]) -> Result<ExchangeId, Failure> {
    let ids: BTreeSet<_> = deeds.iter().map(|deed| &deed.id).collect();
    match one_of(wanted, ids) {
        Err(NotOne::Nothing { .. }) => named(state, wanted),
        found => Ok(found.map_err(refused)?.clone()),
    }
}

fn table(deeds: &[Deed], width: u16) -> String {
    if deeds.is_empty() {
        return "nothing was done yet".to_owned();
    }
    let rows = deeds.iter().map(|deed| {
        let commit = deed.commit.as_ref().map_or("-", |commit| commit.short());
        let why = [deed.reason.as_deref(), deed.text.as_deref()];
        let why: Vec<_> = why.into_iter().flatten().collect();
        [
            format!("{:.0}", deed.time),
            deed.id.to_string(),
            deed.action.clone().unwrap_or_else(|| "-".to_owned()),
            deed.result.to_owned(),
            why.join(": "),
            deed.actor.clone().unwrap_or_else(|| "-".to_owned()),
            commit.to_owned(),
            change(deed),
            format!("{:.1} s", deed.seconds),
        ]
    });
    let header = [
        "TIME", "EXCHANGE", "ACTION", "RESULT", "REASON", "BY", "COMMIT", "CHANGE", "TOOK",
    ];
    crate::report::table(header, "REASON", rows, width)
}

/// Digests, short enough to be compared by eye.
fn change(deed: &Deed) -> String {
    let short = |digest: &Option<String>| {
        digest
            .as_deref()
            .map_or("-".to_owned(), |digest| digest.chars().take(8).collect())
    };
    if deed.before == deed.after {
        short(&deed.after)
    } else {
        format!("{} -> {}", short(&deed.before), short(&deed.after))
    }
}
