//! `history`: what was done, from the journal.

use super::named::state;
use super::{Common, Done, Failure, Output};
use crate::cli::options::Format;
use crate::report::json_text;
use crate::state::journal::{Deed, Journal, deeds};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  natsx-sync history nats-orders --last 5")]
pub(super) struct Args {
    /// Only this exchange: its id or an ending of it
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
    let folder = state(common)?.folder().join("journal");
    let (entries, broken) = Journal::look(&folder)?;
    let mut all = deeds(&entries);
    if let Some(wanted) = &args.exchange {
        all.retain(|deed| super::status::names(wanted, &deed.id.to_string()));
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
        None if all.is_empty() && args.exchange.is_some() => Err(Failure::new(
            7,
            anyhow::anyhow!("nothing was done about such an exchange"),
        )),
        None => Ok(0),
    }
}

fn table(deeds: &[Deed], width: u16) -> String {
    if deeds.is_empty() {
        return "nothing was done yet".to_owned();
    }
    let mut table = crate::report::table(
        [
            "TIME", "EXCHANGE", "ACTION", "RESULT", "REASON", "COMMIT", "CHANGE", "TOOK",
        ],
        width,
    );
    for deed in deeds {
        let commit = deed.commit.as_ref().map_or("-", |commit| commit.short());
        let why = [deed.reason.as_deref(), deed.text.as_deref()];
        let why: Vec<_> = why.into_iter().flatten().collect();
        table.add_row([
            format!("{:.0}", deed.time),
            deed.id.to_string(),
            deed.action.clone().unwrap_or_else(|| "-".to_owned()),
            deed.result.to_owned(),
            why.join(": "),
            commit.to_owned(),
            change(deed),
            format!("{:.1} s", deed.seconds),
        ]);
    }
    table.to_string()
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
