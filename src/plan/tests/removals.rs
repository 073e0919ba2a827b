//! What nothing declares any more.

use std::sync::Arc;

use serde_json::json;

use super::world::*;
use crate::diagnostic::Diagnostic;
use crate::exchange::desired::{DeletionPolicy, Desired, DesiredExchange, Suspend, SyncMode};
use crate::observe::observed::{
    ClusterView, Observed, Proof, ReleaseKey, ReleaseStatus, Unreadable,
};
use crate::plan::action::{Effect, StepKind};
use crate::plan::policy::{Policy, Withheld};
use crate::plan::{plan, plan_offline};
use crate::reason::Reason;
use crate::report::exit_code;

/// `gone` is released and not declared; `stays` is both.
fn world() -> (Desired, Observed, DesiredExchange) {
    let (gone, stays) = (
        exchange("gone", some_values()),
        exchange("stays", some_values()),
    );
    let world = observed([&gone, &stays]);
    (desired([stays]), world, gone)
}

fn say(desired: &Desired, world: &Observed) -> String {
    verdict(desired, world, &Policy::default(), "gone")
}

#[test]
fn a_proved_removal_is_planned() {
    let (wanted, mut world, mut gone) = world();
    assert_eq!(say(&wanted, &world), "uninstall FileRemoved");
    gone.terms.deletion_policy = DeletionPolicy::Purge;
    put(&mut world, &gone);
    let plan = plan(&wanted, &world, &Policy::default(), now());
    assert_eq!(
        plan.exchanges[0].steps,
        [
            StepKind::MarkDeleting,
            StepKind::HelmUninstall,
            StepKind::WaitGone,
            StepKind::DeleteVolumes,
            StepKind::Deregister
        ]
    );
}

#[test]
fn whatever_is_not_known_blocks() {
    let (wanted, good, _) = world();
    let mut world = good.clone();
    world.proofs.clear();
    assert_eq!(say(&wanted, &world), "blocked NotFromThisHistory");
    let why = Unreadable {
        reason: Reason::HistoryIncomplete,
        text: "shallow".to_owned(),
    };
    world
        .proofs
        .insert(id("gone"), Proof::NotProved(why.clone()));
    assert_eq!(say(&wanted, &world), "blocked HistoryIncomplete");
    let mut world = good.clone();
    world.registry = Err(Unreadable {
        reason: Reason::RegistryUnreadable,
        text: "down".to_owned(),
    });
    assert_eq!(say(&wanted, &world), "blocked RegistryUnreadable");
    let mut world = good.clone();
    world.clusters.insert(id("gone").cluster, Err(why));
    assert_eq!(say(&wanted, &world), "unreadable HistoryIncomplete");
    let mut dirty = wanted.clone();
    dirty.dirty = true;
    assert_eq!(say(&dirty, &good), "blocked SourceDirty");
    let mut partial = wanted.clone();
    partial
        .incomplete
        .push(Diagnostic::error(Reason::SourceIncomplete, "a symlink"));
    assert_eq!(say(&partial, &good), "blocked SourceIncomplete");
    let policy = Policy {
        prune: false,
        ..Policy::default()
    };
    assert_eq!(verdict(&wanted, &good, &policy, "gone"), "none FileRemoved");
}

/// Nobody has to guess why a cluster that is away keeps what git has let go.
#[test]
fn a_removal_that_waits_says_that_it_is_one_and_for_what() {
    let (wanted, good, mut gone) = world();
    let down = Unreadable {
        reason: Reason::ClusterUnreachable,
        text: "no answer".to_owned(),
    };
    let told = |world: &Observed, policy: &Policy| {
        let plan = plan(&wanted, world, policy, now());
        let mut entries = plan.exchanges.into_iter();
        let entry = entries.find(|entry| entry.id == Some(id("gone"))).unwrap();
        (entry.file, entry.text)
    };
    let mut dark = good.clone();
    let cluster = id("gone").cluster;
    dark.clusters.insert(cluster.clone(), Err(down.clone()));
    let mut unlisted = good.clone();
    unlisted.registry = Err(down.clone());
    for (world, what) in [(&dark, "cluster prod"), (&unlisted, "the registry")] {
        let (file, text) = told(world, &Policy::default());
        let why = "exchanges/gone.yaml does not declare it any more; its removal waits for";
        assert_eq!(text, format!("{why} {what}: no answer"));
        assert_eq!(file, "exchanges/gone.yaml");
    }
    let kept = Policy {
        prune: false,
        ..Policy::default()
    };
    assert_eq!(told(&dark, &kept).1, "no answer");
    gone.terms.protect = true;
    let mut protected = good.clone();
    put(&mut protected, &gone);
    protected.clusters.insert(cluster, Err(down));
    assert_eq!(told(&protected, &Policy::default()).1, "no answer");
}

