//! Exchanges a file declares.

use std::collections::BTreeSet;

use serde_json::Value;

use super::action::{Action, Effect, PlannedExchange, StepKind, ValueChange, ValueOp};
use super::effects::foresee;
use super::figures;
use super::jetstream::{protect, risks};
use super::mode::keep_to_mode;
use super::registry::{Standing, change_of, standing};
use super::scene::{Held, Scene};
use super::state::{State, release_state};
use super::trial::refusal;
use super::values::{difference, is_same, known_difference, unseen};
use crate::diagnostic::Diagnostic;
use crate::exchange::desired::DesiredExchange;
use crate::observe::observed::{
    Ancestry, ClusterView, ReleaseKey, ReleaseStatus, ReleaseView, Render, Stamp, StoredRelease,
};
use crate::reason::Reason;

/// Plans one declared exchange.
pub(super) fn plan_declared(scene: &Scene<'_>, exchange: &DesiredExchange) -> PlannedExchange {
    let mut entry = PlannedExchange::declared(exchange);
    let view = match scene.view(&exchange.id) {
        Ok(view) => view,
        Err(held) => {
            let mut findings = entry.diagnostics.iter();
            let cause = findings.find(|found| found.reason == held.reason);
            entry.line = cause.and_then(|found| found.line).unwrap_or(entry.line);
            held.hold(&mut entry);
            return entry;
        }
    };
    let release = view.releases.get(&ReleaseKey::of(&exchange.id));
    entry.precondition = scene.precondition(release, Some(&exchange.system_id));
    let case = Case {
        scene,
        exchange,
        view,
    };
    case.decide(&mut entry, release);
    warn_of_former_records(scene, exchange, &mut entry);
    if let Some(text) = scene.suspension(&exchange.id, exchange.terms.suspend.as_ref()) {
        Held::blocked(Reason::Suspended, text).hold(&mut entry);
        return entry;
    }
    keep_to_mode(scene, exchange, release, &mut entry);
    entry
}

pub(super) struct Case<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) exchange: &'a DesiredExchange,
    view: &'a ClusterView,
}

