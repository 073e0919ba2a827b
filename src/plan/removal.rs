//! Releases and records with our mark that nothing declares any more.

use std::collections::BTreeSet;

use super::action::{
    Action, Effect, Guard, PlannedExchange, RegistryAction, RegistryChange, StepKind,
};
use super::figures;
use super::scene::{Held, Scene};
use super::state::{State, release_state};
use super::twin::tell_apart;
use crate::exchange::desired::{DeletionPolicy, SyncMode, Terms};
use crate::id::{ExchangeId, SystemId};
use crate::observe::observed::{Proof, ReleaseKey, ReleaseView};
use crate::reason::Reason;

/// Every exchange known only from a cluster or the registry.
pub(super) fn undeclared(scene: &Scene<'_>) -> BTreeSet<ExchangeId> {
    let owned = scene.observed.owned(&scene.policy.instance);
    let mut found: BTreeSet<ExchangeId> = owned.map(|(id, _)| id).collect();
    found.extend(scene.marked.keys().cloned());
    found.retain(|id| !scene.desired.exchanges.contains_key(id));
    found
}

/// Plans the removal of one of them, if every condition holds.
pub(super) fn plan_removal(scene: &Scene<'_>, id: &ExchangeId) -> PlannedExchange {
    let mut entry = PlannedExchange::undeclared(
        Some(id.clone()),
        Action::None,
        Reason::FileRemoved,
        "no file declares it any more",
    );
    if let Err(held) = decide(scene, id, &mut entry) {
        held.hold(&mut entry);
    }
    entry
}

fn decide(scene: &Scene<'_>, id: &ExchangeId, entry: &mut PlannedExchange) -> Result<(), Held> {
    let view = scene
        .view(id)
        .map_err(|held| unseen(scene, id, held, entry))?;
    let release = view.releases.get(&ReleaseKey::of(id));
    let system_id = record_key(scene, id);
    entry.precondition = scene.precondition(release, system_id.as_ref());
    entry.chart.old = release
        .and_then(|release| release.stored.as_ref())
        .map(|stored| stored.chart_version.clone());
    if let Some(record) = system_id.as_ref().and_then(|key| record_name(scene, key)) {
        entry.name = record;
    }
    if !scene.policy.prune {
        "no file declares it any more; policy.prune is off, so it stays"
            .clone_into(&mut entry.text);
        return Ok(());
    }
    check_source(scene)?;
    let Some(terms) = proven_terms(scene, id, entry)? else {
        return Ok(());
    };
    if let Err(unreadable) = &scene.observed.registry {
        let text = waits(&entry.text, "the registry", &unreadable.text);
        return Err(Held::blocked(Reason::RegistryUnreadable, text));
    }
    let removal = Removal {
        scene,
        id,
        release,
        terms: &terms,
    };
    removal.decide(system_id, entry)
}

/// What is there nobody knows; that it is to go, git may prove all the same.
fn unseen(scene: &Scene<'_>, id: &ExchangeId, held: Held, entry: &mut PlannedExchange) -> Held {
    if held.action != Action::Unreadable || !scene.policy.prune || check_source(scene).is_err() {
        return held;
    }
    let mut proven = entry.clone();
    let Ok(Some(_)) = proven_terms(scene, id, &mut proven) else {
        return held;
    };
    entry.file = proven.file;
    let cluster = format!("cluster {}", id.cluster);
    Held {
        text: waits(&proven.text, &cluster, &held.text),
        ..held
    }
}

/// That it goes when something can be read; the trouble comes last, as it stands also where it is told of all.
fn waits(why: &str, what: &str, trouble: &str) -> String {
    format!("{why}; its removal waits for {what}: {trouble}")
}

fn check_source(scene: &Scene<'_>) -> Result<(), Held> {
    if let Some(first) = scene.desired.incomplete.first() {
        return Err(Held::incomplete(first));
    }
    if scene
        .desired
        .broken
        .iter()
        .any(|broken| broken.blocks.is_empty())
    {
        let text = "nothing is removed while a broken file cannot be attributed";
        return Err(Held::blocked(Reason::SourceIncomplete, text));
    }
    if scene.desired.dirty {
        let text = "nothing is removed from a work tree with uncommitted changes";
        return Err(Held::blocked(Reason::SourceDirty, text));
    }
    Ok(())
}

/// Whether git proves that it was declared, and its last terms let it go.
pub(super) fn may_go(scene: &Scene<'_>, id: &ExchangeId) -> bool {
    let (action, reason) = (Action::None, Reason::FileRemoved);
    let mut entry = PlannedExchange::undeclared(Some(id.clone()), action, reason, "");
    matches!(proven_terms(scene, id, &mut entry), Ok(Some(_)))
}

/// The last terms git knows, unless they hold the exchange.
fn proven_terms(
    scene: &Scene<'_>,
    id: &ExchangeId,
    entry: &mut PlannedExchange,
) -> Result<Option<Terms>, Held> {
    let (terms, file, removed_in) = match scene.observed.proofs.get(id) {
        None => {
            let text = "nothing in git or the journal proves that it was ever declared here";
            return Err(Held::blocked(Reason::NotFromThisHistory, text));
        }
        Some(Proof::NotProved(unproved)) => {
            return Err(Held::blocked(unproved.reason, unproved.text.clone()));
        }
        Some(Proof::Declared {
            terms,
            file,
            removed_in,
        }) => (terms, file, removed_in),
    };
    entry.file.clone_from(file);
    entry.text = match removed_in {
        Some(commit) => format!("{file} was removed in {}", commit.short()),
        None => format!("{file} does not declare it any more"),
    };
    if let Some(text) = scene.suspension(id, terms.suspend.as_ref()) {
        return Err(Held::blocked(Reason::Suspended, text));
    }
    if terms.protect {
        let text = format!(
            "{}, but the last commit that declared it protects it",
            entry.text
        );
        return Err(Held {
            guard: Some(Guard {
                name: Reason::Protected,
                needs:
                    "declare it again with `protect: false` in a commit of its own, then remove it"
                        .to_owned(),
            }),
            ..Held::blocked(Reason::Protected, text)
        });
    }
    let (reason, word) = match terms.sync_mode {
        SyncMode::Continuous | SyncMode::ContinuousWithDriftDetection => {
            return Ok(Some(terms.clone()));
        }
        SyncMode::OneTime => (Reason::SyncModeOneTime, "one_time"),
        SyncMode::DryRun => (Reason::SyncModeDryRun, "dry_run"),
    };
    let text = format!("{}; its sync_mode was {word}, so it stays", entry.text);
    entry.decide(Action::None, reason, text);
    Ok(None)
}

