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
    let (both, desired) = plan(&scene.fake, &ids, true);
    let mut alone = both.clone();
    alone.exchanges.truncate(1);
    for pass in 1..4 {
        lanes.submit(&alone, &desired, pass, Retry::Everything);
        lanes.idle().await;
    }
    *lock(&scene.fake.refuse) = false;
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

/// Two of three failed, for this reason; the third was not wanted yet, and nobody is refused any more.
async fn two_failed(scene: &Scene, reason: Reason) -> Halted {
    *lock(&scene.fake.refuse) = true;
    *lock(&scene.fake.refusal) = Some(reason);
    let ids = many(3);
    let (plan, desired) = plan(&scene.fake, &ids, true);
    let strict = Limits {
        halt_after: 2,
        ..limits()
    };
    let (lanes, mut told) = scene.lanes(strict);
    let mut before = plan.clone();
    before.exchanges.truncate(2);
    lanes.submit(&before, &desired, 1, Retry::Everything);
    lanes.idle().await;
    assert_eq!(ended(&mut told).len(), 2);
    *lock(&scene.fake.refuse) = false;
    Halted {
        lanes,
        told,
        ids,
        plan,
        desired,
    }
}

struct Halted {
    lanes: Lanes<Fake>,
    told: mpsc::UnboundedReceiver<Progress>,
    ids: Vec<ExchangeId>,
    plan: Plan,
    desired: Desired,
}

impl Halted {
    /// A pass, in which it is time to try these again: whether the third is held, and what ended.
    async fn pass(&mut self, due: &[&ExchangeId]) -> (bool, BTreeMap<ExchangeId, Outcome>) {
        let due = due.iter().copied().cloned().collect();
        let (plan, desired) = (&self.plan, &self.desired);
        let submitted = self.lanes.submit(plan, desired, 2, Retry::Only(&due));
        self.lanes.idle().await;
        let ended = ended(&mut self.told);
        let third = &self.ids[2];
        let outcome = submitted.held.get(third).or_else(|| ended.get(third));
        let why = outcome.and_then(|outcome| outcome.why.as_ref());
        let is_held = why.is_some_and(|why| why.reason == Reason::HaltedByFailures);
        (is_held, ended)
    }
}

#[rstest::rstest]
#[case(Reason::HelmFailed, true)]
#[case(Reason::HealthTimeout, true)]
#[case(Reason::Bug, true)]
#[case(Reason::ClusterUnreachable, false)]
#[case(Reason::RegistryRefused, true)]
#[case(Reason::RegistryUnreadable, false)]
#[case(Reason::StateUnusable, false)]
#[case(Reason::ReleaseAppeared, false)]
#[tokio::test(start_paused = true)]
async fn what_lies_around_a_change_holds_nobody(#[case] reason: Reason, #[case] holds: bool) {
    let scene = Scene::new();
    let mut halted = two_failed(&scene, reason).await;
    let (is_held, ended) = halted.pass(&[]).await;
    assert_eq!(is_held, holds);
    // What is held is not told again in each pass.
    assert_eq!(ended.len(), usize::from(!holds), "{ended:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_halt_ends_by_itself_when_what_failed_works() {
    let scene = Scene::new();
    let mut halted = two_failed(&scene, Reason::HelmFailed).await;
    let first = halted.ids[0].clone();
    *lock(&scene.fake.refusal) = Some(Reason::ClusterUnreachable);
    for refuse in [true, false] {
        *lock(&scene.fake.refuse) = refuse;
        let (is_held, ended) = halted.pass(&[&first]).await;
        assert!(is_held, "refused: {refuse}");
        let result = if refuse {
            OutcomeResult::Failed
        } else {
            OutcomeResult::Done
        };
        assert_eq!(ended[&first].result, result, "{ended:#?}");
    }
    assert!(!halted.pass(&[]).await.0);
}

/// Each of them would wait for the other.
#[tokio::test(start_paused = true)]
async fn two_halts_do_not_hold_each_other() {
    let scene = Scene::new();
    let mut halted = two_failed(&scene, Reason::HelmFailed).await;
    let (a, b) = (halted.ids[0].clone(), halted.ids[1].clone());
    let strict = Limits {
        halt_after: 1,
        ..limits()
    };
    halted.lanes.set_limits(strict);
    *lock(&scene.fake.refuse) = true;
    *lock(&scene.fake.refusal) = Some(Reason::HealthTimeout);
    halted.pass(&[&a]).await;
    *lock(&scene.fake.refuse) = false;
    let (is_held, ended) = halted.pass(&[&a, &b]).await;
    assert!(is_held);
    let mut results = [&a, &b].map(|id| ended[id].result).into_iter();
    assert!(results.all(|result| result == OutcomeResult::Done));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_to_be_done_any_more_holds_nobody() {
    for (action, holds) in [
        (Action::None, false),
        (Action::Blocked, false),
        (Action::Unreadable, true),
    ] {
        let scene = Scene::new();
        let mut halted = two_failed(&scene, Reason::HelmFailed).await;
        halted.plan.exchanges[0].action = action;
        assert_eq!(halted.pass(&[]).await.0, holds, "{action:?}");
    }
}

/// A plain folder has no next commit.
#[tokio::test(start_paused = true)]
async fn without_commits_a_halt_ends_when_something_else_is_wanted() {
    let scene = Scene::new();
    let mut halted = two_failed(&scene, Reason::HelmFailed).await;
    assert!(halted.pass(&[]).await.0);
    let second = halted.ids[1].clone();
    wanted_in(&mut halted.desired, &second).digest = Digest::of(b"mended");
    assert!(!halted.pass(&[]).await.0);
}

/// A host that began in 2036 waits until then, across restarts.
#[tokio::test(start_paused = true)]
async fn a_pause_written_by_a_wrong_clock_is_over() {
    let scene = Scene::new();
    let mut halted = two_failed(&scene, Reason::HelmFailed).await;
    let first = halted.ids[0].clone();
    let journal = Arc::clone(&halted.lanes.shared.journal);
    for (hours, is_tried) in [(1, false), (2, true)] {
        let mut refused = journal.memory(&first).refused.unwrap();
        let pause = jiff::SignedDuration::from_hours(hours);
        refused.until = Some(Timestamp::now() + pause);
        let line = Line {
            pass: 1,
            commit: None,
            id: Some(first.clone()),
            step: "finished".to_owned(),
            phase: Phase::Failed,
            detail: serde_json::json!(refused),
        };
        journal.append(line).unwrap();
        let (_, ended) = halted.pass(&[]).await;
        assert_eq!(ended.contains_key(&first), is_tried, "{hours} h");
    }
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