impl Case<'_> {
    fn decide(&self, entry: &mut PlannedExchange, release: Option<&ReleaseView>) {
        let scene = self.scene;
        match release_state(release, &self.exchange.id, scene.policy) {
            State::Absent if scene.policy.vanished.contains(&self.exchange.id) => {
                let text = "its release was there and natsx-sync did not remove it";
                self.install(entry, Reason::ReleaseGone, text);
            }
            State::Absent => self.install(entry, Reason::FileAdded, "no release of it exists"),
            State::Uninstalled(_) => {
                let text = "only the history of a removed release exists";
                self.install(entry, Reason::FileAdded, text);
            }
            State::Foreign(reason) => {
                let text = if reason == Reason::OtherInstance {
                    "a release of that name belongs to another instance"
                } else {
                    "a release of that name exists without our mark"
                };
                entry.decide(Action::Conflict, reason, text);
            }
            State::Locked(text) => {
                Held::blocked(Reason::ReleaseLocked, text).hold(entry);
            }
            State::Stuck => {
                let text = "an interrupted helm operation of ours holds the release; it is unlocked, then planned anew";
                entry.decide(Action::Repair, Reason::ReleaseStuck, text);
                entry.steps = vec![StepKind::Unlock];
            }
            State::Uninstalling(_) => self.finish_uninstall(entry),
            State::Unclear => {
                let text = "helm stores the release in an unknown state";
                unreadable(entry, text);
            }
            State::Failed(release) => self.retry(entry, release),
            State::Deployed(release) => self.compare(entry, release),
        }
    }

    fn install(&self, entry: &mut PlannedExchange, reason: Reason, text: &str) {
        entry.decide(Action::Install, reason, text);
        let values = self.exchange.values.open();
        entry.values = difference(&Value::Null, &values, &self.exchange.provenance.open());
        entry.compare(None, &values, &BTreeSet::new());
        entry.figures = figures::of_install(&values, self.render());
        if let Some(held) = refusal(entry, self.exchange, self.render()) {
            return held.hold(entry);
        }
        if !self.view.has_namespace(&self.exchange.id.namespace) {
            entry.steps.push(StepKind::CreateNamespace);
        }
        entry
            .steps
            .extend([StepKind::HelmInstall, StepKind::WaitReady]);
        self.finish_helm(entry);
    }

    fn finish_uninstall(&self, entry: &mut PlannedExchange) {
        self.install(entry, Reason::FileAdded, "");
        let text = "an interrupted uninstall is finished, then the exchange is installed";
        if entry.action.is_change() {
            entry.decide(Action::Repair, Reason::ReleaseUninstalling, text);
            entry.destructive = true;
            entry.effects = vec![Effect::KeepsVolumes];
            entry
                .steps
                .splice(0..0, [StepKind::HelmUninstall, StepKind::WaitGone]);
        }
    }

    fn retry(&self, entry: &mut PlannedExchange, release: &ReleaseView) {
        if let Some(text) = &release.undecodable {
            return unreadable(entry, text);
        }
        let by_us = release
            .stamp
            .as_ref()
            .is_some_and(|stamp| stamp.revision == release.revision);
        let reason = if by_us {
            Reason::ReleaseFailed
        } else {
            Reason::ChangedByOthers
        };
        // Somebody deleted it, or a helm ended between two writes.
        let text = if release.status == ReleaseStatus::Superseded {
            "of what helm keeps only revisions before the latest are left; it is released anew"
        } else {
            "the last helm operation on it failed"
        };
        entry.decide(Action::Upgrade, reason, text);
        self.upgrade(entry, release.stored.as_ref());
    }

    fn compare(&self, entry: &mut PlannedExchange, release: &ReleaseView) {
        let Some(stamp) = &release.stamp else {
            return;
        };
        let by_us = stamp.revision == release.revision;
        if by_us && stamp.digest == self.exchange.digest.label() {
            return self.settle(entry, stamp);
        }
        if let Some(text) = &release.undecodable {
            return unreadable(entry, text);
        }
        let Some(stored) = &release.stored else {
            if by_us {
                let text = "chart or values changed; what was released is not shown here";
                entry.decide(Action::Upgrade, Reason::ValuesChanged, text);
                return self.upgrade(entry, None);
            }
            return unreadable(
                entry,
                "somebody else changed it, and what is stored was not read",
            );
        };
        let same_chart = stored.chart == self.exchange.chart.name
            && stored.chart_version == self.exchange.chart.version;
        let values = self.exchange.values.open();
        let same_values =
            is_same(&stored.values, &values) || self.difference(&stored.values, &values).is_empty();
        let hidden = self.scene.hidden(&self.exchange.id);
        if same_chart && same_values && by_us && !hidden.is_empty() {
            let text = "values changed among those that are not shown to whoever plans here";
            entry.decide(Action::Upgrade, Reason::ValuesChanged, text);
            return self.upgrade(entry, Some(stored));
        }
        if same_chart && same_values {
            return patch(
                entry,
                "released as wanted by somebody else; our labels are brought up to date",
            );
        }
        let (reason, text) = match (by_us, same_chart, same_values) {
            (false, _, _) => (
                Reason::ChangedByOthers,
                "somebody else changed the release; it is put back",
            ),
            (true, true, _) => (Reason::ValuesChanged, "values changed"),
            (true, false, true) => (Reason::ChartVersionChanged, "chart version changed"),
            (true, false, false) => (
                Reason::ChartAndValuesChanged,
                "chart version and values changed",
            ),
        };
        entry.decide(Action::Upgrade, reason, text);
        self.upgrade(entry, Some(stored));
    }

    fn upgrade(&self, entry: &mut PlannedExchange, stored: Option<&StoredRelease>) {
        entry.steps = vec![StepKind::HelmUpgrade, StepKind::WaitReady];
        let values = self.exchange.values.open();
        if let Some(stored) = stored {
            entry.chart.old = Some(stored.chart_version.clone());
            entry.values = self.difference(&stored.values, &values);
            let hidden = self.scene.hidden(&self.exchange.id);
            entry.compare(Some(&stored.values), &values, hidden);
            if entry.values.is_empty() && entry.chart.old == entry.chart.new {
                entry.values = hidden
                    .iter()
                    .map(|path| unseen(path, ValueOp::Replace))
                    .collect();
            }
        }
        if let Some(held) = refusal(entry, self.exchange, self.render()) {
            return held.hold(entry);
        }
        if let Some(stored) = stored {
            let gone = self.scene.observed.gone_sets.get(&self.exchange.id);
            if let Err(held) = foresee(entry, stored, &values, self.render(), gone) {
                return held.hold(entry);
            }
            let risks = risks(&stored.values, &values);
            let said = self.scene.observed.stored.get(&self.exchange.id);
            if let Err(held) = protect(&risks, said) {
                return held.hold(entry);
            }
        }
        self.finish_helm(entry);
    }

    fn difference(&self, stored: &Value, wanted: &Value) -> Vec<ValueChange> {
        let hidden = self.scene.hidden(&self.exchange.id);
        known_difference(stored, wanted, &self.exchange.provenance.open(), hidden)
    }

    fn render(&self) -> Option<&Render> {
        self.scene.observed.renders.get(&self.exchange.id)
    }

    /// What every change of the release needs and ends with.
    pub(super) fn finish_helm(&self, entry: &mut PlannedExchange) {
        if let Some(held) = self.obstacle() {
            return held.hold(entry);
        }
        let standing = standing(self.scene, self.exchange);
        entry.registry = change_of(&standing, &self.exchange.system_id);
        match standing {
            Standing::Foreign(reason) => entry
                .diagnostics
                .push(record_warning(self.exchange, reason)),
            Standing::Unread => entry
                .text
                .push_str("; the registry could not be read, its record waits"),
            Standing::Missing | Standing::Same | Standing::Differs(_) => {
                entry.steps.push(StepKind::Register);
            }
        }
    }

    fn obstacle(&self) -> Option<Held> {
        let namespace = &self.exchange.id.namespace;
        if self.view.terminating_namespaces.contains(namespace) {
            let text = format!("namespace {namespace} is being deleted; waited for");
            return Some(Held::blocked(Reason::Terminating, text));
        }
        if self.view.missing_namespaces.contains(namespace) {
            let text =
                format!("namespace {namespace} does not exist, and the settings limit us to it");
            return Some(Held::blocked(Reason::NamespaceMissing, text));
        }
        let missing = self.missing_secrets();
        (!missing.is_empty()).then(|| {
            let text = format!(
                "missing in namespace {namespace}: Secret {}",
                missing.join(", ")
            );
            Held::blocked(Reason::SecretMissing, text)
        })
    }

    fn missing_secrets(&self) -> Vec<String> {
        let namespace = &self.exchange.id.namespace;
        let all = &self.view.missing_secrets;
        let missing = self.exchange.secrets.iter().filter(|wanted| {
            all.iter().any(|(place, secret)| {
                place == namespace
                    && secret.name == wanted.name
                    && (secret.key.is_none() || secret.key == wanted.key)
            })
        });
        missing
            .map(|secret| match &secret.key {
                Some(key) => format!("{} key {key}", secret.name),
                None => secret.name.clone(),
            })
            .collect()
    }

    /// The release is as wanted; what is left is labels and record.
    fn settle(&self, entry: &mut PlannedExchange, stamp: &Stamp) {
        entry.chart.old.clone_from(&entry.chart.new);
        if let Some(text) = self.outdated(stamp) {
            return patch(entry, text);
        }
        if self.put_back(entry) {
            return;
        }
        for missing in self.missing_secrets() {
            let text = format!("running, but Secret {missing} is not there for its next restart");
            let warning = Diagnostic::warning(Reason::SecretMissing, text);
            entry
                .diagnostics
                .push(warning.in_file(self.exchange.file.clone()));
        }
        let standing = standing(self.scene, self.exchange);
        entry.registry = change_of(&standing, &self.exchange.system_id);
        // A helm that outlived natsx-sync left it perhaps before it was ready; nobody is to find it before.
        let waits = standing.is_behind().then_some(StepKind::WaitReady);
        let (reason, text) = match standing {
            Standing::Same => return,
            Standing::Unread => {
                "the release matches; the registry could not be read".clone_into(&mut entry.text);
                return;
            }
            Standing::Foreign(reason) => {
                let text = "the release matches, but its record is not marked as ours";
                entry
                    .diagnostics
                    .push(record_warning(self.exchange, reason));
                return entry.decide(Action::Conflict, reason, text);
            }
            Standing::Missing => (Reason::RecordMissing, "the registry has no record of it"),
            Standing::Differs(_) => (Reason::RecordDiffers, "its record differs from the file"),
        };
        entry.decide(Action::Register, reason, text);
        entry.steps = waits.into_iter().chain([StepKind::Register]).collect();
        entry.effects = vec![Effect::RegistryOnly];
    }

    fn outdated(&self, stamp: &Stamp) -> Option<&'static str> {
        if stamp.system_id != self.exchange.system_id {
            return Some("the file names another system_id than the release's label");
        }
        let desired = self.scene.desired;
        // A head that is not what was read proves nothing later on.
        if desired.dirty || desired.commit.is_none() {
            return None;
        }
        match &stamp.commit {
            None => Some("the release carries no commit to prove a removal with"),
            Some(commit) => match self.scene.observed.ancestry.get(commit) {
                Some(Ancestry::Elsewhere) => {
                    Some("the commit on the release is not in this branch's history")
                }
                Some(Ancestry::HeadOrAncestor) | None => None,
            },
        }
    }
}

