//! `suspend` and `resume`: a person holds an exchange without a commit.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::named::{named, state, to_write};
use super::said::{said, tell};
use super::{Common, Done, Failure, NOTHING_MATCHED, Output};
use crate::cli::options::Format;
use crate::config::units::duration;
use crate::exchange::desired::Suspend;
use crate::id::ExchangeId;
use crate::report::{FORMAT_VERSION, json_text};
use crate::state::State;
use crate::state::journal::{Subject, Verb};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  natsx-sync suspend nats-orders --reason 'storage is moved' --for 2h"
)]
pub(super) struct SuspendArgs {
    /// The exchange: its id, the end of it from a `/` on, or its file
    #[arg(value_name = "X")]
    exchange: String,
    /// Why; others read it in `status` and `history`
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// For how long; until `resume` when absent
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    duration: Option<Duration>,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  natsx-sync resume nats-orders")]
pub(super) struct ResumeArgs {
    /// The exchange: its id, the end of it from a `/` on, or its file
    #[arg(value_name = "X")]
    exchange: String,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn suspend(common: &Common, args: &SuspendArgs, output: &Output) -> Done {
    let state = state(common)?;
    let id = held(&state, &args.exchange, output)?;
    let state = to_write(&state)?;
    let now = Timestamp::now();
    let until = match args.duration {
        None => None,
        Some(duration) => Some(now.checked_add(duration)?),
    };
    let suspend = Suspend {
        reason: args.reason.clone(),
        until,
    };
    let before = state.suspend(&id, suspend, now)?;
    let about = Subject::Exchange(id.clone());
    let said = said(Verb::Suspend, about, args.reason.as_str(), until);
    let seen_by = tell(&state, vec![said], output);
    let end = until.map_or_else(
        || format!("until `natsx-sync resume {id}`"),
        |until| format!("until {until:.0}"),
    );
    output.result(&match args.format {
        Format::Text => format!("{id} is suspended {end}; what is under way is finished"),
        Format::Json => json_text(&json!({
            "format_version": FORMAT_VERSION, "id": id, "reason": args.reason, "until": until,
            "replaced": before, "pass": seen_by.map(|told| told.pass),
        }))?,
    });
    if let Some(before) = before {
        output.say(&replaced(&before));
    }
    Ok(0)
}

/// The exchange that is meant. One that is not there yet can be held as well, by its whole id.
fn held(state: &State, wanted: &str, output: &Output) -> Result<ExchangeId, Failure> {
    match (named(state, wanted), wanted.parse()) {
        (Err(_), Ok(id)) => {
            output.say(&format!("note: the last pass knows no {id}"));
            Ok(id)
        }
        (found, _) => found,
    }
}

/// Others read it: without one they cannot know whom to ask, or whether it may end.
fn reason(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("say why, for those who find it held");
    }
    Ok(text.to_owned())
}

/// What somebody else may have meant to last.
fn replaced(before: &Suspend) -> String {
    let end = before.until.map_or_else(
        || "without end".to_owned(),
        |until| format!("until {until:.0}"),
    );
    format!("replaces: {:?}, {end}", before.reason)
}

pub(super) fn resume(common: &Common, args: &ResumeArgs, output: &Output) -> Done {
    let state = state(common)?;
    // What was held before it was there, or is gone since, is let go by its whole id.
    let id = match (named(&state, &args.exchange), args.exchange.parse()) {
        (Err(_), Ok(id)) => id,
        (found, _) => found?,
    };
    let state = to_write(&state)?;
    let now = Timestamp::now();
    if !state.resume(&id, now)? {
        return Err(Failure::new(
            NOTHING_MATCHED,
            anyhow::anyhow!(
                "{id} is not suspended by command; a suspension in its file is ended by a commit"
            ),
        ));
    }
    let said = said(Verb::Resume, Subject::Exchange(id.clone()), "", None);
    let seen_by = tell(&state, vec![said], output);
    output.result(&match args.format {
        Format::Text => format!("{id} is no longer suspended by command"),
        Format::Json => json_text(&json!({
            "format_version": FORMAT_VERSION, "id": id, "pass": seen_by.map(|told| told.pass),
        }))?,
    });
    Ok(0)
}
