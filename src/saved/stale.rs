//! What became of the things a saved plan rests on.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{SavedEntry, SavedPlan};
use crate::exchange::desired::{ChartRef, Desired, OWN_FILE};
use crate::id::{Digest, ExchangeId};
use crate::observe::observed::Proof;
use crate::plan::action::{Action, Plan, PlannedExchange};
use crate::plan::fingerprint::{Inputs, ReleaseSeen};
use crate::reason::Reason;

/// The world a saved plan is held against.
#[derive(Debug, Clone, Copy)]
pub struct Now<'a> {
    /// The plan of the saved commit, made now.
    pub plan: &'a Plan,
    /// What that commit says.
    pub desired: &'a Desired,
    /// What history says there of removals.
    pub proofs: &'a BTreeMap<ExchangeId, Proof>,
    /// The head, where the branch went on.
    pub head: Option<Head<'a>>,
    /// Chart archives at hand.
    pub archives: &'a BTreeMap<ChartRef, Digest>,
}

/// The head of a branch that went on.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// What it says.
    pub desired: &'a Desired,
    /// What its history says of what it does not declare.
    pub proofs: &'a BTreeMap<ExchangeId, Proof>,
}

/// An entry that does not hold any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stale {
    /// The exchange.
    pub id: ExchangeId,
    /// What was to be done.
    pub action: Action,
    /// What changed.
    pub changes: Vec<Change>,
}

/// A part that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which.
    pub part: Part,
    /// For people.
    pub text: String,
}

/// What a saved entry rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", into = "String")]
pub enum Part {
    /// `file`, `values.yaml`, `profiles/NAME.yaml`.
    File(String),
    /// Version or archive.
    Chart,
    /// As the settings make it.
    PublicUrl,
    /// The stored release.
    Release,
    /// The registry's record.
    Record,
    /// What follows from everything else.
    Action,
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        match part {
            Part::File(name) => name,
            Part::Chart => "chart".to_owned(),
            Part::PublicUrl => "public_url".to_owned(),
            Part::Release => "release".to_owned(),
            Part::Record => "record".to_owned(),
            Part::Action => "action".to_owned(),
        }
    }
}

/// The entries that do not hold any more. Only what an entry itself rests on counts: other files, other releases and
/// commits that touch neither spoil nothing.
pub fn stale(saved: &SavedPlan, now: Now<'_>) -> Vec<Stale> {
    let entries = now.plan.exchanges.iter();
    let entries: BTreeMap<&ExchangeId, &PlannedExchange> = entries
        .filter_map(|entry| Some((entry.id.as_ref()?, entry)))
        .collect();
    saved
        .changes()
        .filter_map(|(id, entry)| {
            let changes = changes(id, entry, entries.get(id).copied(), now);
            (!changes.is_empty()).then(|| Stale {
                id: id.clone(),
                action: entry.action,
                changes,
            })
        })
        .collect()
}

fn changes(
    id: &ExchangeId,
    saved: &SavedEntry,
    entry: Option<&PlannedExchange>,
    now: Now<'_>,
) -> Vec<Change> {
    let mut found = Changes::default();
    let Some(entry) = entry else {
        found.add(
            Part::Action,
            "neither a file nor a release of it is there now",
        );
        return found.0;
    };
    let inputs = Inputs::of(entry, now.desired);
    found.files(&saved.inputs, &inputs, "differs from what was planned");
    found.settings(&saved.inputs, &inputs);
    if let Some(head) = now.head {
        found.head(id, &saved.inputs, head.desired);
        if saved.inputs.blobs.is_empty() {
            found.removal(now.proofs.get(id), head.proofs.get(id));
        }
    }
    found.archive(saved, &inputs, now.archives);
    found.release(saved.inputs.release.as_ref(), inputs.release.as_ref());
    found.record(&saved.inputs, &inputs);
    found.action(saved, entry, &inputs);
    found.0
}

#[derive(Default)]
struct Changes(Vec<Change>);

impl Changes {
    fn add(&mut self, part: Part, text: impl Into<String>) {
        let text = text.into();
        if self.0.iter().all(|change| change.part != part) {
            self.0.push(Change { part, text });
        }
    }

    fn files(&mut self, saved: &Inputs, now: &Inputs, how: &str) {
        let names: BTreeSet<&String> = saved.blobs.keys().chain(now.blobs.keys()).collect();
        for name in names {
            if saved.blobs.get(name) != now.blobs.get(name) {
                let shown = if name == OWN_FILE {
                    "its exchange file"
                } else {
                    name
                };
                self.add(Part::File(name.clone()), format!("{shown} {how}"));
            }
        }
    }

    fn settings(&mut self, saved: &Inputs, now: &Inputs) {
        let version = |chart: &Option<ChartRef>| match chart {
            Some(chart) => format!("{} {}", chart.name, chart.version),
            None => "none".to_owned(),
        };
        if saved.chart != now.chart {
            let (was, is) = (version(&saved.chart), version(&now.chart));
            self.add(Part::Chart, format!("the chart was {was}, is {is}"));
        }
        if saved.public_url != now.public_url {
            let text = "its public_url is another one: the settings of its cluster changed";
            self.add(Part::PublicUrl, text);
        }
    }

