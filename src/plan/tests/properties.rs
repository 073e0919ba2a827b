//! What holds in every world.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::world::*;
use crate::exchange::desired::{Desired, DesiredExchange};
use crate::observe::observed::{Observed, ReleaseKey, ReleaseStatus, Unreadable};
use crate::plan::action::{Action, Plan, StepKind};
use crate::plan::policy::Policy;
use crate::plan::{plan, verify};
use crate::reason::Reason;

const STATES: [ReleaseStatus; 9] = [
    ReleaseStatus::Deployed,
    ReleaseStatus::Failed,
    ReleaseStatus::PendingInstall,
    ReleaseStatus::PendingUpgrade,
    ReleaseStatus::PendingRollback,
    ReleaseStatus::Uninstalling,
    ReleaseStatus::Uninstalled,
    ReleaseStatus::Superseded,
    ReleaseStatus::Unknown,
];

/// One exchange's circumstances.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent circumstances, drawn at random"
)]
pub(crate) struct Fate {
    cluster: usize,
    declared: bool,
    released: bool,
    recorded: bool,
    proved: bool,
    marked: bool,
    by_us: bool,
    changed: bool,
    status: usize,
}

pub(crate) fn fate() -> impl Strategy<Value = Fate> {
    (0..2_usize, any::<[bool; 7]>(), 0..20_usize).prop_map(|(cluster, flags, status)| Fate {
        cluster,
        declared: flags[0],
        released: flags[1],
        recorded: flags[2],
        proved: flags[3],
        marked: flags[4] || flags[3],
        by_us: flags[5] || flags[2],
        changed: flags[6],
        status,
    })
}

pub(crate) fn build(fates: &[Fate]) -> (Desired, Observed) {
    let mut wanted = desired([]);
    let mut world = observed([]);
    for (number, fate) in fates.iter().enumerate() {
        let id = format!("{}/nats/x{number}", ["prod", "test"][fate.cluster])
            .parse()
            .unwrap();
        let one = exchange_of(id, json!({"container": {"n": number}}));
        put(&mut world, &one);
        let view = world.clusters.get_mut(&one.id.cluster).unwrap();
        let view = Arc::make_mut(view.as_mut().unwrap());
        if fate.released {
            let release = view.releases.get_mut(&ReleaseKey::of(&one.id)).unwrap();
            release.status = STATES
                .get(fate.status)
                .copied()
                .unwrap_or(ReleaseStatus::Deployed);
            if !fate.marked {
                release.stamp = None;
            }
            if !fate.by_us {
                release.revision = 2;
            }
        } else {
            view.releases.remove(&ReleaseKey::of(&one.id));
        }
        if !fate.recorded {
            registry(&mut world).records.remove(one.system_id.as_str());
        }
        if !fate.proved {
            world.proofs.remove(&one.id);
        }
        if fate.declared {
            let values = if fate.changed {
                json!({"container": {"n": "other"}})
            } else {
                one.values.open()
            };
            wanted
                .exchanges
                .insert(one.id.clone(), exchange_of(one.id.clone(), values).into());
        }
    }
    (wanted, world)
}

fn removed(plan: &Plan) -> Vec<String> {
    plan.exchanges
        .iter()
        .filter(|entry| matches!(entry.action, Action::Uninstall | Action::Deregister))
        .filter_map(|entry| Some(entry.id.as_ref()?.to_string()))
        .collect()
}