#[test]
fn last_terms_hold() {
    let (wanted, mut world, mut gone) = world();
    gone.terms.protect = true;
    put(&mut world, &gone);
    assert_eq!(say(&wanted, &world), "blocked Protected");
    assert_eq!(
        exit_code(&plan(&wanted, &world, &Policy::default(), now()), false),
        5
    );
    gone.terms.suspend = Some(Suspend {
        reason: "x".to_owned(),
        until: None,
    });
    put(&mut world, &gone);
    assert_eq!(say(&wanted, &world), "blocked Suspended");
    gone.terms = crate::exchange::desired::Terms {
        sync_mode: SyncMode::OneTime,
        ..Default::default()
    };
    put(&mut world, &gone);
    assert_eq!(say(&wanted, &world), "none SyncModeOneTime");
}

#[test]
fn stuck_and_foreign_releases_are_not_uninstalled() {
    let (wanted, mut world, _) = world();
    release(&mut world, "gone").status = ReleaseStatus::Uninstalling;
    assert_eq!(say(&wanted, &world), "uninstall FileRemoved");
    release(&mut world, "gone").status = ReleaseStatus::PendingUpgrade;
    assert_eq!(say(&wanted, &world), "blocked ReleaseLocked");
    release(&mut world, "gone").stamp = None;
    assert_eq!(say(&wanted, &world), "conflict NotOurs");
}

#[test]
fn orphaned_records_go_unless_used() {
    let (mut wanted, mut world, gone) = world();
    view(&mut world).releases.remove(&ReleaseKey::of(&gone.id));
    assert_eq!(say(&wanted, &world), "deregister RecordOrphaned");
    for other in wanted.exchanges.values_mut() {
        Arc::make_mut(other).system_id = gone.system_id.clone();
    }
    assert_eq!(say(&wanted, &world), "none FileRemoved");
}

/// What was journalled when the removal began is what an earlier commit wanted, and a plan that deletes volumes says so.
#[test]
fn volumes_that_are_left_go_by_the_newest_terms_and_by_the_plan() {
    let (wanted, mut world, mut gone) = world();
    let left = Policy {
        volumes_left: [id("gone")].into(),
        ..Policy::default()
    };
    let deregister = StepKind::Deregister;
    let (records, volumes) = (Effect::RegistryOnly, Effect::DeletesVolumes);
    for (terms, policy, effect, steps) in [
        (DeletionPolicy::Retain, &left, records, vec![deregister]),
        (
            DeletionPolicy::Purge,
            &Policy::default(),
            records,
            vec![deregister],
        ),
        (
            DeletionPolicy::Purge,
            &left,
            volumes,
            vec![StepKind::DeleteVolumes, deregister],
        ),
    ] {
        gone.terms.deletion_policy = terms;
        put(&mut world, &gone);
        view(&mut world).releases.remove(&ReleaseKey::of(&gone.id));
        assert_eq!(
            verdict(&wanted, &world, policy, "gone"),
            "deregister RecordOrphaned"
        );
        let plan = plan(&wanted, &world, policy, now());
        let entry = &plan.exchanges[0];
        assert_eq!((&entry.effects, &entry.steps), (&vec![effect], &steps));
    }
}

