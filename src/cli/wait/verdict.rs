//! What a status says about the exchanges that are waited for.

use jiff::Timestamp;

use super::Args;
use super::absent::{Absent, Stands};
use super::road::Road;
use crate::cli::gone::Gone;
use crate::cli::named::{NotOne, one_of, refused, state};
use crate::cli::{Common, Failure};
use crate::report::exit::category_of_block;
use crate::report::{Category, code_of};
use crate::status::{Phase, Status, StatusEntry};

pub(super) enum Verdict {
    Done(End),
    Waiting(String),
    /// Nothing can come of it; with the exit code that says why (README).
    Hopeless(u8, String),
}

/// What all came to.
#[derive(Default)]
pub(super) struct End {
    /// One at least is there, or all were waited for.
    pub(super) is_ready: bool,
    /// What was removed, as far as it is known here how.
    pub(super) gone: Vec<Gone>,
    /// What was removed besides.
    pub(super) unlisted: Vec<String>,
}

pub(super) fn of(
    status: &Status,
    args: &Args,
    common: &Common,
    road: &mut Road<'_>,
    absent: &mut Absent,
) -> Result<Verdict, Failure> {
    // Another process than the one that was asked has begun all its passes since.
    if let Some(served) = args.served.filter(|served| served.pid == status.pid)
        && status.tried < served.pass
    {
        return Ok(Verdict::Waiting(format!(
            "pass {} is not over",
            served.pass
        )));
    }
    if let Some(trouble) = &status.trouble {
        let text = format!("no pass: {}", trouble.text);
        return Ok(match args.served {
            Some(_) => Verdict::Hopeless(1, text),
            None => Verdict::Waiting(text),
        });
    }
    if status.pass == 0 {
        let text = "the first pass has not ended yet".to_owned();
        return Ok(Verdict::Waiting(text));
    }
    if !road.is_reached(status)? {
        let at = status.commit.as_ref();
        let at = at.map_or_else(|| "no commit".to_owned(), ToString::to_string);
        let blind = road.blindness().map_or_else(String::new, |give| {
            format!(", and whether that comes after the commit cannot be known here: {give}")
        });
        return Ok(Verdict::Waiting(format!(
            "the last pass was at {at}{blind}"
        )));
    }
    let mut waiting = None;
    let Relevant {
        entries,
        end,
        unseen,
        held,
    } = relevant(status, args, common, road, absent)?;
    for entry in entries {
        let name = entry
            .id
            .as_ref()
            .map_or_else(|| entry.file.clone(), ToString::to_string);
        let text = format!(
            "{name} is {}: {}: {}",
            entry.phase.word(),
            entry.reason,
            entry.text
        );
        match entry.phase {
            // What was done may have been for the commit before: the next pass sees what it left.
            Phase::Ready if entry.midway => {
                waiting = Some(format!("{name} is done, and looked at by the next pass"));
            }
            Phase::Ready => {}
            Phase::Failed => return Ok(Verdict::Hopeless(code_of([Category::Failed]), text)),
            Phase::Blocked => {
                let code = code_of([category_of_block(entry.reason)]);
                return Ok(Verdict::Hopeless(code, text));
            }
            // A moment after `resume` the status is still that of the pass before.
            Phase::Suspended if args.served.is_some() || is_suspended(entry, args, common)? => {
                let text = format!("{text}; `natsx-sync why {name}` says until when");
                return Ok(Verdict::Hopeless(code_of([Category::Incomplete]), text));
            }
            Phase::Removing
            | Phase::Suspended
            | Phase::Progressing
            | Phase::Waiting
            | Phase::Unknown => {
                waiting = Some(text);
            }
        }
    }
    if let Some((code, text)) = held {
        return Ok(Verdict::Hopeless(code, text));
    }
    Ok(match waiting.or(unseen) {
        Some(text) => Verdict::Waiting(text),
        None => Verdict::Done(end),
    })
}

/// What keeps a pass from knowing everything.
fn unread(status: &Status) -> String {
    let each = status.unreadable.iter().map(|unread| {
        let why = &unread.why;
        format!("{}: {}: {}", unread.what(), why.reason, why.text)
    });
    let each: Vec<_> = each.collect();
    if each.is_empty() {
        return "the last pass could not read everything".to_owned();
    }
    format!("the last pass could not read {}", each.join("; "))
}

/// Whether somebody suspended it who has not resumed it. How long a file does so, the next commit may change.
fn is_suspended(entry: &StatusEntry, args: &Args, common: &Common) -> Result<bool, Failure> {
    let (Some(id), None) = (&entry.id, &args.status) else {
        return Ok(false);
    };
    let suspensions = state(common)?.suspensions(Timestamp::now())?;
    Ok(suspensions.contains_key(id))
}

/// What a status says of those that are waited for.
#[derive(Default)]
struct Relevant<'s> {
    entries: Vec<&'s StatusEntry>,
    end: End,
    /// Why a look at more could change something, if it could.
    unseen: Option<String>,
    /// A removal that a guard holds, with its exit code.
    held: Option<(u8, String)>,
}

fn relevant<'s>(
    status: &'s Status,
    args: &Args,
    common: &Common,
    road: &Road<'_>,
    absent: &mut Absent,
) -> Result<Relevant<'s>, Failure> {
    let mut found = Relevant::default();
    if args.exchanges.is_empty() {
        found.entries = status.exchanges.iter().collect();
        found.end.is_ready = true;
        found.unseen = (!status.complete).then(|| unread(status));
        return Ok(found);
    }
    for wanted in &args.exchanges {
        let error = match one_of(wanted, &status.exchanges) {
            Ok(entry) => {
                absent.list(wanted);
                found.entries.push(entry);
                found.end.is_ready = true;
                continue;
            }
            Err(error @ NotOne::Nothing { .. }) => error,
            Err(error) => return Err(refused(error)),
        };
        match absent.stands(wanted, error, status, args, common, road)? {
            Stands::Removed(Some(gone)) => found.end.gone.push(*gone),
            Stands::Removed(None) => found.end.unlisted.push(wanted.clone()),
            Stands::Held(code, text) => found.held = Some((code, text)),
            Stands::Unseen(why) => found.unseen = why.or_else(|| Some(unread(status))),
        }
    }
    Ok(found)
}
