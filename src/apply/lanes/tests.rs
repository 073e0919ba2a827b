use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::apply::effect::{Effect, Reply, Seen};
use crate::apply::order::Leftover;
use crate::exchange::desired::{ChartRef, DesiredExchange, Terms};
use crate::id::ClusterId;
use crate::observe::observed::{ReleaseStatus, SecretIdentity};
use crate::plan::action::{self, ChartChange, Figures, Precondition, StepKind};

/// A secret among the values of every exchange.
const CANARY: &str = "hunter2-word";

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// The process dies before effect number N reaches the world.
    Before(usize),
    /// The process dies after it did, before anybody knows.
    After(usize),
    /// The answer of effect number N is lost, though it happened.
    Lost(usize),
    /// We have a bug there.
    Panics(usize),
}

/// A cluster and a registry with one exchange each by name.
#[derive(Debug, Default)]
struct Fake {
    releases: Mutex<BTreeMap<ExchangeId, (u32, ReleaseStatus)>>,
    records: Mutex<BTreeMap<ExchangeId, usize>>,
    installs: AtomicUsize,
    count: AtomicUsize,
    fault: Mutex<Option<Fault>>,
    crashed: tokio::sync::Notify,
    dead: Mutex<Option<ClusterId>>,
    running: AtomicUsize,
    most: AtomicUsize,
    unready: Mutex<bool>,
    refuse: Mutex<bool>,
    /// Somebody else may start effects, from this many of ours on.
    lease_lost_after: Mutex<Option<usize>>,
}

impl Fake {
    fn act(&self, subject: &Subject, effect: &Effect) -> Reply {
        let id = subject.id.clone();
        let mut releases = lock(&self.releases);
        let mut records = lock(&self.records);
        match effect {
            Effect::Install { .. } | Effect::Upgrade { .. } if *lock(&self.refuse) => {
                let mut why = Why::new(Reason::HelmFailed, format!("no {CANARY} here"));
                why.chain = vec![format!("because of {CANARY}")];
                return Reply::Refused(why);
            }
            Effect::Install { .. } => {
                assert!(!releases.contains_key(&id), "installed twice");
                self.installs.fetch_add(1, Ordering::SeqCst);
                releases.insert(id, (1, ReleaseStatus::Deployed));
            }
            Effect::Upgrade { revision } => {
                releases.insert(id, (*revision, ReleaseStatus::Deployed));
            }
            Effect::Fence | Effect::Inspect => {
                return Reply::Release(
                    releases
                        .get(&id)
                        .map(|&(revision, status)| seen(revision, status)),
                );
            }
            Effect::SaveManifest => return Reply::Saved(Leftover::default()),
            Effect::Uninstall => {
                releases.remove(&id);
            }
            Effect::AwaitGone { .. } if releases.contains_key(&id) => {
                return Reply::NotYet(Why::new(Reason::Terminating, "there"));
            }
            Effect::AwaitReady if *lock(&self.unready) => {
                return Reply::NotYet(Why::new(Reason::RollingOut, "rolling"));
            }
            Effect::WriteRecord => {
                assert!(releases.contains_key(&id), "a record without a release");
                records.insert(id, 1);
            }
            Effect::DeleteRecord => {
                assert!(!releases.contains_key(&id), "a release without its record");
                records.remove(&id);
            }
            Effect::FetchChart
            | Effect::EnsureNamespace
            | Effect::AwaitClear
            | Effect::DryRun
            | Effect::Unlock { .. }
            | Effect::Rollback { .. }
            | Effect::PatchStamp { .. }
            | Effect::RestoreStamp { .. }
            | Effect::AwaitReady
            | Effect::AwaitGone { .. }
            | Effect::DeleteClaims { .. }
            | Effect::MarkDeleting => {}
        }
        Reply::Done
    }
}

fn seen(revision: u32, status: ReleaseStatus) -> Seen {
    Seen {
        secret: secret(revision),
        revision,
        status,
        is_ours: true,
        is_untouched: true,
        is_wanted: true,
        last_deployed: None,
    }
}

fn secret(revision: u32) -> SecretIdentity {
    SecretIdentity {
        name: format!("v{revision}"),
        uid: format!("uid{revision}"),
        resource_version: "1".to_owned(),
        created: None,
    }
}

impl Effects for Fake {
    async fn admit(&self, _subject: &Subject) -> Result<(), Why> {
        let done = self.count.load(Ordering::SeqCst);
        match *lock(&self.lease_lost_after) {
            Some(most) if done >= most => Err(Why::new(Reason::LeaseHeld, "another host")),
            Some(_) | None => Ok(()),
        }
    }

