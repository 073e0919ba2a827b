//! What somebody changed at single objects of a release that is as wanted.

use serde_json::Value;

use super::action::{Action, Effect, Plan, PlannedExchange, Servers, StepKind};
use super::declared::Case;
use super::effects::scale_down_warning;
use super::scene::Held;
use super::stateful::has_jetstream;
use crate::diagnostic::Diagnostic;
use crate::drift::{Change, Difference, name_of};
use crate::exchange::desired::{Desired, DesiredExchange, SyncMode};
use crate::observe::observed::{Observed, ReleaseView};
use crate::reason::Reason;

/// So often the same is put back; the next time something else is at work.
const MOST: u32 = 2;

/// The exchanges whose objects are to be compared: they want it, and their releases are as wanted.
pub fn to_compare<'a>(
    plan: &'a Plan,
    desired: &'a Desired,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a DesiredExchange, &'a ReleaseView)> {
    let settled = plan.exchanges.iter().filter(|entry| {
        matches!(entry.action, Action::None | Action::Register)
            || matches!(entry.reason, Reason::ObjectsDrifted | Reason::DriftReturns)
    });
    settled.filter_map(|entry| {
        let exchange = desired.exchanges.get(entry.id.as_ref()?)?;
        // First, as few want it and all are asked each time the daemon's loop comes round.
        if exchange.terms.sync_mode != SyncMode::ContinuousWithDriftDetection {
            return None;
        }
        let release = observed.release(&exchange.id)?;
        let settled = release.is_settled(exchange.digest.label());
        settled.then_some((exchange.as_ref(), release))
    })
}

impl Case<'_> {
    /// Puts back what differs, if anything does.
    pub(super) fn put_back(&self, entry: &mut PlannedExchange) -> bool {
        let exchange = self.exchange;
        let Some(drift) = self.scene.observed.drifts.get(&exchange.id) else {
            return false;
        };
        if exchange.terms.sync_mode != SyncMode::ContinuousWithDriftDetection {
            return false;
        }
        let drift = match drift {
            Ok(drift) => drift,
            Err(unreadable) => {
                entry.diagnostics.push(unknown(exchange, &unreadable.text));
                return false;
            }
        };
        let secret = entry.precondition.secret.as_ref();
        if secret.is_none_or(|secret| secret.uid != drift.release) {
            return false;
        }
        let unread = drift.unread.iter().map(|text| unknown(exchange, text));
        entry.diagnostics.extend(unread);
        let Some(name) = name_of(&drift.differences) else {
            return false;
        };
        entry.drift.clone_from(&drift.differences);
        let before = self.scene.policy.put_back.get(&exchange.id);
        let same = before.filter(|one| one.drift == name && one.digest == exchange.digest);
        if let Some(same) = same.filter(|one| one.count >= MOST) {
            let text = format!(
                "{}; it was put back {} times, last at {}, and came again: something else makes it",
                summary(&drift.differences),
                same.count,
                same.at
            );
            Held::blocked(Reason::DriftReturns, text).hold(entry);
            return true;
        }
        self.repair(entry, &drift.differences);
        true
    }

    fn repair(&self, entry: &mut PlannedExchange, differences: &[Difference]) {
        let text = format!("{}; put back", summary(differences));
        entry.decide(Action::Repair, Reason::ObjectsDrifted, text);
        // helm takes nothing away that was added, and fails on some of what was changed. What it shall own again it has
        // to write once more, though.
        if differences.iter().any(|one| !one.is_gone()) {
            entry.steps.push(StepKind::PatchObjects);
        }
        if differences.iter().any(|one| one.change != Change::Added) {
            entry.steps.push(StepKind::HelmUpgrade);
        }
        entry.steps.push(StepKind::WaitReady);
        foresee(entry, differences);
        if entry.effects.contains(&Effect::ScalesDown)
            && has_jetstream(&self.exchange.values.open())
            && let Some(Servers {
                old: Some(before),
                new: Some(after),
            }) = entry.figures.servers
        {
            entry
                .diagnostics
                .push(scale_down_warning(entry, before, after));
        }
        self.finish_helm(entry);
    }
}

fn unknown(exchange: &DesiredExchange, text: &str) -> Diagnostic {
    let text = format!("not compared with the release: {text}");
    Diagnostic::note(Reason::DriftUnknown, text).in_file(exchange.file.clone())
}

fn summary(differences: &[Difference]) -> String {
    let first = differences.first().map(ToString::to_string);
    let first = first.unwrap_or_default();
    match differences.len() {
        0 | 1 => format!("somebody changed its objects: {first}"),
        count => format!(
            "somebody changed its objects: {first}, and {} more",
            count - 1
        ),
    }
}

/// What putting back does to servers.
fn foresee(entry: &mut PlannedExchange, differences: &[Difference]) {
    let of_set = |one: &&Difference| one.kind == "StatefulSet";
    let below = |one: &&Difference, place: &[&str]| {
        one.path.len() >= place.len() && one.path.iter().zip(place).all(|(key, part)| key == part)
    };
    let mut sets = differences.iter().filter(of_set);
    if sets.any(|one| below(&one, &["spec", "template"])) {
        entry.effects.push(Effect::RestartsPods);
    }
    let replicas = differences
        .iter()
        .filter(of_set)
        .find(|one| below(one, &["spec", "replicas"]));
    if differences.iter().filter(of_set).any(Difference::is_gone) {
        entry.effects.push(Effect::ScalesUp);
    }
    if let Some(replicas) = replicas {
        let count = |value: &Option<Value>| value.as_ref().and_then(Value::as_u64);
        let (old, new) = (count(&replicas.live), count(&replicas.wanted));
        entry.figures.servers = Some(Servers { old, new });
        entry.effects.push(if old > new {
            Effect::ScalesDown
        } else {
            Effect::ScalesUp
        });
    }
    if differences.iter().any(|one| one.kind == "ConfigMap") {
        entry.effects.push(Effect::ReloadsConfig);
    }
}