/// Where the settings limit us to namespaces nobody asks which cluster it is, and one may have two names: its file names
/// another one now, and the release of the old name is that of the new one.
#[test]
fn what_may_be_declared_under_another_name_of_its_cluster_stays() {
    let (mut wanted, mut world, gone) = world();
    let other = exchange_of("other/nats/gone".parse().unwrap(), some_values());
    let twin = ReleaseKey::of(&other.id);
    wanted
        .exchanges
        .insert(other.id.clone(), other.clone().into());
    let (held, goes) = ("blocked SameCluster", "uninstall FileRemoved");
    assert_eq!(say(&wanted, &world), held, "it is not in the inventory");
    let unread = Unreadable {
        reason: Reason::ClusterUnreachable,
        text: "no answer".to_owned(),
    };
    let approved = Policy {
        allow_delete: [id("gone")].into(),
        ..Policy::default()
    };
    assert_eq!(verdict(&wanted, &world, &approved, "gone"), goes);
    view(&mut world).uid = Some("1".to_owned());
    assert_eq!(say(&wanted, &world), held, "it may be a new name");
    world.clusters.insert(other.id.cluster.clone(), Err(unread));
    assert_eq!(say(&wanted, &world), held, "nobody ever saw which it is");
    for (led, expected) in [("1", held), ("2", goes)] {
        let led = [(other.id.cluster.clone(), led.to_owned())];
        world.led = led.into();
        assert_eq!(say(&wanted, &world), expected, "{:?}", world.led);
    }
    view(&mut world).uid = None;
    assert_eq!(say(&wanted, &world), held, "it is not read");
    let there = ClusterView {
        uid: Some("2".to_owned()),
        ..ClusterView::default()
    };
    world
        .clusters
        .insert(other.id.cluster.clone(), Ok(Arc::new(there)));
    assert_eq!(say(&wanted, &world), held, "nothing of it is seen");
    let cluster = &other.id.cluster;
    let seen = |world: &mut Observed, uid: &str, digest: &str| {
        let there = Arc::make_mut(world.clusters.get_mut(cluster).unwrap().as_mut().unwrap());
        let mut release = released(&other);
        release.secret.uid = uid.into();
        digest.clone_into(&mut release.stamp.as_mut().unwrap().digest);
        there.releases.insert(twin.clone(), release);
    };
    let digest = other.digest.label();
    seen(&mut world, "uid", digest);
    assert_eq!(say(&wanted, &world), held, "it is the same");
    seen(&mut world, "other", "older");
    assert_eq!(say(&wanted, &world), held, "an upgrade may have made it");
    seen(&mut world, "other", digest);
    assert_eq!(say(&wanted, &world), goes);
    seen(&mut world, "uid", digest);
    view(&mut world).uid = Some("2".to_owned());
    assert_eq!(say(&wanted, &world), held);
    view(&mut world).uid = Some("1".to_owned());
    assert_eq!(say(&wanted, &world), goes);
    // Volumes are those of whoever runs on them now, and a record is nobody's.
    view(&mut world).uid = None;
    let there = Arc::make_mut(world.clusters.get_mut(cluster).unwrap().as_mut().unwrap());
    there.releases.clear();
    let mut purged = gone;
    purged.terms.deletion_policy = DeletionPolicy::Purge;
    put(&mut world, &purged);
    view(&mut world).releases.clear();
    assert_eq!(say(&wanted, &world), "deregister RecordOrphaned");
    let left = Policy {
        volumes_left: [id("gone")].into(),
        ..Policy::default()
    };
    assert_eq!(verdict(&wanted, &world, &left, "gone"), held);
}

#[test]
fn an_empty_repository_removes_nothing_unasked() {
    let (_, world, _) = world();
    let empty = desired([]);
    assert_eq!(say(&empty, &world), "blocked MassRemoval");
    let policy = Policy {
        allow_delete: [id("gone")].into(),
        ..Policy::default()
    };
    assert_eq!(
        verdict(&empty, &world, &policy, "gone"),
        "uninstall FileRemoved"
    );
    assert_eq!(
        verdict(&empty, &world, &policy, "stays"),
        "blocked MassRemoval"
    );
    let plan = plan(&empty, &world, &Policy::default(), now());
    let needs: Vec<&str> = plan
        .exchanges
        .iter()
        .filter_map(|entry| Some(entry.guard.as_ref()?.needs.as_str()))
        .collect();
    assert_eq!(
        needs,
        [
            "natsx-sync approve prod/nats/gone",
            "natsx-sync approve prod/nats/stays"
        ]
    );
    assert_eq!(
        plan.diagnostics[0].hint.as_deref(),
        Some("natsx-sync approve prod/nats/gone prod/nats/stays")
    );
}

#[test]
fn where_nothing_may_go_unasked_a_single_one_is_held() {
    let all = [
        exchange("x0", json!({})),
        exchange("x1", json!({})),
        exchange("x2", json!({})),
    ];
    let world = observed(&all);
    let wanted = desired(all[1..].iter().cloned());
    for (share, said) in [(1, "uninstall FileRemoved"), (0, "blocked MassRemoval")] {
        let policy = Policy {
            max_delete_percent: share,
            ..Policy::default()
        };
        assert_eq!(verdict(&wanted, &world, &policy, "x0"), said);
    }
}

