//! A world that does what it is told, and faults where a test wants them.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::apply::effect::{Effect, Reply};
use crate::apply::order::{Leftover, SavedClaim};
use crate::apply::tests::{secret, seen, steps};
use crate::exchange::desired::{ChartRef, Terms};
use crate::id::ClusterId;
use crate::packed::Packed;
use crate::plan::action::{Precondition, StepKind};

/// A secret among the values of every exchange.
pub(super) const CANARY: &str = "hunter2-word";

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
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
pub(super) struct Fake {
    pub(super) releases: Mutex<BTreeMap<ExchangeId, (u32, ReleaseStatus)>>,
    pub(super) records: Mutex<BTreeMap<ExchangeId, usize>>,
    pub(super) claims: Mutex<BTreeSet<String>>,
    /// Volumes go with their exchange.
    pub(super) purge: Mutex<bool>,
    pub(super) installs: AtomicUsize,
    pub(super) count: AtomicUsize,
    pub(super) fault: Mutex<Option<Fault>>,
    pub(super) crashed: tokio::sync::Notify,
    pub(super) dead: Mutex<Option<ClusterId>>,
    pub(super) running: AtomicUsize,
    pub(super) most: AtomicUsize,
    /// Fenced, and their helm has not run.
    pub(super) fenced: Mutex<BTreeSet<ExchangeId>>,
    /// When one ran.
    pub(super) most_fenced: AtomicUsize,
    pub(super) unready: Mutex<bool>,
    pub(super) refuse: Mutex<bool>,
    /// Why; none = helm does.
    pub(super) refusal: Mutex<Option<Reason>>,
    /// Nobody can ask until then whether servers are well.
    pub(super) out_of_reach: Mutex<Option<tokio::time::Instant>>,
    /// Nobody can read releases until then.
    pub(super) unread: Mutex<Option<tokio::time::Instant>>,
    /// There is no helm.
    pub(super) helmless: Mutex<bool>,
    /// Why no chart can be had.
    pub(super) chartless: Mutex<Option<Reason>>,
    /// Somebody else may start effects, from this many of ours on.
    pub(super) lease_lost_after: Mutex<Option<usize>>,
}

impl Fake {
    fn is_out_of_reach(&self) -> bool {
        is_to_come(&self.out_of_reach)
    }

    fn act(&self, subject: &Subject, effect: &Effect) -> Reply {
        let id = subject.id.clone();
        let mut releases = lock(&self.releases);
        let mut records = lock(&self.records);
        let mut fenced = lock(&self.fenced);
        if *effect == Effect::Fence {
            fenced.insert(id.clone());
        } else if effect.starts_helm() {
            self.most_fenced.fetch_max(fenced.len(), Ordering::SeqCst);
            fenced.remove(&id);
        } else if !effect.leads_to_helm() {
            fenced.remove(&id);
        }
        match effect {
            Effect::FetchChart if lock(&self.chartless).is_some() => {
                let reason = lock(&self.chartless).unwrap_or(Reason::ChartUnavailable);
                return Reply::Blocked(Why::new(reason, "not there"));
            }
            Effect::Install { .. } | Effect::Upgrade { .. } if *lock(&self.refuse) => {
                let reason = lock(&self.refusal).unwrap_or(Reason::HelmFailed);
                let mut why = Why::new(reason, format!("no {CANARY} here"));
                why.chain = vec![format!("because of {CANARY}")];
                return Reply::Refused(why);
            }
            Effect::Install { .. } => {
                assert!(!releases.contains_key(&id), "installed twice");
                self.installs.fetch_add(1, Ordering::SeqCst);
                lock(&self.claims).insert(id.to_string());
                releases.insert(id, (1, ReleaseStatus::Deployed));
            }
            Effect::Upgrade { revision } => {
                releases.insert(id, (*revision, ReleaseStatus::Deployed));
            }
            Effect::Fence if is_to_come(&self.unread) => {
                return Reply::Lost(Why::new(Reason::ClusterUnreachable, "no answer"));
            }
            Effect::Fence | Effect::Inspect => {
                return Reply::Release(
                    releases
                        .get(&id)
                        .map(|&(revision, status)| seen(revision, status)),
                );
            }
            Effect::SaveManifest => {
                let purge = subject.purges();
                let claim = SavedClaim {
                    name: id.to_string(),
                    uid: String::new(),
                };
                return Reply::Saved(Leftover {
                    objects: Vec::new(),
                    claims: purge.then_some(claim).into_iter().collect(),
                });
            }
            Effect::DeleteClaims { claims } => {
                assert!(!releases.contains_key(&id), "a release without its volumes");
                for claim in claims {
                    lock(&self.claims).remove(&claim.name);
                }
            }
            Effect::Uninstall => {
                releases.remove(&id);
            }
            Effect::AwaitGone { .. } if releases.contains_key(&id) => {
                return Reply::NotYet(Why::new(Reason::Terminating, "there"));
            }
            Effect::AwaitReady if self.is_out_of_reach() => {
                return Reply::Lost(Why::new(Reason::ClusterUnreachable, "no answer"));
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
            | Effect::PatchObjects
            | Effect::PatchStamp { .. }
            | Effect::RestoreStamp { .. }
            | Effect::AwaitReady
            | Effect::AwaitGone { .. }
            | Effect::MarkDeleting => {}
        }
        Reply::Done
    }
}

fn is_to_come(until: &Mutex<Option<tokio::time::Instant>>) -> bool {
    lock(until).is_some_and(|until| tokio::time::Instant::now() < until)
}

impl Effects for Fake {
    async fn admit(&self, _subject: &Subject) -> Result<(), Why> {
        let done = self.count.load(Ordering::SeqCst);
        match *lock(&self.lease_lost_after) {
            Some(most) if done >= most => Err(Why::new(Reason::LeaseHeld, "another host")),
            Some(_) | None => Ok(()),
        }
    }

