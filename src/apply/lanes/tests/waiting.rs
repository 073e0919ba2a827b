//! What waits: for health, for others, for a newer plan.

use super::*;
use crate::state::journal::deeds;

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_its_time_or_with_a_newer_plan() {
    for newer in [false, true] {
        let scene = Scene::new();
        *lock(&scene.fake.unready) = true;
        let ids = [id("east/ns/a")];
        let (lanes, mut told) = scene.lanes(limits());
        let (plan, mut desired) = plan(&scene.fake, &ids, true);
        lanes.submit(&plan, &desired, 1, Retry::Everything);
        while !matches!(told.recv().await.unwrap(), Progress::Waiting(..)) {}
        let waits = lanes.in_flight()[&ids[0]].clone();
        assert_eq!(waits.step, "wait_ready");
        let longest = waits.until.unwrap().duration_since(waits.since);
        assert!(longest >= limits().health.try_into().unwrap());
        if newer {
            wanted_in(&mut desired, &ids[0]).digest = Digest::of(b"newer");
            lanes.submit(&plan, &desired, 2, Retry::Everything);
        }
        lanes.idle().await;
        let mut last = None;
        while let Ok(happened) = told.try_recv() {
            last = Some(happened);
        }
        let Some(Progress::Ended(outcome)) = last else {
            panic!("{last:?}")
        };
        let told = deeds(&Journal::entries(scene.folder.path()).unwrap());
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].result, outcome.result.word());
        assert!(told[0].time > told[0].began, "{told:?}");
        if newer {
            assert_eq!(outcome.result, OutcomeResult::Cancelled);
            assert!(told[0].text.as_deref().unwrap().contains("newer plan"));
        } else {
            assert_eq!(outcome.why.unwrap().reason, Reason::HealthTimeout);
        }
        assert!(lock(&scene.fake.records).is_empty());
    }
}

/// helm is done; that nobody can ask how the servers are says nothing of them.
#[rstest::rstest]
#[case::comes_back(40, OutcomeResult::Done)]
#[case::stays_away(120, OutcomeResult::Failed)]
#[tokio::test(start_paused = true)]
async fn who_cannot_be_asked_is_waited_for(#[case] seconds: u64, #[case] result: OutcomeResult) {
    let scene = Scene::new();
    let back = tokio::time::Instant::now() + Duration::from_secs(seconds);
    *lock(&scene.fake.out_of_reach) = Some(back);
    let ids = [id("east/ns/a")];
    let (lanes, mut told) = scene.lanes(limits());
    let (plan, desired) = plan(&scene.fake, &ids, true);
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    let why = loop {
        if let Progress::Waiting(_, why) = told.recv().await.unwrap() {
            break why;
        }
    };
    assert_eq!(why.reason, Reason::ClusterUnreachable);
    assert!(lanes.in_flight()[&ids[0]].until.is_some());
    lanes.idle().await;
    let outcome = ended(&mut told).remove(&ids[0]).unwrap();
    assert_eq!(outcome.result, result, "{outcome:#?}");
    // An outage is no failure of the change, however long it is.
    let reason = outcome.why.map(|why| why.reason);
    let outage = result == OutcomeResult::Failed;
    assert_eq!(reason, outage.then_some(Reason::ClusterUnreachable));
}

/// Nothing was begun yet; what is read when the cluster is back is what helm relies on, and until then others have the place.
#[rstest::rstest]
#[case::comes_back(40, OutcomeResult::Done)]
#[case::stays_away(120, OutcomeResult::Failed)]
#[tokio::test(start_paused = true)]
async fn a_fence_goes_on_when_its_cluster_is_back(
    #[case] seconds: u64,
    #[case] result: OutcomeResult,
) {
    let scene = Scene::new();
    let back = tokio::time::Instant::now() + Duration::from_secs(seconds);
    *lock(&scene.fake.unread) = Some(back);
    let ids = [id("east/ns/a")];
    let (lanes, mut told) = scene.lanes(limits());
    let (plan, desired) = plan(&scene.fake, &ids, true);
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    while !matches!(told.recv().await.unwrap(), Progress::Waiting(..)) {}
    let waits = lanes.in_flight()[&ids[0]].clone();
    assert_eq!((waits.step, waits.until.is_some()), ("fence", true));
    lanes.idle().await;
    let outcome = ended(&mut told).remove(&ids[0]).unwrap();
    assert_eq!(outcome.result, result, "{outcome:#?}");
    let reason = outcome.why.map(|why| why.reason);
    let outage = result == OutcomeResult::Failed;
    assert_eq!(reason, outage.then_some(Reason::ClusterUnreachable));
}

#[tokio::test(start_paused = true)]
async fn a_failed_dependency_holds_its_dependants() {
    let scene = Scene::new();
    *lock(&scene.fake.unready) = true;
    let ids = [id("east/ns/a"), id("east/ns/b")];
    let (lanes, mut told) = scene.lanes(limits());
    let (plan, mut desired) = plan(&scene.fake, &ids, true);
    wanted_in(&mut desired, &ids[0]).depends_on = vec![ids[1].clone()];
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    lanes.idle().await;
    let mut results = BTreeMap::new();
    while let Ok(happened) = told.try_recv() {
        if let Progress::Ended(outcome) = happened {
            results.insert(outcome.id.clone(), outcome.why.unwrap().reason);
        }
    }
    assert_eq!(results[&ids[1]], Reason::HealthTimeout);
    assert_eq!(results[&ids[0]], Reason::DependencyNotReady);
}

