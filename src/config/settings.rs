//! The settings as a typed value. Every key has a default; unknown keys are errors.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::config::events::EventSettings;
use crate::config::units;
use crate::exchange::Severities;
use crate::id::{ClusterId, Instance, Namespace};

/// All settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The watched repository.
    pub source: SourceSettings,
    /// The inventory.
    pub clusters: BTreeMap<ClusterId, ClusterSettings>,
    /// Which natsx-sync this is.
    pub instance: Instance,
    /// Where exchanges are registered.
    pub registry: RegistrySettings,
    /// The chart exchanges are made from.
    pub chart: ChartSettings,
    /// What is allowed.
    pub policy: PolicySettings,
    /// The helm program.
    pub helm: HelmSettings,
    /// The nats-server program.
    pub nats_server: NatsServerSettings,
    /// When an exchange counts as healthy.
    pub health: HealthSettings,
    /// When single objects are compared with their release.
    pub drift: DriftSettings,
    /// Where events go.
    pub events: EventSettings,
    /// Where the daemon listens.
    pub listen: ListenSettings,
    /// Who may tell the daemon that something was pushed.
    pub webhook: WebhookSettings,
    /// What is logged.
    pub log: LogSettings,
    /// What else is told of how it goes.
    pub telemetry: TelemetrySettings,
    /// The state folder; none = chosen at start.
    pub state: Option<PathBuf>,
    /// For what is written anew after each start; none = chosen at start, or there is no such folder.
    pub runtime: Option<PathBuf>,
}

impl Settings {
    /// What says what is declared, without a program, a kubeconfig or a file that logs in.
    #[must_use]
    pub fn only_to_read(self) -> Self {
        let SourceSettings {
            url, branch, path, ..
        } = self.source;
        let unreachable = |(id, cluster)| {
            let kubeconfig = PathBuf::new();
            let cluster = ClusterSettings {
                kubeconfig,
                ..cluster
            };
            (id, cluster)
        };
        Self {
            source: SourceSettings {
                url,
                branch,
                path,
                ..SourceSettings::default()
            },
            clusters: self.clusters.into_iter().map(unreachable).collect(),
            chart: ChartSettings {
                repository: self.chart.repository,
                name: self.chart.name,
                version: self.chart.version,
                ..ChartSettings::default()
            },
            policy: self.policy,
            state: self.state,
            ..Self::default()
        }
    }
}

/// The watched repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// https, ssh, or a path to a repository or plain folder.
    pub url: Option<String>,
    /// Its branch; none = the repository's own head.
    pub branch: Option<String>,
    /// The folder of exchange files.
    pub path: String,
    /// How often it is looked at.
    #[serde(with = "units::duration")]
    pub interval: Duration,
    /// For https.
    pub username: Option<String>,
    /// For https.
    pub password_file: Option<PathBuf>,
    /// For ssh.
    pub ssh_key_file: Option<PathBuf>,
    /// Pinned host keys for ssh.
    pub known_hosts_file: Option<PathBuf>,
    /// Trusted for https beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The git program.
    pub git: PathBuf,
}

impl Default for SourceSettings {
    fn default() -> Self {
        Self {
            url: None,
            branch: None,
            path: "exchanges".to_owned(),
            interval: Duration::from_secs(60),
            username: None,
            password_file: None,
            ssh_key_file: None,
            known_hosts_file: None,
            ca_file: None,
            git: "git".into(),
        }
    }
}

/// A cluster of the inventory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSettings {
    /// How to reach it.
    pub kubeconfig: PathBuf,
    /// Which context of the file.
    pub context: Option<String>,
    /// For selectors.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Host of public URLs.
    pub host: Option<String>,
    /// Limits observation and effects.
    pub namespaces: Option<BTreeSet<Namespace>>,
}

/// Where exchanges are registered: `embedded`, or an address.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "RegistryForm", into = "RegistryForm")]
pub enum RegistrySettings {
    /// Our own, inside the daemon.
    #[default]
    Embedded,
    /// A server of the same contract.
    Remote(RemoteRegistry),
}

/// A registry server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteRegistry {
    /// Its base address.
    pub url: Url,
    /// Bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Trusted beside the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum RegistryForm {
    Word(String),
    Remote(RemoteRegistry),
}

impl TryFrom<RegistryForm> for RegistrySettings {
    type Error = String;
    fn try_from(form: RegistryForm) -> Result<Self, String> {
        match form {
            RegistryForm::Word(word) if word == "embedded" => Ok(Self::Embedded),
            RegistryForm::Word(word) => match Url::parse(&word) {
                Ok(url) => Ok(Self::Remote(RemoteRegistry {
                    url,
                    token_file: None,
                    ca_file: None,
                })),
                Err(_) => Err(format!(
                    "registry {word:?} is neither `embedded` nor an address"
                )),
            },
            RegistryForm::Remote(remote) => Ok(Self::Remote(remote)),
        }
    }
}

impl From<RegistrySettings> for RegistryForm {
    fn from(settings: RegistrySettings) -> Self {
        match settings {
            RegistrySettings::Embedded => Self::Word("embedded".to_owned()),
            RegistrySettings::Remote(remote) => Self::Remote(remote),
        }
    }
}

