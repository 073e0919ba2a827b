//! What a status says of the commit of its last pass. Pure.

use serde::{Deserialize, Serialize};

use crate::id::CommitId;
use crate::mask::masked;
use crate::plan::action::Action;
use crate::reason::Reason;
use crate::report::safe;
use crate::status::{Phase, Status, StatusEntry};

/// Most signs of a text: GitHub takes no more.
pub(super) const LONGEST: usize = 140;

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Being rolled out, or not all of it can be seen.
    Pending,
    /// Every exchange was ready at it.
    Success,
    /// Something of it failed or is held back.
    Failure,
    /// A newer one came before it was rolled out.
    Superseded,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Superseded => "superseded",
        }
    }
}

/// What is to be told of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) commit: CommitId,
    pub(super) state: State,
    /// One line without secrets, at most `LONGEST` signs.
    pub(super) text: String,
    /// Something is being done or looked for, so that the words may soon be others.
    pub(super) moving: bool,
}

impl Verdict {
    /// Nothing more becomes of it.
    pub(super) fn superseded(commit: CommitId, by: &CommitId) -> Self {
        Self {
            commit,
            state: State::Superseded,
            text: format!("superseded by {}", by.short()),
            moving: false,
        }
    }
}

/// What became of the commit of the last pass so far; nothing before the first, and of what is no commit.
pub(super) fn verdict(status: &Status) -> Option<Verdict> {
    let commit = status.commit.clone()?;
    let tally = Tally::of(&status.exchanges);
    let all = status.exchanges.len();
    let (ready, aside) = (tally.ready, tally.aside);
    let (state, text) = if let Some((name, reason)) = tally.failed {
        (State::Failure, failure(&name, reason, tally.failures))
    } else if !status.unreadable.is_empty() {
        let rest = format!(" cannot be read; {ready} of {} ready", exchanges(all));
        (State::Pending, unread(status, &rest))
    } else if tally.open > 0 {
        (
            State::Pending,
            format!("{ready} of {} ready", exchanges(all)),
        )
    } else if !status.complete {
        let reason = Reason::SourceIncomplete;
        let text = format!("{reason}: not all of the repository can be read");
        (State::Failure, text)
    } else {
        let ready = match ready {
            0 if aside == 0 => "no exchanges".to_owned(),
            ready => format!("{} ready", exchanges(ready)),
        };
        let aside = match aside {
            0 => String::new(),
            aside => format!(", {aside} left alone"),
        };
        (State::Success, ready + &aside)
    };
    Some(Verdict {
        commit,
        state,
        text,
        moving: tally.open > 0,
    })
}

/// How the exchanges stand.
#[derive(Default)]
struct Tally {
    ready: usize,
    aside: usize,
    open: usize,
    failures: usize,
    /// The first.
    failed: Option<(String, Reason)>,
}

/// How one counts.
enum Part {
    Ready,
    /// A person or a file wants nothing done to it.
    Aside,
    Failed,
    Open,
}

impl Tally {
    fn of(entries: &[StatusEntry]) -> Self {
        let mut tally = Self::default();
        for entry in entries {
            match part(entry) {
                Part::Ready => tally.ready += 1,
                Part::Aside => tally.aside += 1,
                Part::Open => tally.open += 1,
                Part::Failed => {
                    tally.failures += 1;
                    tally
                        .failed
                        .get_or_insert_with(|| (name(entry), entry.reason));
                }
            }
        }
        tally
    }
}

fn part(entry: &StatusEntry) -> Part {
    let kept = matches!(
        entry.planned,
        Some(Reason::FileRemoved | Reason::SyncModeDryRun | Reason::SyncModeOneTime)
    );
    match entry.phase {
        Phase::Suspended => Part::Aside,
        _ if kept && entry.action == Action::None => Part::Aside,
        // Nothing is wrong with it: it is a removal, and nobody can look.
        Phase::Blocked if entry.reason == Reason::RegistryUnreadable => Part::Open,
        Phase::Blocked | Phase::Failed => Part::Failed,
        // Nothing is being done, and it has not been well for longer than a moment.
        Phase::Waiting if entry.degraded => Part::Failed,
        // What was done may have been for the commit before: the next pass sees what it left.
        Phase::Ready if entry.midway => Part::Open,
        Phase::Ready => Part::Ready,
        Phase::Removing | Phase::Progressing | Phase::Waiting | Phase::Unknown => Part::Open,
    }
}

/// The identity, or the file of which nobody knows what it declares.
fn name(entry: &StatusEntry) -> String {
    entry
        .id
        .as_ref()
        .map_or_else(|| masked(&safe(&entry.file)), ToString::to_string)
}

fn exchanges(count: usize) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} exchange{plural}")
}

fn failure(name: &str, reason: Reason, failures: usize) -> String {
    let more = match failures {
        0 | 1 => String::new(),
        failures => format!(" and {} more", failures - 1),
    };
    let rest = format!(": {reason}{more}");
    let name = end(name, LONGEST.saturating_sub(rest.chars().count()));
    name + &rest
}

/// As many of those that cannot be read as fit before the rest.
fn unread(status: &Status, rest: &str) -> String {
    let name = |cluster: &Option<_>| match cluster {
        Some(id) => format!("cluster {id}"),
        None => "the registry".to_owned(),
    };
    let names: Vec<_> = status
        .unreadable
        .iter()
        .map(|unread| name(&unread.cluster))
        .collect();
    let with = |named: usize| {
        let some = names
            .iter()
            .take(named)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        match names.len() - named {
            0 => format!("{some}{rest}"),
            more => format!("{some} and {more} more{rest}"),
        }
    };
    let fits = |named: &usize| with(*named).chars().count() <= LONGEST;
    let most = (1..=names.len()).rev().find(fits);
    with(most.unwrap_or(1))
}

/// The last `most` signs: what tells exchanges of one cluster apart stands at the end.
fn end(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let kept = text.chars().skip(count - most.saturating_sub(1));
    std::iter::once('…').chain(kept).collect()
}
