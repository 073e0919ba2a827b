//! What a newer plan ends, and what it lets go on.

use super::*;

/// Twenty that are there.
async fn released(scene: &Scene, ids: &[ExchangeId]) {
    scene.pass(ids, true).await;
    assert_eq!(lock(&scene.fake.releases).len(), ids.len());
}

async fn until_one_ended(told: &mut mpsc::UnboundedReceiver<Progress>) {
    while !matches!(told.recv().await.unwrap(), Progress::Ended(..)) {}
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
    let ids = [id("east/ns/a")];
    released(&scene, &ids).await;
    let (removal, _) = plan(&scene.fake, &ids, false);
    let (stays, desired) = plan(&scene.fake, &ids, true);
    let (lanes, mut told) = scene.lanes(limits());
    lanes.submit(&removal, &Desired::default(), 1, Retry::Everything);
    let marks = Progress::Step(ids[0].clone(), "mark_deleting");
    while told.recv().await.unwrap() != marks {}
    lanes.submit(&stays, &desired, 2, Retry::Everything);
    lanes.idle().await;
    let outcome = ended(&mut told).remove(&ids[0]).unwrap();
    assert_eq!(outcome.result, OutcomeResult::Cancelled, "{outcome:#?}");
    assert_eq!(lock(&scene.fake.releases).len(), 1);
}

/// helm was not to be stopped, but what it left is still there for the next install.
#[tokio::test(start_paused = true)]
async fn volumes_of_what_was_taken_back_stay() {
    let scene = Scene::new();
    *lock(&scene.fake.purge) = true;
    let ids = [id("east/ns/a")];
    released(&scene, &ids).await;
    let (removal, _) = plan(&scene.fake, &ids, false);
    let (stays, desired) = plan(&scene.fake, &ids, true);
    let (lanes, mut told) = scene.lanes(limits());
    lanes.submit(&removal, &Desired::default(), 1, Retry::Everything);
    let goes = Progress::Step(ids[0].clone(), "helm_uninstall");
    while told.recv().await.unwrap() != goes {}
    // In the middle of it.
    tokio::time::sleep(Duration::from_millis(10)).await;
    lanes.submit(&stays, &desired, 2, Retry::Everything);
    lanes.idle().await;
    let outcome = ended(&mut told).remove(&ids[0]).unwrap();
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