    /// The branch went on: what it says of this exchange now has to be what it said then.
    fn head(&mut self, id: &ExchangeId, saved: &Inputs, head: &Desired) {
        let commit = head
            .commit
            .as_ref()
            .map_or("the head", |commit| commit.short());
        let own = Part::File(OWN_FILE.to_owned());
        if head.is_broken(id) {
            return self.add(own, format!("its exchange file has errors at {commit}"));
        }
        match (head.exchanges.get(id), saved.blobs.is_empty()) {
            (Some(_), true) => self.add(own, format!("a file declares it again at {commit}")),
            (None, false) => self.add(own, format!("no file declares it any more at {commit}")),
            (Some(exchange), false) => {
                let now = Inputs {
                    blobs: exchange.blobs.open(),
                    ..saved.clone()
                };
                self.files(saved, &now, &format!("changed until {commit}"));
            }
            (None, true) => {
                let unattributed = head.broken.iter().any(|broken| broken.blocks.is_empty());
                if unattributed || !head.incomplete.is_empty() {
                    let text =
                        format!("not everything can be read at {commit}: it may be declared again");
                    self.add(own, text);
                }
            }
        }
    }

    /// What a removal rests on: it may have been declared again since, with other terms, and removed once more. The commit that
    /// removed it is another one after a merge.
    fn removal(&mut self, saved: Option<&Proof>, head: Option<&Proof>) {
        if are_alike(saved, head) {
            return;
        }
        let text = match head {
            Some(Proof::Declared {
                removed_in: Some(commit),
                ..
            }) => format!(
                "it was declared again since, and removed in {}: its last terms are those of then",
                commit.short()
            ),
            Some(Proof::Declared { .. }) => "its last terms are others at the head".to_owned(),
            Some(Proof::NotProved(why)) => format!("at the head: {}", why.text),
            None => "nothing proves at the head that it was declared".to_owned(),
        };
        self.add(Part::File(OWN_FILE.to_owned()), text);
    }

    fn archive(&mut self, saved: &SavedEntry, now: &Inputs, archives: &BTreeMap<ChartRef, Digest>) {
        let found = now.chart.as_ref().and_then(|chart| archives.get(chart));
        if let (Some(was), Some(is)) = (&saved.archive, found)
            && was != is
        {
            let short = |digest: &Digest| digest.as_str().chars().take(12).collect::<String>();
            let text = format!(
                "the archive of its chart was sha256:{}…, is sha256:{}…",
                short(was),
                short(is)
            );
            self.add(Part::Chart, text);
        }
    }

    fn release(&mut self, saved: Option<&ReleaseSeen>, now: Option<&ReleaseSeen>) {
        let text = match (saved, now) {
            (None, None) => return,
            (None, Some(now)) => format!("a release was made (revision {})", now.revision),
            (Some(saved), None) => format!("revision {} of its release is gone", saved.revision),
            (Some(saved), Some(now)) if saved == now => return,
            (Some(saved), Some(now)) if saved.revision != now.revision => format!(
                "its release was at revision {}, is at {}",
                saved.revision, now.revision
            ),
            (Some(saved), Some(now)) if saved.uid != now.uid => format!(
                "its release was made anew (revision {} of both)",
                saved.revision
            ),
            (Some(saved), Some(_)) => {
                format!("revision {} of its release was changed", saved.revision)
            }
        };
        self.add(Part::Release, text);
    }

    fn record(&mut self, saved: &Inputs, now: &Inputs) {
        let text = match (&saved.record, &now.record) {
            (saved, now) if saved == now => return,
            (None, _) => "a record of it was made",
            (Some(_), None) => "its record is gone, or the registry could not be read",
            (Some(_), Some(_)) => "its record was changed",
        };
        self.add(Part::Record, text);
    }

    fn action(&mut self, saved: &SavedEntry, now: &PlannedExchange, inputs: &Inputs) {
        let word = |action: Action, reason: Reason| format!("{} ({reason})", action.word());
        let (was, is) = (
            word(saved.action, saved.inputs.reason),
            word(now.action, now.reason),
        );
        if was != is {
            let text = format!("was {was}, is {is}: {}", now.text);
            self.add(Part::Action, text);
        } else if saved.inputs.steps != inputs.steps {
            self.add(Part::Action, format!("other steps: {}", now.text));
        }
    }
}

/// Whether both say the same of how it was declared last.
fn are_alike(saved: Option<&Proof>, head: Option<&Proof>) -> bool {
    match (saved, head) {
        (
            Some(Proof::Declared { terms, file, .. }),
            Some(Proof::Declared {
                terms: terms_now,
                file: file_now,
                ..
            }),
        ) => (terms, file) == (terms_now, file_now),
        _ => saved == head,
    }
}