#[tokio::test(start_paused = true)]
async fn dependants_wait_for_what_is_held_or_unwell_and_go_on_after_it() {
    let scene = Scene::new();
    let ids = [id("east/ns/a"), id("east/ns/b")];
    let (lanes, mut told) = scene.lanes(limits());
    let (wished, mut desired) = plan(&scene.fake, &ids, true);
    wanted_in(&mut desired, &ids[0]).depends_on = vec![ids[1].clone()];
    let with = |action| {
        let mut plan = wished.clone();
        plan.exchanges[1].action = action;
        plan
    };
    let mut pass = async |plan: &Plan| {
        lanes.submit(plan, &desired, 1, Retry::Everything);
        lanes.idle().await;
        ended(&mut told)[&ids[0]].clone()
    };

    let held = pass(&with(Action::Blocked)).await;
    assert_eq!(held.why.unwrap().reason, Reason::DependencyNotReady);
    let unwell = Health::Failed {
        reason: Reason::ReloadRefused,
        text: "bad max_payload".to_owned(),
    };
    lanes.take_health(&ids[1], &unwell);
    let held = pass(&with(Action::None)).await.why.unwrap();
    assert!(held.text.contains("bad max_payload"), "{held:?}");
    lanes.take_health(&ids[1], &Health::Ready);
    assert_eq!(pass(&with(Action::None)).await.result, OutcomeResult::Done);
}

#[rstest::rstest]
#[case::to_be_made(true)]
#[case::to_go(false)]
#[tokio::test(start_paused = true)]
async fn what_was_fenced_is_acted_upon_however_long_the_queue_is(#[case] present: bool) {
    let scene = Scene::new();
    let ids = many(20);
    if !present {
        scene.pass(&ids, true).await;
        scene.fake.most_fenced.store(0, Ordering::SeqCst);
    }
    let (lanes, mut told) = scene.lanes(limits());
    let (plan, desired) = plan(&scene.fake, &ids, present);
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    lanes.idle().await;
    assert_eq!(ended(&mut told).len(), ids.len());
    let left = lock(&scene.fake.releases).len();
    assert_eq!(left, if present { ids.len() } else { 0 });
    // Two helms run, and one more is ready to.
    assert_eq!(scene.fake.most_fenced.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_newer_plan_ends_what_waits_for_a_helm() {
    let scene = Scene::new();
    let ids = many(20);
    let (lanes, mut told) = scene.lanes(limits());
    let (plan, mut desired) = plan(&scene.fake, &ids, true);
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    while !matches!(told.recv().await.unwrap(), Progress::Ended(..)) {}
    let queued = lanes.in_flight().into_values().filter(InFlight::is_waiting);
    assert!(queued.count() >= 10);
    for id in &ids {
        wanted_in(&mut desired, id).digest = Digest::of(b"newer");
    }
    let flying = lanes.in_flight().into_keys();
    let submitted = lanes.submit(&plan, &desired, 2, Retry::Everything);
    assert!(submitted.outdated.into_iter().eq(flying));
    lanes.idle().await;
    let ended = ended(&mut told);
    let gave_way = ended
        .values()
        .filter(|outcome| outcome.result == OutcomeResult::Cancelled);
    assert!(gave_way.count() >= 10, "{ended:#?}");
    let installs = scene.fake.installs.load(Ordering::SeqCst);
    let releases = lock(&scene.fake.releases).len();
    assert_eq!(installs, releases);
    assert!(installs <= 10, "{installs}");
}

/// A commit that is taken back leaves nothing to do, and one that removes a file not even an entry: what is queued for the one
/// before is not wanted all the same.
#[tokio::test(start_paused = true)]
async fn what_was_taken_back_is_not_begun() {
    for (is_removed, ids) in [
        (false, many(20)),
        (true, many(20)),
        (false, far_apart(20)),
        (true, far_apart(20)),
    ] {
        let scene = Scene::new();
        let (lanes, mut told) = scene.lanes(limits());
        let (mut plan, mut desired) = plan(&scene.fake, &ids, true);
        lanes.submit(&plan, &desired, 1, Retry::Everything);
        while !matches!(told.recv().await.unwrap(), Progress::Ended(..)) {}
        let flying = lanes.in_flight().into_keys();
        if is_removed {
            plan.exchanges.clear();
            desired.exchanges.clear();
        } else {
            for id in &ids {
                wanted_in(&mut desired, id).digest = Digest::of(b"as it was");
            }
            for entry in &mut plan.exchanges {
                entry.action = Action::None;
            }
        }
        let submitted = lanes.submit(&plan, &desired, 2, Retry::Everything);
        assert!(submitted.outdated.into_iter().eq(flying));
        lanes.idle().await;
        let installs = scene.fake.installs.load(Ordering::SeqCst);
        assert!(installs <= 10, "{installs}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_looked_at_midway_is_looked_at_again() {
    let scene = Scene::new();
    let ids = [id("east/ns/a")];
    let (lanes, mut told) = scene.lanes(limits());
    let (wished, desired) = plan(&scene.fake, &ids, true);
    lanes.submit(&wished, &desired, 1, Retry::Everything);
    assert_eq!(lanes.begin_look().len(), 1);
    // The release was there and the record was not.
    let mut seen = wished.clone();
    seen.exchanges[0].action = Action::Register;
    lanes.idle().await;
    ended(&mut told);
    for begun in [0, 1] {
        lanes.submit(&seen, &desired, 2, Retry::Everything);
        assert_eq!(lanes.in_flight().len(), begun);
        lanes.idle().await;
        assert!(lanes.begin_look().is_empty());
    }
}
