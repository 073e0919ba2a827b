//! An independent look at a finished plan. It shares no decision with the planner, so that one mistake in one of them
//! removes nothing; whatever it refuses is not applied.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{Action, Plan, PlannedExchange, RegistryAction, StepKind};
use super::policy::{Policy, Withheld};
use crate::exchange::desired::{
    DeletionPolicy, Desired, DesiredExchange, Suspend, SyncMode, Terms,
};
use crate::id::{ClusterId, ExchangeId};
use crate::observe::observed::{
    ClusterView, Observed, Proof, Record, ReleaseKey, ReleaseStatus, ReleaseView,
};

/// A rule a plan breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {rule}", id.as_ref().map_or_else(|| "a file".to_owned(), ToString::to_string))]
pub struct Violation {
    /// Whose entry; none where it has no id.
    pub id: Option<ExchangeId>,
    /// The rule.
    pub rule: &'static str,
}

/// What a plan breaks, each rule once for each entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub Vec<Violation>);

/// So many are told; one bug seldom breaks one entry only.
const TOLD: usize = 10;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "the verifier refuses the plan, so nothing is done; this is a bug of natsx-sync, please report it",
        )?;
        for (at, violation) in self.0.iter().take(TOLD).enumerate() {
            write!(f, "{}{violation}", if at == 0 { ": " } else { "; " })?;
        }
        match self.0.len().saturating_sub(TOLD) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for Refused {}

/// Accepts a plan, or says every rule it breaks.
pub fn verify(
    plan: &Plan,
    desired: &Desired,
    observed: &Observed,
    policy: &Policy,
) -> Result<(), Refused> {
    let mut check = Check {
        desired,
        observed,
        policy,
        broken: Vec::new(),
    };
    let mut seen = BTreeSet::new();
    for entry in &plan.exchanges {
        if entry.id.as_ref().is_some_and(|id| !seen.insert(id)) {
            check.refuse(entry, "has two entries");
        }
        check.entry(entry);
    }
    check.mass(plan);
    if check.broken.is_empty() {
        Ok(())
    } else {
        Err(Refused(check.broken))
    }
}

struct Check<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    policy: &'a Policy,
    broken: Vec<Violation>,
}

impl<'a> Check<'a> {
    fn refuse(&mut self, entry: &PlannedExchange, rule: &'static str) {
        self.broken.push(Violation {
            id: entry.id.clone(),
            rule,
        });
    }

    fn require(&mut self, entry: &PlannedExchange, holds: bool, rule: &'static str) {
        if !holds {
            self.refuse(entry, rule);
        }
    }

    fn entry(&mut self, entry: &PlannedExchange) {
        let changes = !matches!(
            entry.action,
            Action::None | Action::Blocked | Action::Conflict | Action::Unreadable
        );
        if !changes {
            return self.require(entry, entry.steps.is_empty(), "does nothing and has steps");
        }
        self.require(entry, !entry.steps.is_empty(), "is a change without steps");
        let Some(id) = &entry.id else {
            return self.refuse(entry, "is a change to something without an id");
        };
        let Some(view) = self.seen(id) else {
            return self.refuse(entry, "changes where nothing was seen");
        };
        let release = view.releases.get(&ReleaseKey::of(id));
        self.preconditions(entry, id, release);
        if let Some(exchange) = self.desired.exchanges.get(id) {
            return self.declared(entry, exchange, release);
        }
        let allowed = matches!(entry.action, Action::Uninstall | Action::Deregister)
            || entry.steps == [StepKind::Unlock];
        self.require(entry, allowed, "adds something undeclared");
        self.removal(entry, id, release);
    }

