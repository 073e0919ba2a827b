//! What became of an exchange that the status does not list: the journal remembers it for longer.

mod unseen;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use serde::Serialize;

use super::named::{Called, Known, NotOne, one_of};
use crate::id::{CommitId, ExchangeId};
use crate::reason::Reason;
use crate::report::hanging;
use crate::state::State;
use crate::state::journal::{Deed, Entry, Journal, Memory, deeds};
use crate::status::Status;
use unseen::{Unseen, unseen};

/// As wide as the key of a line.
const INDENT: &str = "            ";

/// Something was done about it, and the last pass did not list it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Gone {
    id: ExchangeId,
    /// The last that is known; empty where none is.
    file: String,
    reason: Reason,
    text: String,
    /// What cannot be read, where its removal waits for that alone.
    waits_for: Option<String>,
    /// The last that was done about it.
    last: Option<Deed>,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id, reason, text, ..
        } = self;
        let next = self.next();
        write!(f, "{id} is {}: {reason}: {text}; {next}", self.stands())
    }
}

impl Gone {
    /// As `why` tells of those that are listed.
    pub(super) fn tell(&self, width: u16) -> String {
        let mut told = format!("{} is {}\n", self.id, self.stands());
        let mut line = |key: &str, value: &str| {
            let value = hanging(value, INDENT, width);
            writeln!(told, "  {key:9} {value}").ok();
        };
        if !self.file.is_empty() {
            line("file", &format!("{}, as it was last", self.file));
        }
        line("why", &format!("{}: {}", self.reason, self.text));
        line("next", &self.next());
        line("means", self.reason.story());
        told
    }

    pub(super) fn reason(&self) -> Reason {
        self.reason
    }

    /// The commit it was removed for, where that is known.
    pub(super) fn removed_for(&self) -> Option<&CommitId> {
        let last = self.last.as_ref().filter(|last| is_removal(last));
        last?.commit.as_ref()
    }

    fn stands(&self) -> &'static str {
        if self.reason == Reason::Removed {
            "not there any more"
        } else if self.waits_for.is_some() {
            "to be removed"
        } else {
            "not listed"
        }
    }

    fn next(&self) -> String {
        let goes_on = self.waits_for.as_ref().map_or_else(String::new, |what| {
            format!(
                "removed when {what} can be read, unless `policy.prune` is off or its last file says otherwise (`protect`, `suspend`, `sync_mode`); "
            )
        });
        format!(
            "{goes_on}`natsx-sync history {}` tells what was done about it",
            self.id
        )
    }
}

/// Says more of what nothing in the status is called, where the journal knows it. Who may not read the journal is told what
/// the status says.
pub(super) fn told(state: &State, status: &Status, wanted: &str, error: NotOne) -> NotOne {
    let (NotOne::Nothing { .. }, Ok((entries, _))) = (&error, Journal::look(&state.journal()))
    else {
        return error;
    };
    let withheld = state.withheld().unwrap_or_default();
    match former(&entries, status, wanted) {
        Ok((id, file)) => {
            let gone = became(id, file, &entries, status, &withheld);
            NotOne::Gone(Box::new(gone))
        }
        Err(NotOne::Nothing { .. }) => error,
        Err(several) => several,
    }
}

fn former<'j>(
    entries: &'j [Entry],
    status: &Status,
    wanted: &str,
) -> Result<(&'j ExchangeId, &'j str), NotOne> {
    let listed: BTreeSet<_> = status.exchanges.iter().filter_map(Called::id).collect();
    let mut known: BTreeMap<&ExchangeId, &str> = BTreeMap::new();
    for entry in entries {
        let Some(id) = entry.id.as_ref().filter(|id| !listed.contains(id)) else {
            continue;
        };
        let file = entry.detail.get("file").and_then(|file| file.as_str());
        let last = known.entry(id).or_default();
        *last = file.unwrap_or(last);
    }
    let former = known.into_iter().map(|(id, file)| Known { id, file });
    one_of(wanted, former).map(|one| (one.id, one.file))
}

fn became(
    id: &ExchangeId,
    file: &str,
    entries: &[Entry],
    status: &Status,
    withheld: &BTreeSet<ExchangeId>,
) -> Gone {
    let done = deeds(entries).into_iter();
    let mut done = done.filter(|deed| deed.id.exchange() == Some(id) && deed.is_effect());
    let last = done.next_back();
    let memory = Journal::memories(entries).get(id);
    let unseen = unseen(id, status);
    let mut waits_for = None;
    let (reason, text) = match &last {
        Some(deed) if is_removal(deed) && deed.result == "done" => {
            (Reason::Removed, format!("{}{}", sentence(deed), why(deed)))
        }
        Some(deed) if is_left(deed, &memory, status) => (
            Reason::Interrupted,
            format!("{}, and nobody saw its end", sentence(deed)),
        ),
        _ if withheld.contains(id) => {
            let unseen = unseen.map_or_else(String::new, |unseen| format!("; {}", unseen.why.text));
            (
                Reason::MassRemoval,
                format!("its removal is held back{unseen}"),
            )
        }
        last => {
            let at = status.written_at;
            let last = last.as_ref().map_or_else(String::new, |deed| {
                format!("; the last that natsx-sync did is {}", sentence(deed))
            });
            match unseen {
                None => {
                    let text = format!(
                        "the last pass (status of {at:.0}) found no file that declares it and nothing of it{last}"
                    );
                    (Reason::Removed, text)
                }
                Some(Unseen {
                    why,
                    waits_for: None,
                }) => {
                    let text = &why.text;
                    let text = format!("the status of {at:.0} does not list it, but {text}{last}");
                    (why.reason, text)
                }
                Some(Unseen {
                    why,
                    waits_for: what,
                }) => {
                    waits_for = what;
                    let text = &why.text;
                    let text = format!(
                        "no file declares it any more (status of {at:.0}), and its removal waits: {text}{last}"
                    );
                    (why.reason, text)
                }
            }
        }
    };
    Gone {
        id: id.clone(),
        file: file.to_owned(),
        reason,
        text,
        waits_for,
        last,
    }
}

/// Whether its end is not known: a pass that came after it would have listed what is there.
fn is_left(deed: &Deed, memory: &Memory, status: &Status) -> bool {
    let is_open = memory.open.is_some() || memory.leftover.is_some();
    is_removal(deed) && is_open || deed.is_unfinished() && deed.time > status.written_at
}

fn is_removal(deed: &Deed) -> bool {
    matches!(deed.action.as_deref(), Some("uninstall" | "deregister"))
}

/// What was done, when, by whom and for which commit.
fn sentence(deed: &Deed) -> String {
    let action = deed.action.as_deref().unwrap_or("something");
    let result = if deed.is_unfinished() {
        "begun"
    } else {
        deed.result
    };
    let by = deed.actor.as_ref();
    let by = by.map_or_else(String::new, |by| format!(" by `{by}`"));
    let commit = deed.commit.as_ref();
    let commit = commit.map_or_else(String::new, |commit| {
        format!(", at commit {}", commit.short())
    });
    format!("{action} {result} at {:.0}{by}{commit}", deed.time)
}

fn why(deed: &Deed) -> String {
    let why = deed.reason.as_ref();
    why.map_or_else(String::new, |why| format!(" ({why})"))
}
