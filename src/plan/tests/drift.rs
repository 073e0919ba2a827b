//! Single objects that somebody changed.

use jiff::Timestamp;
use serde_json::json;

use super::world::{desired, exchange, now, observed};
use crate::drift::{Change, Difference, Drift, name_of};
use crate::exchange::desired::{DesiredExchange, SyncMode};
use crate::id::Digest;
use crate::observe::observed::{Observed, Unreadable};
use crate::packed::Packed;
use crate::plan::action::{Action, Effect, PlannedExchange, StepKind};
use crate::plan::policy::{Policy, PutBack};
use crate::plan::{plan, to_compare, verify};
use crate::reason::Reason;

fn watched() -> DesiredExchange {
    let mut one = exchange("shop", json!({}));
    one.terms.sync_mode = SyncMode::ContinuousWithDriftDetection;
    one
}

fn difference(kind: &str, path: &str, change: Change) -> Difference {
    Difference {
        path: path.split('/').map(str::to_owned).collect(),
        change,
        ..Difference::gone(kind, "shop")
    }
}

fn drifted(one: &DesiredExchange, differences: Vec<Difference>) -> Observed {
    let mut world = observed([one]);
    let drift = Drift {
        release: "uid".to_owned(),
        differences,
        unread: Vec::new(),
    };
    world.drifts.insert(one.id.clone(), Ok(drift));
    world
}

fn planned(one: &DesiredExchange, world: &Observed, policy: &Policy) -> PlannedExchange {
    let wanted = desired([one.clone()]);
    let plan = plan(&wanted, world, policy, now());
    assert_eq!(verify(&plan, &wanted, world, policy), Ok(()));
    plan.exchanges.into_iter().next().unwrap()
}

#[test]
fn what_was_added_needs_no_helm_and_what_is_gone_no_patch() {
    let one = watched();
    for (differences, steps) in [
        (
            vec![difference("Service", "spec/x", Change::Added)],
            vec![
                StepKind::PatchObjects,
                StepKind::WaitReady,
                StepKind::Register,
            ],
        ),
        (
            vec![difference("Service", "spec/x", Change::Changed)],
            vec![
                StepKind::PatchObjects,
                StepKind::HelmUpgrade,
                StepKind::WaitReady,
                StepKind::Register,
            ],
        ),
        (
            vec![Difference::gone("Service", "shop")],
            vec![
                StepKind::HelmUpgrade,
                StepKind::WaitReady,
                StepKind::Register,
            ],
        ),
    ] {
        let entry = planned(
            &one,
            &drifted(&one, differences.clone()),
            &Policy::default(),
        );
        assert_eq!(
            (entry.action, entry.reason),
            (Action::Repair, Reason::ObjectsDrifted)
        );
        assert_eq!(entry.steps, steps);
        assert_eq!(entry.drift, differences);
    }
}

#[test]
fn what_putting_back_does_to_servers_is_foreseen() {
    let one = watched();
    let replicas = Difference {
        live: Some(json!(5)),
        wanted: Some(json!(3)),
        ..difference("StatefulSet", "spec/replicas", Change::Changed)
    };
    for (difference, effects) in [
        (replicas, vec![Effect::ScalesDown]),
        (
            difference("StatefulSet", "spec/template/spec/x", Change::Added),
            vec![Effect::RestartsPods],
        ),
        (
            Difference::gone("StatefulSet", "shop"),
            vec![Effect::ScalesUp],
        ),
        (
            difference("ConfigMap", "data/nats.conf", Change::Changed),
            vec![Effect::ReloadsConfig],
        ),
        (difference("Service", "spec/type", Change::Changed), vec![]),
    ] {
        let entry = planned(&one, &drifted(&one, vec![difference]), &Policy::default());
        assert_eq!(entry.effects, effects);
    }
}