    fn preconditions(
        &mut self,
        entry: &PlannedExchange,
        id: &ExchangeId,
        release: Option<&ReleaseView>,
    ) {
        let blocked = self.desired.is_broken(id);
        self.require(entry, !blocked, "is named by a broken file");
        let held = self.policy.suspended.get(id);
        let held = held.is_some_and(|suspend| !ends(suspend));
        self.require(entry, !held, "is suspended by command");
        if touches_release(entry)
            && let Some(release) = release
        {
            self.require(
                entry,
                self.is_ours(release),
                "touches a release without our mark",
            );
        }
        let secret = release.map(|release| &release.secret);
        self.require(
            entry,
            entry.precondition.secret.as_ref() == secret,
            "relies on another release than was seen",
        );
        if entry.steps.contains(&StepKind::Unlock) {
            let locked = release.is_some_and(|release| self.is_locked_by_us(id, release));
            self.require(entry, locked, "unlocks what we did not lock");
        }
    }

    fn declared(
        &mut self,
        entry: &PlannedExchange,
        exchange: &DesiredExchange,
        release: Option<&ReleaseView>,
    ) {
        self.record_is_ours(entry, exchange.adopts_record);
        let removes = entry.steps.iter().any(|step| {
            matches!(
                step,
                StepKind::HelmUninstall
                    | StepKind::Deregister
                    | StepKind::DeleteVolumes
                    | StepKind::MarkDeleting
            )
        });
        let finishing =
            release.is_some_and(|release| release.status == ReleaseStatus::Uninstalling);
        self.require(entry, !removes || finishing, "removes something declared");
        let kept = exchange.terms.sync_mode == SyncMode::DryRun;
        self.require(entry, !kept, "changes a dry_run exchange");
        let asked = exchange.terms.sync_mode == SyncMode::ContinuousWithDriftDetection;
        let patches = entry.steps.contains(&StepKind::PatchObjects);
        self.require(entry, asked || !patches, "patches objects unasked");
        let held = exchange.terms.suspend.as_ref();
        let held = held.is_some_and(|suspend| !ends(suspend));
        self.require(entry, !held, "changes what is suspended");
    }

    fn removal(&mut self, entry: &PlannedExchange, id: &ExchangeId, release: Option<&ReleaseView>) {
        let attributed = self
            .desired
            .broken
            .iter()
            .all(|file| !file.blocks.is_empty());
        self.require(
            entry,
            self.desired.incomplete.is_empty() && attributed,
            "removes while the source is incomplete",
        );
        self.require(entry, !self.desired.dirty, "removes from a dirty tree");
        self.require(entry, self.policy.prune, "removes while prune is off");
        self.require(
            entry,
            self.observed.registry.is_ok(),
            "removes while the registry is unread",
        );
        match self.observed.proofs.get(id) {
            Some(Proof::Declared { terms, .. }) => self.terms(entry, terms),
            Some(Proof::NotProved(_)) | None => self.refuse(entry, "removes without proof"),
        }
        if entry.action == Action::Uninstall {
            self.require(entry, release.is_some(), "uninstalls what was not seen");
        }
        if entry.action == Action::Deregister {
            self.require(
                entry,
                release.is_none(),
                "deregisters while the release is there",
            );
        }
        let deletes = entry
            .registry
            .as_ref()
            .filter(|change| change.action == RegistryAction::Delete);
        if let Some(change) = deletes {
            self.record_is_ours(entry, false);
            let used = self
                .desired
                .exchanges
                .values()
                .any(|exchange| exchange.system_id == change.system_id);
            self.require(
                entry,
                !used,
                "deletes a record that a declared exchange uses",
            );
        }
        let steps = entry.steps.contains(&StepKind::Deregister);
        self.require(
            entry,
            steps == deletes.is_some(),
            "deregisters without naming the record",
        );
        let takes_away = |step: &StepKind| {
            matches!(
                step,
                StepKind::Unlock | StepKind::HelmUninstall | StepKind::DeleteVolumes
            )
        };
        let is_apart = !entry.steps.iter().any(takes_away)
            || self.policy.allow_delete.contains(id)
            || self.is_apart(id, release);
        self.require(
            entry,
            is_apart,
            "removes what may be declared under another name of its cluster",
        );
    }