fn apply(plan: &Plan, wanted: &Desired, world: &mut Observed) {
    for entry in plan
        .exchanges
        .iter()
        .filter(|entry| entry.action.is_change())
    {
        let id = entry.id.clone().unwrap();
        let one: Option<&DesiredExchange> = wanted.exchanges.get(&id).map(AsRef::as_ref);
        let view = world.clusters.get_mut(&id.cluster).unwrap();
        let view = Arc::make_mut(view.as_mut().unwrap());
        let registry = Arc::make_mut(world.registry.as_mut().unwrap());
        for step in &entry.steps {
            match step {
                StepKind::Unlock | StepKind::HelmUninstall => {
                    view.releases.remove(&ReleaseKey::of(&id));
                }
                StepKind::HelmInstall | StepKind::HelmUpgrade => {
                    view.releases
                        .insert(ReleaseKey::of(&id), released(one.unwrap()));
                }
                StepKind::PatchStamp => {
                    let release = view.releases.get_mut(&ReleaseKey::of(&id)).unwrap();
                    let stamp = release.stamp.as_mut().unwrap();
                    stamp.revision = release.revision;
                    one.unwrap().digest.label().clone_into(&mut stamp.digest);
                }
                StepKind::Register => {
                    let one = one.unwrap();
                    registry
                        .records
                        .insert(one.system_id.to_string(), vec![record(one)]);
                }
                StepKind::Deregister => {
                    registry.records.remove(id.system_id().as_str());
                }
                StepKind::PatchObjects => {
                    world.drifts.remove(&id);
                }
                StepKind::CreateNamespace
                | StepKind::WaitReady
                | StepKind::MarkDeleting
                | StepKind::WaitGone
                | StepKind::DeleteVolumes => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn planning_twice_is_the_same_and_verified(fates in prop::collection::vec(fate(), 0..9)) {
        let (wanted, world) = build(&fates);
        let policy = Policy::default();
        let first = plan(&wanted, &world, &policy, now());
        let second = plan(&wanted, &world, &policy, now());
        prop_assert_eq!(&first.exchanges, &second.exchanges);
        prop_assert_eq!(verify(&first, &wanted, &world, &policy), Ok(()));
    }

    #[test]
    fn where_nothing_is_to_be_done_time_changes_nothing(fates in prop::collection::vec(fate(), 0..9)) {
        let (wanted, world) = build(&fates);
        let policy = Policy::default();
        let years = jiff::SignedDuration::from_hours(24 * 365 * 3);
        let first = plan(&wanted, &world, &policy, now());
        let later = plan(&wanted, &world, &policy, now().checked_add(years).unwrap());
        for (first, later) in first.exchanges.iter().zip(&later.exchanges) {
            if first.is_settled() {
                prop_assert_eq!(first, later);
            }
        }
    }

    #[test]
    fn hiding_a_cluster_removes_nothing_more(fates in prop::collection::vec(fate(), 0..9)) {
        let (wanted, mut world) = build(&fates);
        let policy = Policy::default();
        let before = removed(&plan(&wanted, &world, &policy, now()));
        let why = Unreadable { reason: Reason::ClusterUnreachable, text: String::new() };
        world.clusters.insert("prod".parse().unwrap(), Err(why));
        let after = plan(&wanted, &world, &policy, now());
        prop_assert_eq!(verify(&after, &wanted, &world, &policy), Ok(()));
        for id in removed(&after) {
            prop_assert!(before.contains(&id), "{id}");
        }
    }

    #[test]
    fn an_empty_source_removes_nothing(fates in prop::collection::vec(fate(), 0..9)) {
        let (_, world) = build(&fates);
        prop_assert!(removed(&plan(&desired([]), &world, &Policy::default(), now())).is_empty());
    }

    #[test]
    fn without_our_mark_nothing_is_touched(fates in prop::collection::vec(fate(), 0..9)) {
        let (wanted, mut world) = build(&fates);
        for view in world.clusters.values_mut() {
            for release in Arc::make_mut(view.as_mut().unwrap()).releases.values_mut() {
                release.stamp = None;
            }
        }
        for entry in plan(&wanted, &world, &Policy::default(), now()).exchanges {
            prop_assert!(entry.precondition.secret.is_none() || !entry.action.is_change());
        }
    }

    #[test]
    fn applying_comes_to_rest(fates in prop::collection::vec(fate(), 0..9)) {
        let (wanted, mut world) = build(&fates);
        let later = now().checked_add(jiff::SignedDuration::from_hours(1)).unwrap();
        let clocks = world.clusters.keys().map(|cluster| (cluster.clone(), later));
        let policy = Policy { clocks: clocks.collect(), ..Policy::default() };
        // A lock is opened in one pass and the release planned anew in the next; removals may wait for each other's share.
        for _ in 0..12 {
            let next = plan(&wanted, &world, &policy, now());
            prop_assert_eq!(verify(&next, &wanted, &world, &policy), Ok(()));
            apply(&next, &wanted, &mut world);
        }
        let last = plan(&wanted, &world, &policy, now());
        let left: Vec<_> = last.exchanges.iter().filter(|entry| entry.action.is_change()).collect();
        prop_assert!(left.is_empty(), "{left:?}");
    }
}