#[test]
fn servers_of_jetstream_are_not_taken_away_without_a_word() {
    let mut one = watched();
    let scaled = Difference {
        live: Some(json!(5)),
        wanted: Some(json!(3)),
        ..difference("StatefulSet", "spec/replicas", Change::Changed)
    };
    let warned = |one: &DesiredExchange| {
        let entry = planned(one, &drifted(one, vec![scaled.clone()]), &Policy::default());
        let mut warnings = entry.diagnostics.iter().map(|found| found.reason);
        warnings.any(|reason| reason == Reason::ClusterNotFormed)
    };
    assert!(!warned(&one));
    one.values = Packed::of(&json!({"config": {"jetstream": {"enabled": true}}}));
    assert!(warned(&one));
}

#[test]
fn drift_of_another_revision_or_in_another_mode_counts_for_nothing() {
    let (one, changed) = (watched(), vec![Difference::gone("Service", "shop")]);
    let mut other = drifted(&one, changed.clone());
    other
        .drifts
        .get_mut(&one.id)
        .unwrap()
        .as_mut()
        .unwrap()
        .release = "another".to_owned();
    assert_eq!(
        planned(&one, &other, &Policy::default()).action,
        Action::None
    );
    let plain = exchange("shop", json!({}));
    let entry = planned(&plain, &drifted(&plain, changed), &Policy::default());
    assert_eq!(entry.action, Action::None);
}

#[test]
fn what_could_not_be_compared_is_said_and_repairs_nothing() {
    let one = watched();
    let mut world = drifted(&one, Vec::new());
    let Ok(drift) = world.drifts.get_mut(&one.id).unwrap() else {
        panic!()
    };
    drift.unread.push("Service shop: refused".to_owned());
    let unread = planned(&one, &world, &Policy::default());
    let text = "no answer".to_owned();
    let reason = Reason::DriftUnknown;
    world
        .drifts
        .insert(one.id.clone(), Err(Unreadable { reason, text }));
    let unasked = planned(&one, &world, &Policy::default());
    for entry in [unread, unasked] {
        assert_eq!(entry.action, Action::None);
        assert_eq!(entry.diagnostics[0].reason, Reason::DriftUnknown);
    }
}

#[test]
fn the_same_drift_is_put_back_twice_and_no_more() {
    let one = watched();
    let differences = vec![difference("Service", "spec/x", Change::Added)];
    let world = drifted(&one, differences.clone());
    let action = |count: u32, drift: String, digest: Digest| {
        let before = PutBack {
            drift,
            digest,
            count,
            at: Timestamp::UNIX_EPOCH,
        };
        let policy = Policy {
            put_back: [(one.id.clone(), before)].into(),
            ..Policy::default()
        };
        let entry = planned(&one, &world, &policy);
        (entry.action, entry.reason)
    };
    let name = name_of(&differences).unwrap();
    let repairs = (Action::Repair, Reason::ObjectsDrifted);
    assert_eq!(action(1, name.clone(), one.digest.clone()), repairs);
    let stops = (Action::Blocked, Reason::DriftReturns);
    assert_eq!(action(2, name.clone(), one.digest.clone()), stops);
    assert_eq!(action(2, "another".to_owned(), one.digest.clone()), repairs);
    assert_eq!(action(2, name, Digest::of(b"other values")), repairs);
}

#[test]
fn only_releases_that_are_as_wanted_and_want_it_are_compared() {
    let (one, other) = (watched(), exchange("other", json!({})));
    let mut changed = exchange("changed", json!({}));
    changed.terms.sync_mode = SyncMode::ContinuousWithDriftDetection;
    let world = observed([&one, &other, &changed]);
    changed.digest = Digest::of(b"other values");
    let wanted = desired([one.clone(), other, changed]);
    let plan = plan(&wanted, &world, &Policy::default(), now());
    let compared: Vec<_> = to_compare(&plan, &wanted, &world)
        .map(|(one, _)| &one.id)
        .collect();
    assert_eq!(compared, [&one.id]);
}
