//! What a newer plan ends, and what it lets go on.

use super::*;
use crate::observe::observed::Unreadable;
use crate::plan::action;

/// Twenty that are there.
async fn released(scene: &Scene, ids: &[ExchangeId]) {
    scene.pass(ids, true).await;
    assert_eq!(lock(&scene.fake.releases).len(), ids.len());
}

async fn until_one_ended(told: &mut mpsc::UnboundedReceiver<Progress>) {
    while !matches!(told.recv().await.unwrap(), Progress::Ended(..)) {}
}

/// What comes of a removal that is taken back when it has come to this step, and so far in it.
async fn taken_back_at(
    scene: &Scene,
    step: &'static str,
    meanwhile: impl Future<Output = ()>,
) -> Outcome {
    let ids = [id("east/ns/a")];
    released(scene, &ids).await;
    let (removal, _) = plan(&scene.fake, &ids, false);
    let (stays, desired) = plan(&scene.fake, &ids, true);
    let (lanes, mut told) = scene.lanes(limits());
    lanes.submit(&removal, &Desired::default(), 1, Retry::Everything);
    let there = Progress::Step(ids[0].clone(), step);
    while told.recv().await.unwrap() != there {}
    meanwhile.await;
    lanes.submit(&stays, &desired, 2, Retry::Everything);
    lanes.idle().await;
    ended(&mut told).remove(&ids[0]).unwrap()
}

/// The same exchanges, of which nothing is to be done.
fn held(plan: &Plan, action: Action, reason: Reason) -> Plan {
    let mut held = plan.clone();
    for entry in &mut held.exchanges {
        (entry.action, entry.reason) = (action, reason);
    }
    held
}

/// A commit that removed twenty files is reverted while the first of them go.
#[rstest::rstest]
#[case::behind_others_of_its_cluster(many(20))]
#[case::behind_other_clusters(far_apart(20))]
#[tokio::test(start_paused = true)]
async fn a_removal_that_was_taken_back_is_not_begun(#[case] ids: Vec<ExchangeId>) {
    let scene = Scene::new();
    released(&scene, &ids).await;
    let (removal, _) = plan(&scene.fake, &ids, false);
    let (_, desired) = plan(&scene.fake, &ids, true);
    let (lanes, mut told) = scene.lanes(limits());
    lanes.submit(&removal, &Desired::default(), 1, Retry::Everything);
    until_one_ended(&mut told).await;
    let stays = held(&removal, Action::None, Reason::UpToDate);
    lanes.submit(&stays, &desired, 2, Retry::Everything);
    lanes.idle().await;
    let left = lock(&scene.fake.releases).len();
    assert!(left >= 10, "{left} are left");
}

/// It has its place, and nobody waits for anything just then.
#[tokio::test(start_paused = true)]
async fn what_is_taken_back_between_two_effects_is_not_begun() {
    let scene = Scene::new();
    let outcome = taken_back_at(&scene, "mark_deleting", async {}).await;
    assert_eq!(outcome.result, OutcomeResult::Cancelled, "{outcome:#?}");
    assert_eq!(lock(&scene.fake.releases).len(), 1);
}

/// helm was not to be stopped, but what it left is still there for the next install.
#[tokio::test(start_paused = true)]
async fn volumes_of_what_was_taken_back_stay() {
    let scene = Scene::new();
    *lock(&scene.fake.purge) = true;
    let in_the_middle = async { tokio::time::sleep(Duration::from_millis(10)).await };
    let outcome = taken_back_at(&scene, "helm_uninstall", in_the_middle).await;
    assert_eq!(outcome.result, OutcomeResult::Cancelled, "{outcome:#?}");
    assert!(lock(&scene.fake.releases).is_empty());
    assert_eq!(lock(&scene.fake.claims).len(), 1);
}

/// A person upgrades it, or takes it over, while it waits for the helms of others.
#[tokio::test(start_paused = true)]
async fn what_is_to_go_is_looked_at_again_after_the_helms_of_other_clusters() {
    let scene = Scene::new();
    let ids = far_apart(10);
    released(&scene, &ids).await;
    let (removal, _) = plan(&scene.fake, &ids, false);
    let one = Limits {
        helms: 1,
        ..limits()
    };
    let (lanes, mut told) = scene.lanes(one);
    lanes.submit(&removal, &Desired::default(), 1, Retry::Everything);
    until_one_ended(&mut told).await;
    for (revision, _) in lock(&scene.fake.releases).values_mut() {
        *revision = 2;
    }
    lanes.idle().await;
    let ended = ended(&mut told);
    let fenced = ended
        .values()
        .filter(|outcome| outcome.result == OutcomeResult::Fenced);
    let fenced: Vec<_> = fenced.map(|outcome| &outcome.id).collect();
    assert!(fenced.len() >= 5, "{ended:#?}");
    let releases = lock(&scene.fake.releases);
    assert!(fenced.iter().all(|id| releases.contains_key(*id)));
}

