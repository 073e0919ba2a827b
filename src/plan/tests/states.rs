//! Declared exchanges: states of a release and what is done.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::{Map, json};

use super::world::*;
use crate::exchange::desired::{BrokenFile, DesiredExchange, SecretKey, Suspend, SyncMode};
use crate::observe::observed::{
    Ancestry, Observed, Record, ReleaseStatus as S, Render, Rendered, Unreadable,
};
use crate::packed::Packed;
use crate::plan::action::{Action, Effect, EffectsFrom, StepKind};
use crate::plan::plan;
use crate::plan::policy::{Begun, Policy};
use crate::reason::Reason;

#[rstest]
#[case(S::Deployed, true, "none UpToDate")]
#[case(S::Failed, true, "upgrade ReleaseFailed")]
#[case(S::Failed, false, "upgrade ChangedByOthers")]
#[case(S::Superseded, true, "upgrade ReleaseFailed")]
#[case(S::PendingInstall, true, "blocked ReleaseLocked")]
#[case(S::PendingUpgrade, false, "blocked ReleaseLocked")]
#[case(S::Uninstalling, true, "repair ReleaseUninstalling")]
#[case(S::Uninstalled, true, "install FileAdded")]
#[case(S::Unknown, true, "unreadable ReleaseUnreadable")]
fn each_state_has_an_answer(#[case] status: S, #[case] by_us: bool, #[case] expected: &str) {
    let one = exchange("orders", some_values());
    let mut world = observed([&one]);
    let release = release(&mut world, "orders");
    release.status = status;
    if !by_us {
        release.revision = 2;
    }
    assert_eq!(
        verdict(&desired([one]), &world, &Policy::default(), "orders"),
        expected
    );
}

#[test]
fn what_this_host_installed_and_is_gone_is_no_new_file() {
    let wanted = desired([exchange("orders", some_values())]);
    let world = observed([]);
    let mut policy = Policy::default();
    let say = |policy: &Policy| verdict(&wanted, &world, policy, "orders");
    assert_eq!(say(&policy), "install FileAdded");
    policy.vanished.insert(id("orders"));
    assert_eq!(say(&policy), "install ReleaseGone");
}

/// A host that was away finds the helm of the one that stood in for it: that it once changed the release itself says nothing.
#[test]
fn our_own_lock_is_opened_when_begun_here_or_old() {
    let one = exchange("orders", some_values());
    let mut world = observed([&one]);
    let wanted = desired([one]);
    let held = release(&mut world, "orders");
    held.status = S::PendingUpgrade;
    held.revision = 6;
    held.stamp.as_mut().unwrap().revision = 6;
    let (locked, stuck) = ("blocked ReleaseLocked", "repair ReleaseStuck");
    let ended = |time: &str| Some(time.parse().unwrap());
    for (status, revision, ended, expected) in [
        (S::PendingUpgrade, 6, None, stuck),
        (S::PendingUpgrade, 5, None, locked),
        (S::PendingInstall, 6, None, locked),
        (S::PendingUpgrade, 6, ended("2026-01-01T11:58:30Z"), stuck),
        (S::PendingUpgrade, 6, ended("2026-01-01T11:57:30Z"), locked),
    ] {
        let begun = Begun {
            status,
            revision,
            ended,
        };
        let policy = Policy {
            journalled: [id("orders")].into(),
            begun: [(id("orders"), begun)].into(),
            ..Policy::default()
        };
        let said = verdict(&wanted, &world, &policy, "orders");
        assert_eq!(said, expected, "{policy:?}");
    }
}

/// A host's clock may be set by minutes while a helm of the other is at work.
#[test]
fn a_lock_is_as_old_as_the_clock_of_its_cluster_says() {
    let one = exchange("orders", some_values());
    let mut world = observed([&one]);
    let wanted = desired([one]);
    let held = release(&mut world, "orders");
    held.status = S::PendingUpgrade;
    held.secret.created = Some("2026-01-01T11:00:00Z".parse().unwrap());
    let mut policy = Policy::default();
    let locked = "blocked ReleaseLocked";
    assert_eq!(verdict(&wanted, &world, &policy, "orders"), locked);
    for (time, expected) in [
        ("2026-01-01T11:05:59Z", locked),
        ("2026-01-01T11:06:01Z", "repair ReleaseStuck"),
    ] {
        let cluster = id("orders").cluster;
        policy.clocks.insert(cluster, time.parse().unwrap());
        let said = verdict(&wanted, &world, &policy, "orders");
        assert_eq!(said, expected, "{time}");
    }
}

