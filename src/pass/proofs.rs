//! Asks history about everything that carries our mark and is not declared now.

use std::collections::{BTreeMap, BTreeSet};

use crate::exchange::declare;
use crate::exchange::desired::Desired;
use crate::id::{CommitId, ExchangeId, Instance};
use crate::observe::observed::{Ancestry, Observed, Proof, Record, Unreadable};
use crate::reason::Reason;
use crate::source::History;
use crate::state::declared::Declared;

/// What this host remembers of a plain folder, which has no history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remembered<'a> {
    /// What it installed.
    pub(super) installed: &'a BTreeMap<ExchangeId, String>,
    /// What the folder declared last.
    pub(super) declared: &'a BTreeMap<ExchangeId, Declared>,
}

impl Default for Remembered<'_> {
    fn default() -> Self {
        Self {
            installed: const { &BTreeMap::new() },
            declared: const { &BTreeMap::new() },
        }
    }
}

/// The commits stamped on what carries our mark.
#[derive(Debug, Default)]
struct Marks {
    has_release: bool,
    release: Option<CommitId>,
    records: BTreeSet<CommitId>,
}

impl Marks {
    /// Where there is a release its own stamp alone says whether it is of this history: it may have been taken over
    /// since the record was written, and records are easier to write than releases.
    fn proving(&self) -> BTreeSet<&CommitId> {
        if self.has_release {
            self.release.iter().collect()
        } else {
            self.records.iter().collect()
        }
    }

    fn all(&self) -> impl Iterator<Item = &CommitId> {
        self.release.iter().chain(&self.records)
    }
}

/// Fills in proofs and ancestry.
pub(super) fn prove(
    observed: &mut Observed,
    desired: &Desired,
    history: Option<&History>,
    remembered: &Remembered<'_>,
    instance: &Instance,
) {
    let ours = marked(observed, instance);
    for (id, marks) in &ours {
        if desired.exchanges.contains_key(id) {
            if let Some(history) = history {
                for commit in marks.all() {
                    observed
                        .ancestry
                        .entry(commit.clone())
                        .or_insert_with(|| history.ancestry(commit));
                }
            }
            continue;
        }
        let proof = match history {
            Some(history) => of_history(id, marks, history),
            None => of_folder(id, remembered),
        };
        observed.proofs.insert(id.clone(), proof);
    }
    if history.is_none() {
        // Without history nothing is known of any commit, and nothing follows from it.
        observed.ancestry = ours
            .values()
            .flat_map(Marks::all)
            .map(|commit| (commit.clone(), Ancestry::HeadOrAncestor))
            .collect();
    }
}

/// What the history of another commit says of whatever carries our mark and is not declared there.
pub fn prove_at(
    desired: &Desired,
    history: &History,
    observed: &Observed,
    instance: &Instance,
) -> BTreeMap<ExchangeId, Proof> {
    let ours = marked(observed, instance).into_iter();
    let undeclared = ours.filter(|(id, _)| !desired.exchanges.contains_key(id));
    let proofs = undeclared.map(|(id, marks)| {
        let proof = of_history(&id, &marks, history);
        (id, proof)
    });
    proofs.collect()
}

fn of_history(id: &ExchangeId, marks: &Marks, history: &History) -> Proof {
    // Duplicates of a record may carry different commits; one that proves is enough.
    marks
        .proving()
        .into_iter()
        .map(|commit| history.prove(id, Some(commit), &declare))
        .reduce(|best, other| {
            if matches!(best, Proof::Declared { .. }) {
                best
            } else {
                other
            }
        })
        .unwrap_or_else(|| history.prove(id, None, &declare))
}

fn of_folder(id: &ExchangeId, remembered: &Remembered<'_>) -> Proof {
    let unproved = |text: &str| {
        Proof::NotProved(Unreadable {
            reason: Reason::NotFromThisHistory,
            text: text.to_owned(),
        })
    };
    if !remembered.installed.contains_key(id) {
        return unproved(
            "a plain folder has no history, and this host's journal does not hold its install",
        );
    }
    match remembered.declared.get(id) {
        Some(declared) => Proof::Declared {
            terms: declared.terms.clone(),
            file: declared.file.clone(),
            removed_in: None,
        },
        None => unproved(
            "a plain folder has no history, and what its file said of removals is not known here: declare it again, then \
             remove it",
        ),
    }
}

/// Every id with our mark on a release or record, with the commits stamped there.
fn marked(observed: &Observed, instance: &Instance) -> BTreeMap<ExchangeId, Marks> {
    let mut ours: BTreeMap<ExchangeId, Marks> = BTreeMap::new();
    for (id, stamp) in observed.owned(instance) {
        let marks = ours.entry(id).or_default();
        marks.has_release = true;
        marks.release.clone_from(&stamp.commit);
    }
    if let Ok(registry) = &observed.registry {
        for record in registry.records.values().flatten() {
            if let Some((id, commit)) = mark_of(record, instance) {
                ours.entry(id).or_default().records.extend(commit);
            }
        }
    }
    ours
}

/// The id and commit our part of a record names, if the record is this instance's.
fn mark_of(record: &Record, instance: &Instance) -> Option<(ExchangeId, Option<CommitId>)> {
    let mark = record.mark().filter(|mark| mark.is_of(instance))?;
    let id = record.marked_for(&mark)?;
    let commit = mark.text("commit");
    Some((id, commit.and_then(|commit| commit.parse().ok())))
}