    /// Whether whatever is declared under that name for other clusters is something else.
    fn is_apart(&self, id: &ExchangeId, release: Option<&ReleaseView>) -> bool {
        let key = ReleaseKey::of(id);
        let mut others = self.desired.exchanges.keys();
        others.all(|other| {
            if other.cluster == id.cluster || ReleaseKey::of(other) != key {
                return true;
            }
            let here = self.observed.uid(&id.cluster);
            let there = self.observed.uid(&other.cluster);
            match (here, there, self.observed.clusters.get(&other.cluster)) {
                (Some(here), Some(there), _) => here != there,
                (_, _, Some(Ok(there))) => there.releases.get(&key).is_some_and(|seen| {
                    release.is_none_or(|release| release.secret.uid != seen.secret.uid)
                }),
                (_, _, Some(Err(_)) | None) => false,
            }
        })
    }

    fn terms(&mut self, entry: &PlannedExchange, terms: &Terms) {
        self.require(entry, !terms.protect, "removes what is protected");
        let stays = matches!(terms.sync_mode, SyncMode::OneTime | SyncMode::DryRun);
        self.require(entry, !stays, "removes what its sync_mode keeps");
        let held = terms.suspend.as_ref();
        let held = held.is_some_and(|suspend| !ends(suspend));
        self.require(entry, !held, "removes what is suspended");
        let purges = entry.steps.contains(&StepKind::DeleteVolumes);
        self.require(
            entry,
            !purges || terms.deletion_policy == DeletionPolicy::Purge,
            "deletes volumes that are retained",
        );
    }

    fn record_is_ours(&mut self, entry: &PlannedExchange, adopts: bool) {
        let (Some(change), Ok(registry)) = (&entry.registry, &self.observed.registry) else {
            let writes = entry.steps.contains(&StepKind::Register);
            return self.require(entry, !writes, "writes a record that was not read");
        };
        let records: &[Record] = registry
            .records
            .get(change.system_id.as_str())
            .map_or(&[], Vec::as_slice);
        let instance = &self.policy.instance;
        let ours = records
            .iter()
            .all(|record| record.mark().map_or(adopts, |mark| mark.is_of(instance)));
        self.require(entry, ours, "touches a record without our mark");
    }

    fn is_ours(&self, release: &ReleaseView) -> bool {
        let stamp = release.stamp.as_ref();
        stamp.is_some_and(|stamp| stamp.instance == self.policy.instance)
    }

    /// Whether a Helm operation of ours holds it.
    fn is_locked_by_us(&self, id: &ExchangeId, release: &ReleaseView) -> bool {
        let stamp = release.stamp.as_ref();
        let is_stamped = stamp.is_some_and(|stamp| stamp.revision == release.revision);
        match release.status {
            ReleaseStatus::PendingInstall | ReleaseStatus::PendingUpgrade => is_stamped,
            // helm gives it the labels of what it goes back to.
            ReleaseStatus::PendingRollback => {
                let begun = self.policy.begun.get(id);
                is_stamped || begun.is_some_and(|begun| begun.revision == release.revision)
            }
            ReleaseStatus::Deployed
            | ReleaseStatus::Failed
            | ReleaseStatus::Uninstalling
            | ReleaseStatus::Uninstalled
            | ReleaseStatus::Superseded
            | ReleaseStatus::Unknown => false,
        }
    }