    async fn perform(
        &self,
        subject: &Subject,
        effect: &Effect,
        cancel: &CancellationToken,
    ) -> Reply {
        if lock(&self.dead).as_ref() == Some(&subject.id.cluster) {
            cancel.cancelled().await;
            return Reply::Cancelled;
        }
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let fault = lock(&self.fault).unwrap_or(Fault::None);
        assert!(fault != Fault::Panics(number), "a bug");
        if fault == Fault::Before(number) {
            self.crashed.notify_one();
            std::future::pending::<()>().await;
        }
        if effect.starts_helm() {
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(running, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.running.fetch_sub(1, Ordering::SeqCst);
        }
        let reply = self.act(subject, effect);
        if fault == Fault::After(number) {
            self.crashed.notify_one();
            std::future::pending::<()>().await;
        }
        if fault == Fault::Lost(number) {
            *lock(&self.fault) = None;
            return Reply::Lost(Why::new(Reason::ClusterUnreachable, "lost"));
        }
        reply
    }
}

fn id(text: &str) -> ExchangeId {
    text.parse().unwrap()
}

fn wanted_in<'d>(desired: &'d mut Desired, id: &ExchangeId) -> &'d mut DesiredExchange {
    Arc::make_mut(desired.exchanges.get_mut(id).unwrap())
}

fn wanted(id: &ExchangeId) -> DesiredExchange {
    DesiredExchange {
        id: id.clone(),
        system_id: id.system_id(),
        adopts_record: false,
        name: String::new(),
        file: String::new(),
        line: 1,
        org_ids: vec![],
        metadata: serde_json::Map::new(),
        public_url: None,
        chart: ChartRef {
            name: "nats".to_owned(),
            version: "1.0.0".to_owned(),
        },
        values: serde_json::json!({"config": {"password": CANARY}}),
        provenance: BTreeMap::new(),
        digest: Digest::of(id.to_string().as_bytes()),
        blobs: std::collections::BTreeMap::new(),
        depends_on: vec![],
        terms: Terms::default(),
        secrets: BTreeSet::new(),
        diagnostics: vec![],
    }
}

/// What a planner would want of this world: present or not.
fn plan(fake: &Fake, ids: &[ExchangeId], present: bool) -> (Plan, Desired) {
    let (releases, records) = (lock(&fake.releases), lock(&fake.records));
    let mut plan = Plan::default();
    let mut desired = Desired::default();
    for id in ids {
        let release = releases.get(id);
        let action = match (present, release, records.contains_key(id)) {
            (true, None, _) => Action::Install,
            (true, Some(_), false) => Action::Register,
            (false, Some(_), _) => Action::Uninstall,
            (false, None, true) => Action::Deregister,
            _ => Action::None,
        };
        plan.exchanges.push(PlannedExchange {
            id: Some(id.clone()),
            name: String::new(),
            file: String::new(),
            line: 0,
            action,
            reason: Reason::FileAdded,
            text: String::new(),
            destructive: false,
            effects: vec![],
            effects_from: None,
            figures: Figures::default(),
            steps: vec![],
            chart: ChartChange::default(),
            values: vec![],
            subjects: vec![],
            links: vec![],
            registry: None,
            guard: None,
            diagnostics: vec![],
            precondition: Precondition {
                secret: release.map(|(revision, _)| secret(*revision)),
                revision: release.map(|(revision, _)| *revision),
                record: None,
            },
            fingerprint: String::new(),
        });
        if present {
            desired.exchanges.insert(id.clone(), wanted(id).into());
        }
    }
    (plan, desired)
}

fn limits() -> Limits {
    Limits {
        helms: 2,
        max_restarting: 0,
        halt_after: 0,
        health: Duration::from_secs(60),
    }
}