fn patch(entry: &mut PlannedExchange, text: &str) {
    entry.decide(Action::Repair, Reason::StampOutdated, text);
    entry.steps = vec![StepKind::PatchStamp];
}

fn unreadable(entry: &mut PlannedExchange, text: &str) {
    entry.decide(Action::Unreadable, Reason::ReleaseUnreadable, text);
    entry.disarm();
}

fn record_warning(exchange: &DesiredExchange, reason: Reason) -> Diagnostic {
    let text = format!(
        "record {} is not written: it is not marked as ours",
        exchange.system_id
    );
    let warning = Diagnostic::warning(reason, text).at(exchange.file.clone(), exchange.line, 1);
    if reason == Reason::RecordNotOurs {
        warning.hint(format!(
            "write `system_id: {}` into the file to take it over",
            exchange.system_id
        ))
    } else {
        warning
    }
}

/// A record under a former `system_id` is never found by readers of the new one.
fn warn_of_former_records(
    scene: &Scene<'_>,
    exchange: &DesiredExchange,
    entry: &mut PlannedExchange,
) {
    for record in scene.marked.get(&exchange.id).into_iter().flatten() {
        if record.system_id != exchange.system_id.as_str() {
            let text = format!(
                "record {} still names this exchange under its former system_id",
                record.system_id
            );
            let warning = Diagnostic::warning(Reason::RecordOrphaned, text);
            entry
                .diagnostics
                .push(warning.in_file(exchange.file.clone()));
        }
    }
}