/// helm gives it the labels of the revision it goes back to.
#[test]
fn a_rollback_of_ours_that_was_interrupted_is_unlocked() {
    let one = exchange("orders", some_values());
    let mut world = observed([&one]);
    let wanted = desired([one]);
    let held = release(&mut world, "orders");
    held.status = S::PendingRollback;
    held.revision = 3;
    for (revision, expected) in [(3, "repair ReleaseStuck"), (2, "blocked ReleaseLocked")] {
        let begun = Begun {
            status: S::PendingRollback,
            revision,
            ended: None,
        };
        let policy = Policy {
            begun: [(id("orders"), begun)].into(),
            ..Policy::default()
        };
        let said = verdict(&wanted, &world, &policy, "orders");
        assert_eq!(said, expected, "{revision}");
    }
}

#[test]
fn a_new_file_installs_and_registers() {
    let wanted = desired([exchange("orders", some_values())]);
    let plan = plan(&wanted, &observed([]), &Policy::default(), now());
    assert_eq!(
        plan.exchanges[0].steps,
        [
            StepKind::CreateNamespace,
            StepKind::HelmInstall,
            StepKind::WaitReady,
            StepKind::Register
        ]
    );
}

#[test]
fn a_namespace_with_releases_is_there_and_is_not_made() {
    let (one, other) = (
        exchange("orders", some_values()),
        exchange("shop", some_values()),
    );
    let world = observed([&other]);
    let plan = plan(&desired([one, other]), &world, &Policy::default(), now());
    assert_eq!(plan.exchanges[0].action, Action::Install);
    assert_eq!(plan.exchanges[0].steps[0], StepKind::HelmInstall);
}

#[test]
fn foreign_releases_are_conflicts() {
    let one = exchange("orders", some_values());
    let mut world = observed([&one]);
    let wanted = desired([one]);
    release(&mut world, "orders")
        .stamp
        .as_mut()
        .unwrap()
        .instance = "other".parse().unwrap();
    assert_eq!(
        verdict(&wanted, &world, &Policy::default(), "orders"),
        "conflict OtherInstance"
    );
    release(&mut world, "orders").stamp = None;
    assert_eq!(
        verdict(&wanted, &world, &Policy::default(), "orders"),
        "conflict NotOurs"
    );
}

#[test]
fn changes_of_others_are_told_apart() {
    let one = exchange("orders", some_values());
    let mut world = observed([&one]);
    let wanted = desired([one]);
    release(&mut world, "orders").revision = 2;
    assert_eq!(
        verdict(&wanted, &world, &Policy::default(), "orders"),
        "repair StampOutdated"
    );
    release(&mut world, "orders")
        .stored
        .as_mut()
        .unwrap()
        .values = json!({});
    assert_eq!(
        verdict(&wanted, &world, &Policy::default(), "orders"),
        "upgrade ChangedByOthers"
    );
    release(&mut world, "orders").stored = None;
    assert_eq!(
        verdict(&wanted, &world, &Policy::default(), "orders"),
        "unreadable ReleaseUnreadable"
    );
}

#[test]
fn a_commit_of_elsewhere_is_patched() {
    let one = exchange("orders", some_values());
    let mut world = observed([&one]);
    world.ancestry.insert(commit(), Ancestry::Elsewhere);
    assert_eq!(
        verdict(&desired([one]), &world, &Policy::default(), "orders"),
        "repair StampOutdated"
    );
}

#[test]
fn values_and_effects_of_an_upgrade() {
    let old = exchange("orders", some_values());
    let world = observed([&old]);
    let new = exchange(
        "orders",
        json!({"config": {"cluster": {"enabled": true, "replicas": 5}}}),
    );
    let plan = plan(&desired([new]), &world, &Policy::default(), now());
    let entry = &plan.exchanges[0];
    assert_eq!(entry.reason, Reason::ValuesChanged);
    assert_eq!(entry.values.len(), 1);
    assert_eq!(entry.effects, [Effect::ReloadsConfig, Effect::ScalesUp]);
    assert_eq!(entry.effects_from, Some(EffectsFrom::Table));
}

