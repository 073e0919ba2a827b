//! Asks history about everything that carries our mark and is not declared now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::exchange::declare;
use crate::exchange::desired::{Desired, Terms};
use crate::id::{CommitId, ExchangeId, Instance};
use crate::observe::observed::{Ancestry, Observed, Proof, Record, Unreadable};
use crate::pass::Knowledge;
use crate::reason::Reason;
use crate::source::History;

/// Fills in proofs and ancestry.
pub(super) fn prove(
    observed: &mut Observed,
    desired: &Desired,
    history: Option<&History>,
    knowledge: &Knowledge,
    instance: &Instance,
) {
    let ours = marked(observed, instance);
    for (id, commits) in &ours {
        if desired.exchanges.contains_key(id) {
            if let Some(history) = history {
                for commit in commits {
                    observed
                        .ancestry
                        .entry(commit.clone())
                        .or_insert_with(|| history.ancestry(commit));
                }
            }
            continue;
        }
        let proof = match history {
            // Release and record may carry different commits; one that proves is enough.
            Some(history) => commits
                .iter()
                .map(|commit| history.prove(id, Some(commit), &declare))
                .reduce(|best, other| {
                    if matches!(best, Proof::Declared { .. }) {
                        best
                    } else {
                        other
                    }
                })
                .unwrap_or_else(|| history.prove(id, None, &declare)),
            None => of_folder(id, knowledge),
        };
        observed.proofs.insert(id.clone(), proof);
    }
    if history.is_none() {
        // Without history nothing is known of any commit, and nothing follows from it.
        observed.ancestry = ours
            .values()
            .flatten()
            .map(|commit| (commit.clone(), Ancestry::HeadOrAncestor))
            .collect();
    }
}

fn of_folder(id: &ExchangeId, knowledge: &Knowledge) -> Proof {
    match knowledge.installed.get(id) {
        Some(file) => Proof::Declared {
            terms: Terms::default(),
            file: file.clone(),
            removed_in: None,
        },
        None => Proof::NotProved(Unreadable {
            reason: Reason::NotFromThisHistory,
            text:
                "a plain folder has no history, and this host's journal does not hold its install"
                    .to_owned(),
        }),
    }
}

/// Every id with our mark on a release or record, with the commits stamped there.
fn marked(observed: &Observed, instance: &Instance) -> BTreeMap<ExchangeId, BTreeSet<CommitId>> {
    let mut ours: BTreeMap<ExchangeId, BTreeSet<CommitId>> = BTreeMap::new();
    for (cluster, view) in &observed.clusters {
        let Ok(view) = view else { continue };
        for (key, release) in &view.releases {
            let Some(stamp) = release
                .stamp
                .as_ref()
                .filter(|stamp| stamp.instance == *instance)
            else {
                continue;
            };
            let id = ExchangeId {
                cluster: cluster.clone(),
                namespace: key.namespace.clone(),
                release: key.release.clone(),
            };
            ours.entry(id).or_default().extend(stamp.commit.clone());
        }
    }
    if let Ok(registry) = &observed.registry {
        for record in registry.records.values().flatten() {
            if let Some((id, commit)) = mark_of(record, instance) {
                ours.entry(id).or_default().extend(commit);
            }
        }
    }
    ours
}

/// The id and commit our part of a record names, if the record is this instance's.
fn mark_of(record: &Record, instance: &Instance) -> Option<(ExchangeId, Option<CommitId>)> {
    let mark = record.metadata.get("natsx")?;
    let text = |key: &str| mark.get(key).and_then(Value::as_str);
    if text("instance")? != instance.as_str() {
        return None;
    }
    let id = ExchangeId {
        cluster: record.cluster_id.as_deref()?.parse().ok()?,
        namespace: text("namespace")?.parse().ok()?,
        release: text("release")?.parse().ok()?,
    };
    Some((id, text("commit").and_then(|commit| commit.parse().ok())))
}