#[test]
fn more_than_the_share_is_held() {
    let all: Vec<_> = (0..10)
        .map(|number| exchange(&format!("x{number}"), json!({})))
        .collect();
    let world = observed(&all);
    let keep = |from: usize| desired(all[from..].iter().cloned());
    let policy = Policy::default();
    assert_eq!(
        verdict(&keep(3), &world, &policy, "x0"),
        "uninstall FileRemoved"
    );
    assert_eq!(
        verdict(&keep(4), &world, &policy, "x0"),
        "blocked MassRemoval"
    );
    let held_before = Policy {
        withheld: Withheld::Ids([id("x0")].into()),
        ..Policy::default()
    };
    assert_eq!(
        verdict(&keep(1), &world, &held_before, "x0"),
        "blocked MassRemoval",
        "those it was held with are gone"
    );
    let approved = Policy {
        allow_delete: [id("x0")].into(),
        ..held_before
    };
    assert_eq!(
        verdict(&keep(1), &world, &approved, "x0"),
        "uninstall FileRemoved"
    );
    let busy = Policy {
        removing: [id("x9")].into(),
        ..Policy::default()
    };
    assert_eq!(
        verdict(&keep(3), &world, &busy, "x0"),
        "blocked MassRemoval"
    );
}

/// Helms that outlived their natsx-sync end one after the other: few at a time are seen to go, and all of them do.
#[test]
fn what_is_held_for_the_moment_counts_as_going() {
    let all: Vec<_> = (0..20)
        .map(|number| exchange(&format!("x{number}"), json!({})))
        .collect();
    let mut world = observed(&all);
    let wanted = desired(all[8..].iter().cloned());
    for number in 1..8 {
        release(&mut world, &format!("x{number}")).status = ReleaseStatus::PendingUpgrade;
    }
    let policy = Policy::default();
    let say = |world: &Observed, policy| verdict(&wanted, world, policy, "x0");
    assert_eq!(say(&world, &policy), "blocked MassRemoval");
    let clock = (
        id("x0").cluster,
        now() + jiff::SignedDuration::from_hours(1),
    );
    let old = Policy {
        clocks: [clock].into(),
        ..Policy::default()
    };
    assert_eq!(verdict(&wanted, &world, &old, "x1"), "repair ReleaseStuck");
    assert_eq!(say(&world, &old), "blocked MassRemoval");
    // Those that stay, whatever happens, are not going.
    let suspend = Suspend {
        reason: "audit".to_owned(),
        until: None,
    };
    let suspended = [6, 7].map(|number| (id(&format!("x{number}")), suspend.clone()));
    let suspended = Policy {
        suspended: suspended.into(),
        ..Policy::default()
    };
    assert_eq!(say(&world, &suspended), "uninstall FileRemoved");
    for number in 6..8 {
        let Some(Proof::Declared { terms, .. }) = world.proofs.get_mut(&id(&format!("x{number}")))
        else {
            panic!();
        };
        terms.protect = true;
    }
    assert_eq!(say(&world, &policy), "uninstall FileRemoved");
}

#[test]
fn a_single_removal_is_held_while_nobody_knows_what_was() {
    let (wanted, world, _) = world();
    let unknown = Policy {
        withheld: Withheld::Unknown,
        ..Policy::default()
    };
    let told = plan(&wanted, &world, &unknown, now());
    let mut entries = told.exchanges.iter();
    let gone = entries.find(|entry| entry.id == Some(id("gone"))).unwrap();
    assert_eq!(gone.reason, Reason::MassRemoval);
    for word in [
        "withheld.json is damaged",
        "`natsx-sync approve prod/nats/gone`",
    ] {
        assert!(gone.text.contains(word), "{}", gone.text);
    }
    let approved = Policy {
        allow_delete: [id("gone")].into(),
        ..unknown
    };
    assert_eq!(
        verdict(&wanted, &world, &approved, "gone"),
        "uninstall FileRemoved"
    );
}

#[test]
fn offline_compares_with_the_base() {
    let (gone, stays, new) = (
        exchange("gone", json!({})),
        exchange("stays", json!({})),
        exchange("new", json!({})),
    );
    let head = desired([stays.clone(), new]);
    let base = desired([gone, stays]);
    let plan = plan_offline(&head, Some(&base));
    let words: Vec<_> = plan
        .exchanges
        .iter()
        .map(|entry| entry.action.word())
        .collect();
    assert_eq!(words, ["uninstall", "install", "none"]);
}
