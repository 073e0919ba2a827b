//! `history`: what was done, from the journal.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::num::NonZeroUsize;

use jiff::Timestamp;

use super::named::{NotOne, named, one_of, refused, state};
use super::{Common, Done, Failure, Output};
use crate::cli::options::Format;
use crate::id::ExchangeId;
use crate::report::{FITTING, UNBOUNDED, json_text, widest, wrapped};
use crate::state::State;
use crate::state::journal::{Deed, Journal, SET_STATE, deeds};
use crate::state::lock::Holder;

/// Before the lines below the first of a deed.
const INDENT: &str = "    ";
/// The least a reason is read in beside the rest; where there is less, each deed is a sentence.
const READABLE: usize = 40;

const HEADER: [&str; 8] = [
    "TIME", "EXCHANGE", "ACTION", "RESULT", "TOOK", "BY", "COMMIT", "CHANGE",
];

#[derive(Debug, clap::Args)]
#[command(
    after_help = "TIME is when it ended, TOOK how long that was after its first effect. CHANGE is what is released: the beginning of the digest of its values and chart before and after it; one alone where it stayed as it was, - where nothing of ours is.\n\nExample:\n  natsx-sync history nats-orders --last 5"
)]
pub(super) struct Args {
    /// Only this exchange: its id, the end of it from a `/` on, or its file
    #[arg(value_name = "X")]
    exchange: Option<String>,
    /// Only the last so many
    #[arg(long, value_name = "N")]
    last: Option<NonZeroUsize>,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let state = state(common)?;
    let (entries, broken) = Journal::look(&state.journal())?;
    let mut all = deeds(&entries);
    if let Some(wanted) = &args.exchange {
        let meant = meant(&state, wanted, &all)?;
        all.retain(|deed| deed.id.exchange() == Some(&meant));
    }
    let surplus = args
        .last
        .map_or(0, |last| all.len().saturating_sub(last.get()));
    all.drain(..surplus);
    if let Some(holder) = state.holder() {
        let now = Timestamp::now();
        let going = all.iter_mut().filter(|deed| goes_on(deed, &holder));
        going.for_each(|deed| deed.goes_on(now));
    }
    match args.format {
        Format::Json => {
            let result = serde_json::json!({
                "format_version": crate::report::FORMAT_VERSION,
                "intact": broken.is_none(),
                "deeds": all,
            });
            output.result(&json_text(&result)?);
        }
        Format::Text => output.result(&text(&all, output.width())),
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
    let ids: BTreeSet<_> = deeds.iter().filter_map(|deed| deed.id.exchange()).collect();
    match one_of(wanted, ids) {
        Err(NotOne::Nothing { .. }) => named(state, wanted),
        found => Ok(found.map_err(refused)?.clone()),
    }
}

/// Whether it was begun by who works here now, and is not over. What another left unfinished stands still.
fn goes_on(deed: &Deed, holder: &Holder) -> bool {
    deed.result == "open" && deed.began >= holder.since
}

fn text(deeds: &[Deed], width: u16) -> String {
    if deeds.is_empty() {
        return "nothing was done or said by command yet;\n`natsx-sync why X` says what holds an exchange back"
            .to_owned();
    }
    if width == UNBOUNDED {
        return table(deeds, width);
    }
    let whole = table(deeds, FITTING);
    if widest(&whole) <= usize::from(width) {
        return whole;
    }
    let beside = widest(&crate::report::table(
        HEADER,
        "",
        deeds.iter().map(row),
        FITTING,
    ));
    if usize::from(width).saturating_sub(beside) > READABLE {
        return table(deeds, width);
    }
    let room = usize::from(width).saturating_sub(INDENT.len());
    let mut text = String::new();
    for deed in deeds {
        writeln!(text, "{:.0}  {}", deed.time, deed.id).ok();
        for line in wrapped(&sentence(deed), room) {
            writeln!(text, "{INDENT}{line}").ok();
        }
    }
    text
}

/// The reason is last: it may be long, and no other column moves for it.
fn table(deeds: &[Deed], width: u16) -> String {
    let rows = deeds.iter().map(|deed| {
        let [time, id, action, result, took, by, commit, change] = row(deed);
        [
            time,
            id,
            action,
            result,
            took,
            by,
            commit,
            change,
            why(deed),
        ]
    });
    let [time, id, action, result, took, by, commit, change] = HEADER;
    let header = [time, id, action, result, took, by, commit, change, "REASON"];
    crate::report::table(header, "REASON", rows, width)
}

fn row(deed: &Deed) -> [String; 8] {
    [
        format!("{:.0}", deed.time),
        deed.id.to_string(),
        action(deed).to_owned(),
        result(deed).to_owned(),
        if deed.is_by_command() {
            "-".to_owned()
        } else {
            format!("{:.1} s", deed.seconds)
        },
        deed.actor.clone().unwrap_or_else(|| "-".to_owned()),
        commit(deed).to_owned(),
        change(deed),
    ]
}

/// The same as a row of the table says, for where that is too wide.
fn sentence(deed: &Deed) -> String {
    if deed.is_by_command() {
        let words = [
            Some(action(deed).to_owned()),
            deed.actor.clone(),
            Some(why(deed)),
        ];
        let words = words
            .into_iter()
            .flatten()
            .filter(|words| !words.is_empty());
        return words.collect::<Vec<_>>().join(", ");
    }
    let by = deed.actor.as_deref();
    let by = by.map_or_else(String::new, |by| format!(" by {by}"));
    let why = why(deed);
    let colon = if why.is_empty() { "" } else { ": " };
    format!(
        "{} {} in {:.1} s{by} at {}, {}{colon}{why}",
        action(deed),
        result(deed),
        deed.seconds,
        commit(deed),
        change(deed),
    )
}

fn action(deed: &Deed) -> &str {
    match deed.action.as_deref() {
        Some(SET_STATE) => "tell the registry",
        Some(action) => action,
        None => "-",
    }
}

fn result(deed: &Deed) -> &str {
    match (deed.result, &deed.reason) {
        ("open", Some(_)) => "held back",
        ("open", None) => "unfinished",
        (result, _) => result,
    }
}

fn why(deed: &Deed) -> String {
    let why = [deed.reason.as_deref(), deed.text.as_deref()];
    let why: Vec<_> = why.into_iter().flatten().collect();
    // What programs said may have lines of its own.
    let why = why.join(": ");
    why.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn commit(deed: &Deed) -> &str {
    deed.commit.as_ref().map_or("-", |commit| commit.short())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::journal::Subject;

    fn deed() -> Deed {
        Deed {
            time: Timestamp::UNIX_EPOCH,
            began: Timestamp::UNIX_EPOCH,
            id: Subject::Exchange("us-east-cluster/communication/nats-orders".parse().unwrap()),
            pass: 1,
            actor: Some("run as natsx-sync".to_owned()),
            commit: None,
            action: Some(SET_STATE.to_owned()),
            reason: Some("degraded".to_owned()),
            result: "failed",
            before: None,
            after: Some("0123456789".to_owned()),
            seconds: 1.25,
            steps: Vec::new(),
            text: Some("so many words that they do not fit into one line beside an id".to_owned()),
        }
    }

    #[test]
    fn a_narrow_terminal_has_a_sentence_for_each_deed() {
        let deeds = [deed()];
        let narrow = text(&deeds, 80);
        assert!(narrow.lines().all(|line| line.len() <= 80), "{narrow}");
        for words in [
            "us-east-cluster/communication/nats-orders\n",
            "tell the registry failed in 1.2 s",
            "beside an id",
        ] {
            assert!(narrow.contains(words), "{narrow}");
        }
        assert_eq!(text(&deeds, UNBOUNDED).lines().count(), 2);
        let held = Deed {
            result: "open",
            ..deed()
        };
        assert!(text(&[held], 80).contains("tell the registry held back"));
        assert!(!text(&deeds, UNBOUNDED).contains(SET_STATE));
    }

    #[test]
    fn a_long_reason_is_last_and_moves_nothing_else() {
        let long = Deed {
            text: Some("one word\nafter another ".repeat(30)),
            ..deed()
        };
        let told = Deed {
            reason: None,
            text: None,
            ..deed()
        };
        let both = text(&[long, told], UNBOUNDED);
        let lines: Vec<_> = both.lines().collect();
        assert_eq!(lines.len(), 3, "{both}");
        assert!(lines[0].ends_with("REASON"), "{both}");
        assert!(lines[2].len() < 160, "{both}");
        let wrapped = text(&[deed()], 190);
        assert!(wrapped.lines().all(|line| line.len() <= 190), "{wrapped}");
        assert!(
            wrapped.contains("REASON") && wrapped.lines().count() > 2,
            "{wrapped}"
        );
        let nothing = text(&[], 60);
        assert!(nothing.lines().all(|line| line.len() <= 60), "{nothing}");
    }
}