#[test]
fn volumes_of_a_live_release_do_not_change() {
    let old = exchange("orders", some_values());
    let mut world = observed([&old]);
    let new = exchange(
        "orders",
        json!({"config": {"jetstream": {"enabled": true}}}),
    );
    let wanted = desired([new]);
    assert_eq!(
        verdict(&wanted, &world, &Policy::default(), "orders"),
        "blocked StatefulSetImmutable"
    );
    let set = |size: &str| json!({"metadata": {"name": "orders"}, "spec": {"volumeClaimTemplates": [{"size": size}]}});
    release(&mut world, "orders")
        .stored
        .as_mut()
        .unwrap()
        .stateful_sets = vec![set("1Gi")];
    let render = |size: &str| {
        Render::Rendered(Rendered {
            stateful_sets: vec![set(size)],
            ..Rendered::default()
        })
    };
    world.renders.insert(id("orders"), render("2Gi"));
    assert_eq!(
        verdict(&wanted, &world, &Policy::default(), "orders"),
        "blocked StatefulSetImmutable"
    );
    // A person took it away, as they were told, and left the pods.
    let gone = BTreeSet::from(["orders".to_owned()]);
    world.gone_sets.insert(id("orders"), gone);
    let planned = plan(&wanted, &world, &Policy::default(), now());
    let planned = &planned.exchanges[0];
    assert_eq!(
        (planned.action, planned.effects.as_slice()),
        (Action::Upgrade, [Effect::RestartsPods].as_slice())
    );
    let estimated = world.renders.remove(&id("orders"));
    assert_eq!(
        verdict(&wanted, &world, &Policy::default(), "orders"),
        "upgrade ValuesChanged"
    );
    world
        .renders
        .extend(estimated.map(|render| (id("orders"), render)));
    world.gone_sets.clear();
    world.renders.insert(id("orders"), render("1Gi"));
    assert_eq!(
        verdict(&wanted, &world, &Policy::default(), "orders"),
        "upgrade ValuesChanged"
    );
}

#[test]
fn places_that_hold_everything() {
    let mut one = exchange("orders", some_values());
    one.secrets.insert(SecretKey {
        name: "auth".to_owned(),
        key: Some("pass".to_owned()),
    });
    let wanted = desired([one]);
    let policy = Policy::default();
    let mut world = observed([]);
    view(&mut world).missing_secrets.insert((
        id("orders").namespace,
        SecretKey {
            name: "auth".to_owned(),
            key: None,
        },
    ));
    assert_eq!(
        verdict(&wanted, &world, &policy, "orders"),
        "blocked SecretMissing"
    );
    view(&mut world)
        .missing_namespaces
        .insert(id("orders").namespace);
    assert_eq!(
        verdict(&wanted, &world, &policy, "orders"),
        "blocked NamespaceMissing"
    );
    view(&mut world)
        .terminating_namespaces
        .insert(id("orders").namespace);
    assert_eq!(
        verdict(&wanted, &world, &policy, "orders"),
        "blocked Terminating"
    );
    view(&mut world).scope = Some(["elsewhere".parse().unwrap()].into());
    assert_eq!(
        verdict(&wanted, &world, &policy, "orders"),
        "blocked NamespaceNotObserved"
    );
    view(&mut world).replaced = Some("before".to_owned());
    assert_eq!(
        verdict(&wanted, &world, &policy, "orders"),
        "blocked ClusterReplaced"
    );
    world.clusters.insert(
        id("orders").cluster,
        Err(Unreadable {
            reason: Reason::ClusterUnreachable,
            text: "timed out".to_owned(),
        }),
    );
    assert_eq!(
        verdict(&wanted, &world, &policy, "orders"),
        "unreadable ClusterUnreachable"
    );
    world.clusters.clear();
    assert_eq!(
        verdict(&wanted, &world, &policy, "orders"),
        "blocked ClusterNotInInventory"
    );
}