/// Somebody says `suspend`, or takes back what let it go; digests are what they were. An outage is nobody's word.
#[rstest::rstest]
#[case::suspended(Action::Blocked, Reason::Suspended, true)]
#[case::unreadable_source(Action::Blocked, Reason::SourceIncomplete, true)]
#[case::one_time(Action::None, Reason::SyncModeOneTime, true)]
#[case::prune_is_off(Action::None, Reason::FileRemoved, true)]
#[case::of_somebody_else(Action::Conflict, Reason::NotOurs, true)]
#[case::cluster_away(Action::Unreadable, Reason::ClusterUnreachable, false)]
#[case::registry_away(Action::Blocked, Reason::RegistryUnreadable, false)]
#[case::somebody_asked_for_it(Action::Blocked, Reason::DriftReturns, false)]
#[tokio::test(start_paused = true)]
async fn what_is_held_after_it_was_handed_over_is_not_begun(
    #[case] action: Action,
    #[case] reason: Reason,
    #[case] ends: bool,
) {
    for (present, ids) in [(true, many(20)), (false, many(20)), (false, far_apart(20))] {
        let scene = Scene::new();
        if !present {
            released(&scene, &ids).await;
        }
        let (plan, desired) = plan(&scene.fake, &ids, present);
        let (lanes, mut told) = scene.lanes(limits());
        lanes.submit(&plan, &desired, 1, Retry::Everything);
        until_one_ended(&mut told).await;
        let held = held(&plan, action, reason);
        let submitted = lanes.submit(&held, &desired, 2, Retry::Everything);
        assert!(submitted.outdated.is_empty());
        lanes.idle().await;
        let ended = ended(&mut told);
        assert!(ended.len() >= 10);
        let of = |result| ended.values().filter(move |one| one.result == result);
        let called_off: Vec<_> = of(OutcomeResult::Cancelled).collect();
        // What was begun is finished.
        let all = of(OutcomeResult::Done).count() + called_off.len();
        assert_eq!(all, ended.len(), "{ended:#?}");
        assert_eq!(called_off.len() >= 10, ends, "{present}: {called_off:#?}");
        assert!(ends || called_off.is_empty(), "{called_off:#?}");
        // Nor does it keep those that depend on it for a reason that is over.
        let readiness = lock(&lanes.shared.readiness);
        let why = called_off
            .iter()
            .filter_map(|one| readiness.why_not(&one.id));
        assert!(why.clone().all(|why| why.reason == reason), "{reason}");
    }
}

/// Of whom nothing is said it depends on who could be seen.
#[rstest::rstest]
#[case(None, true)]
#[case(Some("east"), false)]
#[case(Some("registry"), false)]
#[case(Some("west"), true)]
#[tokio::test(start_paused = true)]
async fn what_could_not_be_seen_goes_on(#[case] unread: Option<&str>, #[case] ends: bool) {
    let scene = Scene::new();
    let ids = many(20);
    released(&scene, &ids).await;
    let (removal, desired) = plan(&scene.fake, &ids, false);
    let (lanes, mut told) = scene.lanes(limits());
    lanes.submit(&removal, &desired, 1, Retry::Everything);
    until_one_ended(&mut told).await;
    let mut nothing = removal.clone();
    nothing.exchanges.clear();
    let why = Unreadable {
        reason: Reason::ClusterUnreachable,
        text: "no answer".to_owned(),
    };
    nothing
        .unreadable
        .extend(unread.map(|one| (one.to_owned(), why)));
    lanes.submit(&nothing, &desired, 2, Retry::Everything);
    lanes.idle().await;
    let left = lock(&scene.fake.releases).len();
    assert_eq!(left >= 10, ends, "{left} are left");
    assert!(ends || left == 0, "{left} are left");
}

/// It is the 25th of those that restart one after the other.
#[tokio::test(start_paused = true)]
async fn a_brake_reaches_who_waits_to_restart() {
    let scene = Scene::new();
    let ids = many(30);
    let (mut wished, desired) = plan(&scene.fake, &ids, true);
    for entry in &mut wished.exchanges {
        entry.effects = vec![action::Effect::RestartsPods];
    }
    let one = Limits {
        max_restarting: 1,
        ..limits()
    };
    let (lanes, mut told) = scene.lanes(one);
    lanes.submit(&wished, &desired, 1, Retry::Everything);
    until_one_ended(&mut told).await;
    let last = ids.last().unwrap();
    let mut suspended = wished.clone();
    for entry in &mut suspended.exchanges {
        if entry.id.as_ref() == Some(last) {
            (entry.action, entry.reason) = (Action::Blocked, Reason::Suspended);
        }
    }
    lanes.submit(&suspended, &desired, 2, Retry::Everything);
    lanes.idle().await;
    let ended = ended(&mut told);
    assert_eq!(ended[last].result, OutcomeResult::Cancelled);
    let installs = scene.fake.installs.load(Ordering::SeqCst);
    assert_eq!(installs, ids.len() - 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_is_finished_under_a_brake() {
    let scene = Scene::new();
    *lock(&scene.fake.unready) = true;
    let ids = [id("east/ns/a")];
    let (wished, desired) = plan(&scene.fake, &ids, true);
    let (lanes, mut told) = scene.lanes(limits());
    lanes.submit(&wished, &desired, 1, Retry::Everything);
    while !matches!(told.recv().await.unwrap(), Progress::Waiting(..)) {}
    let suspended = held(&wished, Action::Blocked, Reason::Suspended);
    lanes.submit(&suspended, &desired, 2, Retry::Everything);
    *lock(&scene.fake.unready) = false;
    lanes.idle().await;
    let outcome = ended(&mut told).remove(&ids[0]).unwrap();
    assert_eq!(outcome.result, OutcomeResult::Done, "{outcome:#?}");
}