/// The chart exchanges are made from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChartSettings {
    /// https or oci, or a folder or archive of this host.
    pub repository: String,
    /// Its name.
    pub name: String,
    /// Of exchanges that name none.
    pub version: String,
    /// `sha256:…` of the archive of `version`.
    pub digest: Option<String>,
    /// For https and oci.
    pub username: Option<String>,
    /// For https and oci.
    pub password_file: Option<PathBuf>,
    /// Trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for ChartSettings {
    fn default() -> Self {
        Self {
            repository: "https://nats-io.github.io/k8s/helm/charts/".to_owned(),
            name: "nats".to_owned(),
            version: "2.14.2".to_owned(),
            digest: None,
            username: None,
            password_file: None,
            ca_file: None,
        }
    }
}

/// What is allowed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySettings {
    /// Remove what is no longer declared.
    pub prune: bool,
    /// Largest share of a cluster's exchanges removed unasked.
    #[serde(with = "units::percent")]
    pub max_delete: u32,
    /// Exchanges of one cluster that may restart at once; 0 = no limit.
    pub max_restarting: usize,
    /// Failures of one reason before the rest is held; 0 = never.
    pub halt_after: usize,
    /// Privileged values let through.
    pub allow_values: Vec<String>,
    /// How bad lints are taken.
    pub severity: Severities,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            prune: true,
            max_delete: 30,
            max_restarting: 1,
            halt_after: 3,
            allow_values: Vec::new(),
            severity: Severities::default(),
        }
    }
}

/// The helm program.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HelmSettings {
    /// Name or path; looked up once, at start.
    pub path: String,
    /// How many run at once.
    pub concurrency: Concurrency,
    /// Of one operation.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
}

impl Default for HelmSettings {
    fn default() -> Self {
        Self {
            path: "helm".to_owned(),
            concurrency: Concurrency::Auto,
            timeout: Duration::from_secs(300),
        }
    }
}

/// The nats-server program that tests configurations; nothing is tested without one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NatsServerSettings {
    /// Name or path; looked up once, at start.
    pub path: String,
}

impl Default for NatsServerSettings {
    fn default() -> Self {
        Self {
            path: "nats-server".to_owned(),
        }
    }
}

/// `auto` (number of cores) or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ConcurrencyForm", into = "ConcurrencyForm")]
pub enum Concurrency {
    /// Number of cores: more helms than cores add latency, not throughput (local-fleet 6).
    Auto,
    /// Exactly so many.
    Exactly(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ConcurrencyForm {
    Number(usize),
    Word(String),
}

impl TryFrom<ConcurrencyForm> for Concurrency {
    type Error = String;
    fn try_from(form: ConcurrencyForm) -> Result<Self, String> {
        match form {
            ConcurrencyForm::Number(0) => {
                Err("concurrency must be at least 1, or `auto`".to_owned())
            }
            ConcurrencyForm::Number(number) => Ok(Self::Exactly(number)),
            ConcurrencyForm::Word(word) if word == "auto" => Ok(Self::Auto),
            ConcurrencyForm::Word(word) => Err(format!("{word:?} is neither `auto` nor a number")),
        }
    }
}

impl From<Concurrency> for ConcurrencyForm {
    fn from(concurrency: Concurrency) -> Self {
        match concurrency {
            Concurrency::Auto => Self::Word("auto".to_owned()),
            Concurrency::Exactly(number) => Self::Number(number),
        }
    }
}

impl Concurrency {
    /// The number meant.
    pub fn resolve(self) -> usize {
        match self {
            Self::Auto => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            Self::Exactly(number) => number,
        }
    }
}

/// When an exchange counts as healthy.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthSettings {
    /// How long after a change.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// How often it is asked when idle.
    #[serde(with = "units::duration")]
    pub interval: Duration,
    /// Questions a second over all clusters.
    #[serde(with = "units::rate")]
    pub budget: u32,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(15 * 60),
            interval: Duration::from_secs(60),
            budget: 5,
        }
    }
}

/// When single objects are compared with their release.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DriftSettings {
    /// How often those of an exchange that wants it are.
    #[serde(with = "units::duration")]
    pub interval: Duration,
}

impl Default for DriftSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5 * 60),
        }
    }
}

/// What is logged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// How much; none = `info` for the daemon, else `warn`.
    pub level: Option<LogLevel>,
    /// In which form; the daemon's.
    pub format: LogFormat,
}

/// What else is told of how it goes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySettings {
    /// A collector of traces; only in a build with the feature `otel`.
    pub otlp: Option<Url>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What went wrong.
    Error,
    /// What may go wrong.
    Warn,
    /// What is done.
    Info,
    /// Each step.
    Debug,
    /// Everything.
    Trace,
}

/// For whom is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// People; where systemd's journal takes it, with priorities.
    #[default]
    Text,
    /// Programs: an object a line, and nothing else.
    Json,
}

/// Where the daemon listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenSettings {
    /// Status and metrics.
    pub status: SocketAddr,
    /// The embedded registry.
    pub registry: SocketAddr,
    /// The webhook, if there is one.
    pub webhook: SocketAddr,
}

/// Who may tell the daemon that something was pushed; nobody unless a secret is set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSettings {
    /// What deliveries are signed with, a secret a line.
    pub secret_file: Option<PathBuf>,
    /// Names under which what stands before us asks.
    pub hosts: Vec<String>,
}

/// The default port of the embedded registry is the original's.
pub const REGISTRY_PORT: u16 = 8000;

impl Default for ListenSettings {
    fn default() -> Self {
        Self {
            status: ([127, 0, 0, 1], 9464).into(),
            registry: ([127, 0, 0, 1], REGISTRY_PORT).into(),
            webhook: ([127, 0, 0, 1], 9465).into(),
        }
    }
}
