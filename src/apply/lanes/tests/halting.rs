//! What one failure means for the rest.

use super::*;
use crate::plan::action::{self, StepKind};
use crate::state::journal::deeds;

#[tokio::test(start_paused = true)]
async fn a_bug_in_one_task_ends_it_and_no_other() {
    let scene = Scene::new();
    *lock(&scene.fake.fault) = Some(Fault::Panics(0));
    let ids = [id("east/ns/a"), id("east/ns/b")];
    let (lanes, mut told) = scene.lanes(limits());
    let (plan, desired) = plan(&scene.fake, &ids, true);
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    lanes.idle().await;
    let ended = ended(&mut told).into_values();
    let results: Vec<_> = ended
        .map(|one| (one.result, one.why.map(|why| why.reason)))
        .collect();
    assert!(results.contains(&(OutcomeResult::Failed, Some(Reason::Bug))));
    assert!(results.contains(&(OutcomeResult::Done, None)));
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_again_and_again_halts_no_other() {
    let scene = Scene::new();
    *lock(&scene.fake.refuse) = true;
    let ids = [id("east/ns/a"), id("east/ns/b")];
    let strict = Limits {
        halt_after: 2,
        ..limits()
    };
    let (lanes, mut told) = scene.lanes(strict);
    let (alone, desired) = plan(&scene.fake, &ids[..1], true);
    for pass in 1..4 {
        lanes.submit(&alone, &desired, pass, Retry::Everything);
        lanes.idle().await;
    }
    *lock(&scene.fake.refuse) = false;
    let (both, desired) = plan(&scene.fake, &ids, true);
    lanes.submit(&both, &desired, 4, Retry::Only(&BTreeSet::new()));
    lanes.idle().await;
    assert_eq!(ended(&mut told)[&ids[1]].result, OutcomeResult::Done);
}

/// They all passed the look at failures before the first of them failed.
#[tokio::test(start_paused = true)]
async fn failures_halt_what_waits_for_a_helm() {
    let scene = Scene::new();
    *lock(&scene.fake.refuse) = true;
    let ids = many(30);
    let (plan, desired) = plan(&scene.fake, &ids, true);
    let strict = Limits {
        halt_after: 2,
        ..limits()
    };
    let (lanes, mut told) = scene.lanes(strict);
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    lanes.idle().await;
    let ended = ended(&mut told);
    let of = |reason| {
        let ended = ended.values();
        ended.filter(move |one| one.why.as_ref().is_some_and(|why| why.reason == reason))
    };
    let held = of(Reason::HaltedByFailures);
    assert!(held.clone().all(|one| one.result == OutcomeResult::Blocked));
    // Two had failed, and no more were ready than there are places.
    assert!(held.count() >= 25, "{ended:#?}");
}

#[tokio::test(start_paused = true)]
async fn failures_halt_the_rest_and_are_remembered() {
    let scene = Scene::new();
    *lock(&scene.fake.refuse) = true;
    let ids = many(6);
    let (plan, desired) = plan(&scene.fake, &ids, true);
    let strict = Limits {
        halt_after: 2,
        max_restarting: 1,
        ..limits()
    };
    let (lanes, mut told) = scene.lanes(strict);
    let mut slow = plan.clone();
    for entry in &mut slow.exchanges {
        entry.effects = vec![action::Effect::RestartsPods];
        entry.steps = vec![StepKind::HelmInstall];
    }
    lanes.submit(&slow, &desired, 1, Retry::Everything);
    lanes.idle().await;
    let mut reasons = Vec::new();
    while let Ok(happened) = told.try_recv() {
        if let Progress::Ended(outcome) = happened {
            reasons.push(outcome.why.unwrap().reason);
        }
    }
    let halted = reasons
        .iter()
        .filter(|one| **one == Reason::HaltedByFailures);
    assert_eq!(halted.count(), 4, "{reasons:?}");
    drop(lanes);

    let (lanes, _told) = scene.lanes(limits());
    let held = lanes
        .submit(&plan, &desired, 2, Retry::Only(&BTreeSet::new()))
        .held;
    assert_eq!(held.len(), 2, "{held:?}");
    let failed = |one: &Outcome| one.result == OutcomeResult::Failed;
    assert!(held.values().all(failed), "{held:?}");
}

/// It is tried in each pass, and its history is not one line longer for that, also across restarts.
#[tokio::test(start_paused = true)]
async fn what_is_held_back_before_its_first_effect_is_written_once() {
    let scene = Scene::new();
    let ids = [id("east/ns/a")];
    let told = || {
        let deeds = deeds(&Journal::entries(scene.folder.path()).unwrap());
        let each = deeds.into_iter();
        each.map(|deed| (deed.result, deed.reason.unwrap()))
            .collect::<Vec<_>>()
    };
    let blocked = |reason: &str| ("blocked", reason.to_owned());
    *lock(&scene.fake.chartless) = Some(Reason::ChartUnavailable);
    let unavailable = blocked("ChartUnavailable");
    for _ in 0..3 {
        scene.pass(&ids, true).await;
        assert_eq!(told(), std::slice::from_ref(&unavailable));
    }
    *lock(&scene.fake.chartless) = Some(Reason::ChartDigestChanged);
    for _ in 0..2 {
        scene.pass(&ids, true).await;
        let changed = blocked("ChartDigestChanged");
        assert_eq!(told(), [unavailable.clone(), changed]);
    }
    *lock(&scene.fake.chartless) = None;
    *lock(&scene.fake.helmless) = true;
    scene.pass(&ids, true).await;
    assert_eq!(told().last(), Some(&blocked("HelmMissing")));
    let entries = Journal::entries(scene.folder.path()).unwrap();
    let helms = entries.iter().filter(|entry| entry.step == "helm_install");
    assert_eq!(helms.count(), 0, "what was not begun");
    *lock(&scene.fake.helmless) = false;
    scene.pass(&ids, true).await;
    assert_eq!(told().last().unwrap().0, "done");
    let journal = Journal::open(scene.folder.path(), "test").unwrap();
    assert_eq!(journal.memory(&ids[0]).held_back, None);
}