#[test]
fn a_record_is_written_for_a_changed_release_only_when_it_is_ready() {
    let one = exchange("orders", some_values());
    let mut world = observed([&one]);
    let key = one.system_id.to_string();
    let wanted = desired([one]);
    let steps = |world: &Observed| {
        let plan = plan(&wanted, world, &Policy::default(), now());
        plan.exchanges[0].steps.clone()
    };
    let record = |world: &mut Observed, change: fn(&mut Record)| {
        let records = &mut registry(world).records;
        change(&mut records.get_mut(&key).unwrap()[0]);
    };
    record(&mut world, |record| record.name = Some("old".to_owned()));
    assert_eq!(steps(&world), [StepKind::Register]);
    record(&mut world, |record| {
        let change = |metadata: &mut Map<_, _>| metadata["natsx"]["digest"] = "other".into();
        record.metadata.change(change);
    });
    assert_eq!(steps(&world), [StepKind::WaitReady, StepKind::Register]);
    registry(&mut world).records.clear();
    assert_eq!(steps(&world), [StepKind::WaitReady, StepKind::Register]);
}

#[test]
fn a_mark_that_names_nobody_is_not_ours_and_not_taken_over() {
    let mut one = exchange("orders", some_values());
    let mut world = observed([&one]);
    let records = &mut registry(&mut world).records;
    let record = &mut records.get_mut(one.system_id.as_str()).unwrap()[0];
    let change = |metadata: &mut Map<_, _>| metadata["natsx"] = json!({"instance": 3});
    record.metadata.change(change);
    let policy = Policy::default();
    for adopts in [false, true] {
        one.adopts_record = adopts;
        let wanted = desired([one.clone()]);
        let said = verdict(&wanted, &world, &policy, "orders");
        assert_eq!(said, "conflict RecordNotOurs");
        let plan = plan(&wanted, &world, &policy, now());
        assert_eq!(crate::plan::verify(&plan, &wanted, &world, &policy), Ok(()));
    }
}

#[test]
fn records_are_written_only_when_ours() {
    let mut one = exchange("orders", some_values());
    let mut world = observed([&one]);
    let key = one.system_id.to_string();
    let policy = Policy::default();
    registry(&mut world).records.get_mut(&key).unwrap()[0].name = Some("old".to_owned());
    assert_eq!(
        verdict(&desired([one.clone()]), &world, &policy, "orders"),
        "register RecordDiffers"
    );
    registry(&mut world).records.get_mut(&key).unwrap()[0].metadata = Packed::default();
    assert_eq!(
        verdict(&desired([one.clone()]), &world, &policy, "orders"),
        "conflict RecordNotOurs"
    );
    one.adopts_record = true;
    assert_eq!(
        verdict(&desired([one.clone()]), &world, &policy, "orders"),
        "register RecordDiffers"
    );
    registry(&mut world).records.clear();
    assert_eq!(
        verdict(&desired([one.clone()]), &world, &policy, "orders"),
        "register RecordMissing"
    );
    world.registry = Err(Unreadable {
        reason: Reason::RegistryUnreadable,
        text: "down".to_owned(),
    });
    assert_eq!(
        verdict(&desired([one]), &world, &policy, "orders"),
        "none UpToDate"
    );
}

#[test]
fn a_moved_file_is_no_change() {
    let mut one = exchange("orders", some_values());
    let world = observed([&one]);
    one.file = "elsewhere/orders.yaml".to_owned();
    assert_eq!(
        verdict(&desired([one]), &world, &Policy::default(), "orders"),
        "none UpToDate"
    );
}

#[test]
fn terms_hold_changes() {
    let mut one = exchange("orders", some_values());
    let world = observed([&exchange("orders", json!({}))]);
    let policy = Policy::default();
    one.terms.sync_mode = SyncMode::DryRun;
    assert_eq!(
        verdict(&desired([one.clone()]), &world, &policy, "orders"),
        "none SyncModeDryRun"
    );
    one.terms.sync_mode = SyncMode::OneTime;
    assert_eq!(
        verdict(&desired([one.clone()]), &world, &policy, "orders"),
        "none SyncModeOneTime"
    );
    assert_eq!(
        verdict(&desired([one.clone()]), &observed([]), &policy, "orders"),
        "install FileAdded"
    );
    let mut suspend = Suspend {
        reason: "move".to_owned(),
        until: Some("2026-01-01T11:00:00Z".parse().unwrap()),
    };
    one.terms.sync_mode = SyncMode::Continuous;
    one.terms.suspend = Some(suspend.clone());
    assert_eq!(
        verdict(&desired([one.clone()]), &world, &policy, "orders"),
        "upgrade ValuesChanged"
    );
    suspend.until = None;
    one.terms.suspend = Some(suspend);
    assert_eq!(
        verdict(&desired([one]), &world, &policy, "orders"),
        "blocked Suspended"
    );
}