    fn at_hand(&self, effect: &Effect) -> Result<(), Why> {
        if effect.is_helm_write() && *lock(&self.helmless) {
            return Err(Why::new(Reason::HelmMissing, "no helm"));
        }
        Ok(())
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

pub(super) fn id(text: &str) -> ExchangeId {
    text.parse().unwrap()
}

/// So many of one cluster.
pub(super) fn many(count: usize) -> Vec<ExchangeId> {
    let ids = (0..count).map(|number| id(&format!("east/ns/a{number}")));
    ids.collect()
}

/// So many, each in a cluster of its own.
pub(super) fn far_apart(count: usize) -> Vec<ExchangeId> {
    let ids = (0..count).map(|number| id(&format!("c{number}/ns/a")));
    ids.collect()
}

pub(super) fn wanted_in<'d>(desired: &'d mut Desired, id: &ExchangeId) -> &'d mut DesiredExchange {
    Arc::make_mut(desired.exchanges.get_mut(id).unwrap())
}

pub(super) fn wanted(id: &ExchangeId) -> DesiredExchange {
    DesiredExchange {
        id: id.clone(),
        system_id: id.system_id(),
        adopts_record: false,
        name: String::new(),
        file: String::new(),
        line: 1,
        org_ids: vec![],
        metadata: Packed::default(),
        public_url: None,
        chart: ChartRef {
            name: "nats".to_owned(),
            version: "1.0.0".to_owned(),
        },
        values: Packed::of(&serde_json::json!({"config": {"password": CANARY}})),
        provenance: Packed::default(),
        digest: Digest::of(id.to_string().as_bytes()),
        blobs: Packed::default(),
        depends_on: vec![],
        terms: Terms::default(),
        drift_ignore: Vec::new(),
        secrets: BTreeSet::new(),
        diagnostics: vec![],
    }
}

/// What a planner would want of this world: present or not.
pub(super) fn plan(fake: &Fake, ids: &[ExchangeId], present: bool) -> (Plan, Desired) {
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
        let mut steps = steps(action);
        let removes = matches!(action, Action::Uninstall | Action::Deregister);
        if removes && *lock(&fake.purge) {
            steps.insert(steps.len() - 1, StepKind::DeleteVolumes);
        }
        plan.exchanges.push(PlannedExchange {
            steps,
            precondition: Precondition {
                secret: release.map(|(revision, _)| secret(*revision)),
                revision: release.map(|(revision, _)| *revision),
                record: None,
            },
            ..PlannedExchange::undeclared(Some(id.clone()), action, Reason::FileAdded, "")
        });
        if present {
            desired.exchanges.insert(id.clone(), wanted(id).into());
        }
    }
    (plan, desired)
}

pub(super) fn limits() -> Limits {
    Limits {
        helms: 2,
        max_restarting: 0,
        halt_after: 0,
        health: Duration::from_secs(60),
    }
}

pub(super) struct Scene {
    pub(super) fake: Arc<Fake>,
    pub(super) folder: tempfile::TempDir,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self {
            fake: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn lanes(&self, limits: Limits) -> (Lanes<Fake>, mpsc::UnboundedReceiver<Progress>) {
        let journal = Arc::new(Journal::open(self.folder.path(), "test").unwrap());
        Lanes::new(
            Arc::clone(&self.fake),
            journal,
            limits,
            CancellationToken::new(),
        )
    }

    /// One process: plans, applies, and dies if a fault says so.
    pub(super) async fn pass(&self, ids: &[ExchangeId], present: bool) {
        let (lanes, _told) = self.lanes(limits());
        let (plan, desired) = plan(&self.fake, ids, present);
        lanes.submit(&plan, &desired, 1, Retry::Everything);
        tokio::select! {
            () = lanes.idle() => {}
            () = self.fake.crashed.notified() => {}
        }
    }
}

pub(super) fn ended(told: &mut mpsc::UnboundedReceiver<Progress>) -> BTreeMap<ExchangeId, Outcome> {
    let mut ended = BTreeMap::new();
    while let Ok(happened) = told.try_recv() {
        if let Progress::Ended(outcome) = happened {
            ended.insert(outcome.id.clone(), outcome);
        }
    }
    ended
}