    /// The view that shows `id`: of a cluster that was read, is the one it was, and covers the namespace.
    fn seen(&self, id: &ExchangeId) -> Option<&'a ClusterView> {
        let view = self.observed.clusters.get(&id.cluster)?.as_ref().ok()?;
        let same = view.replaced.is_none();
        let covered = view
            .scope
            .as_ref()
            .is_none_or(|scope| scope.contains(&id.namespace));
        (same && covered).then_some(view)
    }

    fn mass(&mut self, plan: &Plan) {
        let mut counts = BTreeMap::new();
        for entry in &plan.exchanges {
            let Some(id) = &entry.id else { continue };
            let removes = matches!(entry.action, Action::Uninstall | Action::Deregister);
            if !removes || self.policy.allow_delete.contains(id) {
                continue;
            }
            self.require(
                entry,
                !self.desired.exchanges.is_empty(),
                "empties everything unasked",
            );
            let free = matches!(&self.policy.withheld, Withheld::Ids(held) if !held.contains(id));
            self.require(entry, free, "removes what was held back unasked");
            let (gone, owned) = *counts
                .entry((&id.cluster, entry.action))
                .or_insert_with(|| self.count(plan, &id.cluster, entry.action));
            let most =
                owned.saturating_mul(usize::try_from(self.policy.max_delete_percent).unwrap_or(0));
            let few = self.policy.max_delete_percent > 0 && (gone <= 1 || owned < 5);
            let fits = few || gone.saturating_mul(100) <= most;
            self.require(entry, fits, "removes more than the guard lets through");
        }
    }

    /// How many releases of a cluster are to be uninstalled, or records deregistered, and how many of them are ours; those whose
    /// removal is under way count in both.
    fn count(&self, plan: &Plan, cluster: &ClusterId, action: Action) -> (usize, usize) {
        let entries = plan.exchanges.iter().filter(|entry| entry.action == action);
        let gone = entries.filter_map(|entry| entry.id.clone());
        let mut gone: Vec<ExchangeId> = gone.collect();
        let owned = if action == Action::Deregister {
            self.marked()
        } else {
            let owned = self.released(cluster);
            // What cannot go now goes later.
            let leaving = owned.iter().filter(|id| self.is_leaving(id));
            gone.extend(leaving.cloned());
            owned
        };
        let count = |ids: Vec<ExchangeId>| {
            let leaving = self.policy.removing.iter().cloned();
            let here: BTreeSet<ExchangeId> = ids
                .into_iter()
                .chain(leaving)
                .filter(|id| id.cluster == *cluster)
                .collect();
            here.len()
        };
        (count(gone), count(owned))
    }

    /// Whether nothing declares it and its last terms let it go, at any time.
    fn is_leaving(&self, id: &ExchangeId) -> bool {
        if self.desired.exchanges.contains_key(id)
            || self.desired.is_broken(id)
            || self.seen(id).is_none()
        {
            return false;
        }
        let Some(Proof::Declared { terms, .. }) = self.observed.proofs.get(id) else {
            return false;
        };
        let goes = matches!(
            terms.sync_mode,
            SyncMode::Continuous | SyncMode::ContinuousWithDriftDetection
        );
        let is_suspended = terms.suspend.is_some() || self.policy.suspended.contains_key(id);
        goes && !terms.protect && !is_suspended
    }

    fn released(&self, cluster: &ClusterId) -> Vec<ExchangeId> {
        let Some(Ok(view)) = self.observed.clusters.get(cluster) else {
            return Vec::new();
        };
        let releases = view.releases.iter();
        let ours = releases.filter(|(_, release)| self.is_ours(release));
        ours.map(|(key, _)| key.in_cluster(cluster)).collect()
    }

    /// The exchanges that records with our mark name.
    fn marked(&self) -> Vec<ExchangeId> {
        let registries = self.observed.registry.iter();
        let records = registries.flat_map(|registry| registry.records.values().flatten());
        let ours = records.filter_map(|record| {
            let mark = record.mark();
            let mark = mark.filter(|mark| mark.is_of(&self.policy.instance))?;
            record.marked_for(&mark)
        });
        ours.collect()
    }
}

/// Whether it has an end: those are the planner's to judge, here is no clock.
fn ends(suspend: &Suspend) -> bool {
    suspend.until.is_some()
}

fn touches_release(entry: &PlannedExchange) -> bool {
    entry.steps.iter().any(|step| match step {
        StepKind::Unlock
        | StepKind::HelmInstall
        | StepKind::HelmUpgrade
        | StepKind::PatchObjects
        | StepKind::PatchStamp
        | StepKind::HelmUninstall
        | StepKind::DeleteVolumes => true,
        StepKind::CreateNamespace
        | StepKind::WaitReady
        | StepKind::Register
        | StepKind::MarkDeleting
        | StepKind::WaitGone
        | StepKind::Deregister => false,
    })
}