/// A person removed it, and it is not ours to install again: a record tells that it was there, or the journal.
#[test]
fn what_is_installed_once_is_not_installed_again() {
    let mut one = exchange("orders", some_values());
    one.terms.sync_mode = SyncMode::OneTime;
    let mut world = observed([&one]);
    view(&mut world).releases.clear();
    let wanted = desired([one.clone()]);
    let here = Policy {
        vanished: [id("orders")].into(),
        ..Policy::default()
    };
    let policy = Policy::default();
    let (kept, first) = ("none SyncModeOneTime", "install FileAdded");
    assert_eq!(verdict(&wanted, &world, &policy, "orders"), kept);
    let records = &mut registry(&mut world).records;
    let record = &mut records.get_mut(one.system_id.as_str()).unwrap()[0];
    record.metadata = Packed::default();
    assert_eq!(verdict(&wanted, &world, &here, "orders"), kept);
    assert_eq!(verdict(&wanted, &world, &policy, "orders"), first);
    world.registry = Err(Unreadable {
        reason: Reason::RegistryUnreadable,
        text: "down".to_owned(),
    });
    for policy in [&policy, &here] {
        let said = verdict(&wanted, &world, policy, "orders");
        assert_eq!(said, "blocked RegistryUnreadable");
    }
}

/// Whoever reads it has to know what ends it, and no clock is read to the nanosecond.
#[test]
fn a_suspension_says_where_it_stands_and_until_when() {
    let mut one = exchange("orders", some_values());
    let suspend = Suspend {
        reason: "move".to_owned(),
        until: Some("2026-01-01T13:00:00.123456789Z".parse().unwrap()),
    };
    let policy = Policy {
        suspended: [(one.id.clone(), suspend.clone())].into(),
        ..Policy::default()
    };
    let text = |one: &DesiredExchange| {
        let world = observed([one]);
        let plan = plan(&desired([one.clone()]), &world, &policy, now());
        plan.exchanges[0].text.clone()
    };
    let until = "until 2026-01-01T13:00:00Z: move";
    assert_eq!(text(&one), format!("suspended by command {until}"));
    one.terms.suspend = Some(suspend);
    assert_eq!(text(&one), format!("suspended in its file {until}"));
}

/// A daemon plans nothing anew while nothing is to be done and nothing changes; the end of a suspension is a change.
#[test]
fn what_is_held_is_settled_until_the_first_suspension_ends() {
    let mut one = exchange("orders", some_values());
    let world = observed([&one]);
    let until: jiff::Timestamp = "2026-01-01T13:00:00Z".parse().unwrap();
    let by_command = |until| Policy {
        suspended: [(
            id("orders"),
            Suspend {
                reason: "move".to_owned(),
                until,
            },
        )]
        .into(),
        ..Policy::default()
    };
    let planned = |one: &DesiredExchange, policy: &Policy, now| {
        plan(&desired([one.clone()]), &world, policy, now)
    };
    let held = planned(&one, &by_command(None), now());
    assert_eq!((held.until, held.is_settled(until)), (None, true));
    let held = planned(&one, &by_command(Some(until)), now());
    assert_eq!(held.until, Some(until));
    assert!(held.is_settled(now()) && !held.is_settled(until));
    one.terms.suspend = Some(Suspend {
        reason: "move".to_owned(),
        until: Some(until),
    });
    assert_eq!(planned(&one, &Policy::default(), now()).until, Some(until));
    assert_eq!(planned(&one, &Policy::default(), until).until, None, "over");
    one.terms.suspend = None;
    one.digest = crate::id::Digest::of(b"other");
    assert!(
        !planned(&one, &Policy::default(), now()).is_settled(now()),
        "a change"
    );
}

#[test]
fn broken_files_block_what_they_name() {
    let one = exchange("orders", some_values());
    let world = observed([&one]);
    let mut wanted = desired([]);
    wanted.broken.push(BrokenFile {
        file: one.file.clone(),
        line: 2,
        blocks: [one.id.clone()].into(),
        diagnostics: Vec::new(),
    });
    assert_eq!(
        verdict(&wanted, &world, &Policy::default(), "orders"),
        "blocked FileInvalid"
    );
}