struct Scene {
    fake: Arc<Fake>,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self {
            fake: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn lanes(&self, limits: Limits) -> (Lanes<Fake>, mpsc::UnboundedReceiver<Progress>) {
        let journal = Arc::new(Journal::open(self.folder.path()).unwrap());
        Lanes::new(
            Arc::clone(&self.fake),
            journal,
            limits,
            CancellationToken::new(),
        )
    }

    /// One process: plans, applies, and dies if a fault says so.
    async fn pass(&self, ids: &[ExchangeId], present: bool) {
        let (lanes, _told) = self.lanes(limits());
        let (plan, desired) = plan(&self.fake, ids, present);
        lanes.submit(&plan, &desired, 1, Retry::Everything);
        tokio::select! {
            () = lanes.idle() => {}
            () = self.fake.crashed.notified() => {}
        }
    }
}

#[rstest::rstest]
#[case::before(Fault::Before)]
#[case::after(Fault::After)]
#[case::lost(Fault::Lost)]
#[tokio::test(start_paused = true)]
async fn a_crash_anywhere_leaves_one_release_and_one_record_then_none(
    #[case] fault: fn(usize) -> Fault,
) {
    let ids = [id("east/ns/a")];
    for present in [true, false] {
        for number in 0..9 {
            let scene = Scene::new();
            if !present {
                scene.pass(&ids, true).await;
                scene.fake.count.store(0, Ordering::SeqCst);
            }
            *lock(&scene.fake.fault) = Some(fault(number));
            scene.pass(&ids, present).await;
            *lock(&scene.fake.fault) = None;
            scene.pass(&ids, present).await;
            let (releases, records) = (lock(&scene.fake.releases), lock(&scene.fake.records));
            let expected = usize::from(present);
            assert_eq!(releases.len(), expected, "{present} {number}");
            assert_eq!(records.len(), expected, "{present} {number}");
            assert_eq!(scene.fake.installs.load(Ordering::SeqCst), 1);
            let journal = Journal::open(scene.folder.path()).unwrap();
            assert!(journal.open_intents().is_empty(), "{present} {number}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_cluster_delays_only_itself_and_helms_are_bounded() {
    let scene = Scene::new();
    *lock(&scene.fake.dead) = Some("west".parse().unwrap());
    let ids: Vec<ExchangeId> = (0..10)
        .flat_map(|number| {
            [
                id(&format!("west/ns/a{number}")),
                id(&format!("east/ns/a{number}")),
            ]
        })
        .collect();
    let (lanes, mut told) = scene.lanes(limits());
    let (plan, desired) = plan(&scene.fake, &ids, true);
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    let mut ended = 0;
    while ended < 10 {
        if let Some(Progress::Ended(outcome)) = told.recv().await {
            assert_eq!(outcome.id.cluster.as_str(), "east");
            assert_eq!(outcome.result, OutcomeResult::Done);
            ended += 1;
        }
    }
    assert_eq!(lanes.in_flight().len(), 10);
    assert_eq!(scene.fake.most.load(Ordering::SeqCst), 2);
}

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
        assert_eq!(lanes.in_flight()[&ids[0]].step, "wait_ready");
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
        if newer {
            assert_eq!(outcome.result, OutcomeResult::Cancelled);
        } else {
            assert_eq!(outcome.why.unwrap().reason, Reason::HealthTimeout);
        }
        assert!(lock(&scene.fake.records).is_empty());
    }
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

fn ended(told: &mut mpsc::UnboundedReceiver<Progress>) -> BTreeMap<ExchangeId, Outcome> {
    let mut ended = BTreeMap::new();
    while let Ok(happened) = told.try_recv() {
        if let Progress::Ended(outcome) = happened {
            ended.insert(outcome.id.clone(), outcome);
        }
    }
    ended
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

#[tokio::test(start_paused = true)]
async fn a_bug_in_one_task_ends_it_and_no_other() {
    let scene = Scene::new();
    *lock(&scene.fake.fault) = Some(Fault::Panics(0));
    let ids = [id("east/ns/a"), id("east/ns/b")];
    let (lanes, mut told) = scene.lanes(limits());
    let (plan, desired) = plan(&scene.fake, &ids, true);
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    lanes.idle().await;
    let results = ended(&mut told).into_values().map(|one| one.result);
    let results: Vec<_> = results.collect();
    assert!(results.contains(&OutcomeResult::Failed) && results.contains(&OutcomeResult::Done));
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

#[tokio::test(start_paused = true)]
async fn failures_halt_the_rest_and_are_remembered() {
    let scene = Scene::new();
    *lock(&scene.fake.refuse) = true;
    let ids: Vec<ExchangeId> = (0..6)
        .map(|number| id(&format!("east/ns/a{number}")))
        .collect();
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
    let held = lanes.submit(&plan, &desired, 2, Retry::Only(&BTreeSet::new()));
    assert_eq!(held.len(), 2, "{held:?}");
    assert!(
        held.values()
            .all(|one| one.result == OutcomeResult::Blocked)
    );
}

#[tokio::test(start_paused = true)]
async fn one_pass_answers_for_every_exchange() {
    let scene = Scene::new();
    let ids = [id("east/ns/a"), id("east/ns/b")];
    let (plan, desired) = plan(&scene.fake, &ids, true);
    let pass = crate::apply::Pass {
        world: Arc::clone(&scene.fake),
        journal: Arc::new(Journal::open(scene.folder.path()).unwrap()),
        limits: limits(),
        number: 1,
    };
    let outcomes =
        crate::apply::apply(&plan, &desired, pass, |_| {}, CancellationToken::new()).await;
    assert_eq!(outcomes.len(), 2);
    let first = serde_json::to_value(&outcomes[&ids[0]]).unwrap();
    assert_eq!(first["result"], "done");
    assert_eq!(first["steps"][4]["step"], "helm_install");
}

#[tokio::test(start_paused = true)]
async fn what_quotes_a_secret_gets_neither_into_the_journal_nor_further() {
    let scene = Scene::new();
    *lock(&scene.fake.refuse) = true;
    let (lanes, mut told) = scene.lanes(limits());
    let (plan, desired) = plan(&scene.fake, &[id("east/ns/a")], true);
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    lanes.idle().await;
    let mut said = String::new();
    while let Ok(progress) = told.try_recv() {
        writeln!(said, "{progress:?}").unwrap();
    }
    for entry in std::fs::read_dir(scene.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        said += &std::fs::read_to_string(path).unwrap_or_default();
    }
    assert!(
        said.contains("no (sensitive #1) here") && !said.contains(CANARY),
        "{said}"
    );
    assert!(said.matches("because of (sensitive").count() >= 2, "{said}");
}

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