/// One that is proved.
struct Removal<'a> {
    scene: &'a Scene<'a>,
    id: &'a ExchangeId,
    release: Option<&'a ReleaseView>,
    terms: &'a Terms,
}

impl Removal<'_> {
    fn decide(&self, record: Option<SystemId>, entry: &mut PlannedExchange) -> Result<(), Held> {
        let why = entry.text.clone();
        let policy = self.scene.policy;
        match release_state(self.release, self.id, policy) {
            State::Absent => self.finish(record.is_some(), entry)?,
            State::Foreign(reason) => {
                let text = "a release of that name exists that is not ours; its record stays";
                entry.decide(Action::Conflict, reason, text);
                return Ok(());
            }
            State::Locked(text) => return Err(Held::blocked(Reason::ReleaseLocked, text)),
            State::Stuck => {
                self.tell_apart()?;
                let text = format!(
                    "{why}; an interrupted helm operation of ours holds the release, which is unlocked first"
                );
                entry.decide(Action::Repair, Reason::ReleaseStuck, text);
                entry.steps = vec![StepKind::Unlock];
                return Ok(());
            }
            State::Unclear => {
                return Err(unreadable("helm stores the release in an unknown state"));
            }
            State::Failed(release)
            | State::Uninstalling(release)
            | State::Uninstalled(release)
            | State::Deployed(release) => {
                if let Some(text) = &release.undecodable {
                    return Err(unreadable(text));
                }
                self.tell_apart()?;
                entry.decide(Action::Uninstall, Reason::FileRemoved, why);
                entry.destructive = true;
                entry.steps = steps(record.is_some(), self.terms.deletion_policy);
                entry.effects = vec![match self.terms.deletion_policy {
                    DeletionPolicy::Retain => Effect::KeepsVolumes,
                    DeletionPolicy::Purge => Effect::DeletesVolumes,
                }];
                if let Some(stored) = &release.stored {
                    entry.figures = figures::of_removal(stored);
                }
            }
        }
        entry.registry = record.map(|system_id| RegistryChange {
            action: RegistryAction::Delete,
            system_id,
            changes: Vec::new(),
        });
        Ok(())
    }

    /// Its release is gone; what is left of it goes, too.
    fn finish(&self, has_record: bool, entry: &mut PlannedExchange) -> Result<(), Held> {
        let why = entry.text.clone();
        if !has_record {
            let text = format!("{why}; its release is gone, its record is now another exchange's");
            entry.decide(Action::None, Reason::FileRemoved, text);
            return Ok(());
        }
        // What was to become of them when its removal began says nothing: it may have been declared otherwise since.
        let purges = self.terms.deletion_policy == DeletionPolicy::Purge;
        let (left, volumes, effect) = if purges && self.scene.policy.volumes_left.contains(self.id)
        {
            self.tell_apart()?;
            let step = Some(StepKind::DeleteVolumes);
            (", its volumes may be left", step, Effect::DeletesVolumes)
        } else {
            ("", None, Effect::RegistryOnly)
        };
        entry.decide(
            Action::Deregister,
            Reason::RecordOrphaned,
            format!("{why}; its release is gone{left}"),
        );
        entry.steps = volumes.into_iter().chain([StepKind::Deregister]).collect();
        entry.effects = vec![effect];
        entry.destructive = true;
        Ok(())
    }

    fn tell_apart(&self) -> Result<(), Held> {
        tell_apart(self.scene, self.id, self.release)
    }
}

fn unreadable(text: &str) -> Held {
    Held {
        action: Action::Unreadable,
        ..Held::blocked(Reason::ReleaseUnreadable, text)
    }
}

fn steps(has_record: bool, policy: DeletionPolicy) -> Vec<StepKind> {
    let mut steps = Vec::new();
    if has_record {
        steps.push(StepKind::MarkDeleting);
    }
    steps.extend([StepKind::HelmUninstall, StepKind::WaitGone]);
    if policy == DeletionPolicy::Purge {
        steps.push(StepKind::DeleteVolumes);
    }
    if has_record {
        steps.push(StepKind::Deregister);
    }
    steps
}

/// The key of the record written for `id`, unless a declared exchange uses that key now.
fn record_key(scene: &Scene<'_>, id: &ExchangeId) -> Option<SystemId> {
    let record = scene.marked.get(id)?.first()?;
    let key: SystemId = record.system_id.parse().ok()?;
    let is_used = scene
        .desired
        .exchanges
        .values()
        .any(|exchange| exchange.system_id == key);
    (!is_used).then_some(key)
}

fn record_name(scene: &Scene<'_>, key: &SystemId) -> Option<String> {
    let view = scene.observed.registry.as_ref().ok()?;
    let record = view.records.get(key.as_str())?.first()?;
    record.name.clone()
}
