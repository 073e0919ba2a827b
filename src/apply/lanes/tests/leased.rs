//! Another host of the same instance works in the cluster.

use super::*;

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_while_another_host_holds_the_lease() {
    let scene = Scene::new();
    *lock(&scene.fake.lease_lost_after) = Some(0);
    let ids = [id("c/n/a")];
    let (plan, desired) = plan(&scene.fake, &ids, true);
    let (lanes, _told) = scene.lanes(limits());
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let waiting = lanes.in_flight()[&ids[0]].waiting.clone();
    assert_eq!(waiting.unwrap().reason, Reason::LeaseHeld);
    assert_eq!(scene.fake.count.load(Ordering::SeqCst), 0);
    *lock(&scene.fake.lease_lost_after) = None;
    lanes.idle().await;
    assert_eq!(scene.fake.installs.load(Ordering::SeqCst), 1);
    assert!(lock(&scene.fake.records).contains_key(&ids[0]));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_ends_a_task_before_its_next_effect() {
    let ids = [id("c/n/a")];
    for most in 1..=6 {
        let scene = Scene::new();
        *lock(&scene.fake.lease_lost_after) = Some(most);
        let (plan, desired) = plan(&scene.fake, &ids, true);
        let (lanes, mut told) = scene.lanes(limits());
        lanes.submit(&plan, &desired, 1, Retry::Everything);
        lanes.idle().await;
        let outcome = loop {
            if let Progress::Ended(outcome) = told.recv().await.unwrap() {
                break outcome;
            }
        };
        assert_eq!(
            outcome.result,
            OutcomeResult::Blocked,
            "{most}: {outcome:?}"
        );
        assert_eq!(outcome.why.unwrap().reason, Reason::LeaseHeld);
        assert!(lock(&scene.fake.records).is_empty(), "{most}");
        let left = lanes.shared.journal.memory(&ids[0]).open;
        assert!(left.is_none(), "nothing is left begun: {most} {left:?}");
    }
}
