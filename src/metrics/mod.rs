//! What the daemon counts. The names are a contract (docs/metrics.md): more may come, none is renamed.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::apply::{Outcome, OutcomeResult};
use crate::id::ClusterId;
use crate::plan::action::Action;
use crate::reason::Reason;
use crate::status::Phase;

type One<V> = [(&'static str, V); 1];
type Two = [(&'static str, &'static str); 2];
type Seconds = Gauge<f64, AtomicU64>;

/// Passes read git and ask clusters: a fraction of a second to a deadline or two.
const PASS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// A helm takes about a second; one that waits for a slow cluster, minutes.
const HELM: [f64; 9] = [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 300.0];

/// Somebody else changed something.
const DRIFT: [Reason; 4] = [
    Reason::ChangedByOthers,
    Reason::ObjectsDrifted,
    Reason::RecordDiffers,
    Reason::RecordMissing,
];

/// Who is told.
pub const SINKS: [&str; 3] = ["nats", "webhook", "commit_status"];

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passes: Family<One<&'static str>, Counter>,
    pass_duration: Histogram,
    last_complete_pass: Seconds,
    exchanges: Family<One<&'static str>, Gauge>,
    actions: Family<Two, Counter>,
    helm_duration: Family<One<&'static str>, Histogram, fn() -> Histogram>,
    cluster_reachable: Family<One<String>, Gauge>,
    kubeconfig_refused: Family<One<String>, Gauge>,
    registry_reachable: Gauge,
    drift_repaired: Family<One<&'static str>, Counter>,
    queue: Family<One<String>, Gauge>,
    settings_refused: Gauge,
    deliveries: Family<One<&'static str>, Counter>,
    events_sent: Family<One<&'static str>, Counter>,
    events_dropped: Family<One<&'static str>, Counter>,
    events_backlog: Family<One<&'static str>, Gauge>,
    events_refused: Family<One<&'static str>, Gauge>,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("natsx_sync");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", build);
        let metrics = Self {
            passes: Family::default(),
            pass_duration: Histogram::new(PASS),
            last_complete_pass: Seconds::default(),
            exchanges: Family::default(),
            actions: Family::default(),
            helm_duration: Family::new_with_constructor(|| Histogram::new(HELM)),
            cluster_reachable: Family::default(),
            kubeconfig_refused: Family::default(),
            registry_reachable: Gauge::default(),
            drift_repaired: Family::default(),
            queue: Family::default(),
            settings_refused: Gauge::default(),
            deliveries: Family::default(),
            events_sent: Family::default(),
            events_dropped: Family::default(),
            events_backlog: Family::default(),
            events_refused: Family::default(),
            registry: Registry::default(),
        };
        metrics.register(&mut registry);
        metrics.begin();
        Self {
            registry,
            ..metrics
        }
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "passes",
            "Passes by result: complete, incomplete (something could not be read) or failed",
            self.passes.clone(),
        );
        registry.register(
            "pass_duration_seconds",
            "How long a pass took",
            self.pass_duration.clone(),
        );
        registry.register(
            "last_complete_pass_timestamp_seconds",
            "When the last pass that could read everything ended; 0 before the first",
            self.last_complete_pass.clone(),
        );
        registry.register("exchanges", "Exchanges by phase", self.exchanges.clone());
        registry.register(
            "actions",
            "Actions that ended, by action and result; what is held back by the same in each pass counts once",
            self.actions.clone(),
        );
        registry.register(
            "helm_duration_seconds",
            "How long a helm ran, by what it did",
            self.helm_duration.clone(),
        );
        registry.register(
            "cluster_reachable",
            "1 when the last pass could read the cluster",
            self.cluster_reachable.clone(),
        );
        registry.register(
            "kubeconfig_refused",
            "1 while a kubeconfig that was written anew or removed is not in force",
            self.kubeconfig_refused.clone(),
        );
        registry.register(
            "registry_reachable",
            "1 when the last pass could read the registry",
            self.registry_reachable.clone(),
        );
        registry.register(
            "drift_repaired",
            "Exchanges put back to what git says, by reason",
            self.drift_repaired.clone(),
        );
        registry.register(
            "queue",
            "Exchanges in flight that wait for their turn or for health, by cluster",
            self.queue.clone(),
        );
        registry.register(
            "settings_refused",
            "1 while settings that were read again are not in force",
            self.settings_refused.clone(),
        );
        registry.register(
            "webhook_deliveries",
            "Deliveries to the webhook: taken, repeated, refused (not vouched for, or cut off), limited (too many) or failed (no secret)",
            self.deliveries.clone(),
        );
        registry.register(
            "events_sent",
            "Events that were sent and taken, by sink",
            self.events_sent.clone(),
        );
        registry.register(
            "events_dropped",
            "Events a sink is never told, because too many waited",
            self.events_dropped.clone(),
        );
        registry.register(
            "events_backlog_bytes",
            "Bytes of the journal a sink has still to be told of",
            self.events_backlog.clone(),
        );
        registry.register(
            "events_refused",
            "1 while a sink takes no events",
            self.events_refused.clone(),
        );
    }

    /// Everything that can be counted stands at 0 from the start: what appears later looks like no increase at all.
    fn begin(&self) {
        for result in ["complete", "incomplete", "failed"] {
            drop(self.passes.get_or_create(&[("result", result)]));
        }
        for action in Action::ALL.into_iter().filter(|action| action.is_change()) {
            for result in OutcomeResult::ALL {
                let labels = [("action", action.word()), ("result", result.word())];
                drop(self.actions.get_or_create(&labels));
            }
        }
        for verb in ["dry_run", "install", "upgrade", "rollback", "uninstall"] {
            drop(self.helm_duration.get_or_create(&[("verb", verb)]));
        }
        for reason in DRIFT {
            drop(
                self.drift_repaired
                    .get_or_create(&[("reason", reason.name())]),
            );
        }
        for result in ["taken", "repeated", "refused", "limited", "failed"] {
            drop(self.deliveries.get_or_create(&[("result", result)]));
        }
        for sink in SINKS {
            let label = [("sink", sink)];
            drop(self.events_sent.get_or_create(&label));
            drop(self.events_dropped.get_or_create(&label));
            drop(self.events_backlog.get_or_create(&label));
            drop(self.events_refused.get_or_create(&label));
        }
        self.exchanges(std::iter::empty());
    }

    /// A pass ended: complete or not, or not made at all.
    pub fn pass(&self, complete: Option<bool>, seconds: f64, now: f64) {
        let result = match complete {
            Some(true) => "complete",
            Some(false) => "incomplete",
            None => "failed",
        };
        self.passes.get_or_create(&[("result", result)]).inc();
        self.pass_duration.observe(seconds);
        if complete == Some(true) {
            self.last_complete_pass.set(now);
        }
    }

    /// What the last pass could read.
    pub fn reachable<'a>(
        &self,
        clusters: impl Iterator<Item = (&'a ClusterId, bool)>,
        registry: bool,
    ) {
        self.cluster_reachable.clear();
        for (id, reachable) in clusters {
            let label = [("cluster", id.to_string())];
            self.cluster_reachable
                .get_or_create(&label)
                .set(reachable.into());
        }
        self.registry_reachable.set(registry.into());
    }

    /// All clusters, and whether what their kubeconfig says now was refused.
    pub fn kubeconfigs<'a>(&self, clusters: impl Iterator<Item = (&'a ClusterId, bool)>) {
        self.kubeconfig_refused.clear();
        for (id, refused) in clusters {
            let label = [("cluster", id.to_string())];
            let gauge = self.kubeconfig_refused.get_or_create(&label);
            gauge.set(refused.into());
        }
    }

    /// How many exchanges are in each phase.
    pub fn exchanges(&self, phases: impl Iterator<Item = Phase>) {
        let mut counts = [0; Phase::ALL.len()];
        for phase in phases {
            if let Some(count) = counts.get_mut(phase as usize) {
                *count += 1;
            }
        }
        for (phase, count) in Phase::ALL.iter().zip(counts) {
            let label = [("phase", phase.word())];
            self.exchanges.get_or_create(&label).set(count);
        }
    }

    /// All clusters, and those of what waits.
    pub fn queue<'a>(
        &self,
        all: impl Iterator<Item = &'a ClusterId>,
        waiting: impl Iterator<Item = &'a ClusterId>,
    ) {
        self.queue.clear();
        for cluster in all {
            drop(
                self.queue
                    .get_or_create(&[("cluster", cluster.to_string())]),
            );
        }
        for cluster in waiting {
            let label = [("cluster", cluster.to_string())];
            self.queue.get_or_create(&label).inc();
        }
    }

    /// Something ended.
    pub fn ended(&self, outcome: &Outcome) {
        let labels = [
            ("action", outcome.action.word()),
            ("result", outcome.result.word()),
        ];
        self.actions.get_or_create(&labels).inc();
        if let Some(reason) = repaired(outcome) {
            let label = [("reason", reason.name())];
            self.drift_repaired.get_or_create(&label).inc();
        }
    }

    /// A helm ended.
    pub fn helm(&self, step: &'static str, seconds: f64) {
        let verb = step.strip_prefix("helm_").unwrap_or(step);
        let label = [("verb", verb)];
        self.helm_duration.get_or_create(&label).observe(seconds);
    }

    /// Whether settings that were read again were refused.
    pub fn settings(&self, refused: bool) {
        self.settings_refused.set(refused.into());
    }

    /// Something was delivered to the webhook.
    pub fn delivery(&self, result: &'static str) {
        self.deliveries.get_or_create(&[("result", result)]).inc();
    }

    /// A sink took an event.
    pub fn event_sent(&self, sink: &'static str) {
        self.events_sent.get_or_create(&[("sink", sink)]).inc();
    }

    /// So many events are not told to a sink.
    pub fn events_dropped(&self, sink: &'static str, count: u64) {
        let label = [("sink", sink)];
        self.events_dropped.get_or_create(&label).inc_by(count);
    }

    /// So much waits for a sink.
    pub fn events_backlog(&self, sink: &'static str, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.events_backlog
            .get_or_create(&[("sink", sink)])
            .set(bytes);
    }

    /// Whether a sink takes nothing.
    pub fn events_refused(&self, sink: &'static str, refused: bool) {
        let label = [("sink", sink)];
        self.events_refused
            .get_or_create(&label)
            .set(refused.into());
    }

    /// All of it, as `OpenMetrics` text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        encode(&mut text, &self.registry).ok();
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The reason, if somebody else had changed what is now put back.
fn repaired(outcome: &Outcome) -> Option<Reason> {
    let reason = outcome.planned?;
    (DRIFT.contains(&reason) && outcome.result == OutcomeResult::Done).then_some(reason)
}
