//! Every setting that has a name of its own: what it is for and its environment variable. The reference, `config` and
//! the environment layer all read this table, so none of them can forget a key.

/// A key of the settings.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As in the file.
    pub path: &'static str,
    /// For people.
    pub text: &'static str,
    /// Its value is a list (comma-separated in the environment).
    pub list: bool,
    /// Looked at when the daemon starts and not again.
    pub at_start: bool,
}

impl Key {
    /// `NATSX_SYNC_` and the path in capitals.
    pub fn variable(&self) -> String {
        format!("NATSX_SYNC_{}", self.path.replace('.', "_").to_uppercase())
    }
}

const fn key(path: &'static str, text: &'static str) -> Key {
    Key {
        path,
        text,
        list: false,
        at_start: false,
    }
}

const fn at_start(path: &'static str, text: &'static str) -> Key {
    Key {
        at_start: true,
        ..key(path, text)
    }
}

/// All keys but `clusters`, which is a map and lives in the file (or comes from `--kubeconfig`).
pub const KEYS: &[Key] = &[
    at_start(
        "source.url",
        "The watched repository: https, ssh, or a path to a repository or a plain folder",
    ),
    at_start(
        "source.branch",
        "Its branch; the repository's own head when absent",
    ),
    at_start("source.path", "The folder of exchange files"),
    key(
        "source.interval",
        "How often the repository is looked at, with jitter",
    ),
    at_start("source.username", "User for https"),
    at_start(
        "source.password_file",
        "File with the password or token for https",
    ),
    at_start("source.ssh_key_file", "Private key for ssh"),
    at_start("source.known_hosts_file", "Pinned host keys for ssh"),
    at_start(
        "source.ca_file",
        "Certificates trusted for https beside the system's",
    ),
    at_start("source.git", "The git program, for fetching"),
    at_start("instance", "Which natsx-sync owns a release"),
    at_start(
        "registry",
        "`embedded`, or {url, token_file, ca_file} (in the environment: an address)",
    ),
    key(
        "chart.repository",
        "Where the chart comes from: https, oci, or a folder or archive on this host",
    ),
    key("chart.name", "Name of the chart"),
    key(
        "chart.version",
        "Exact version for exchanges that name none",
    ),
    key("chart.digest", "sha256:… pins the archive of that version"),
    key("chart.username", "Login of the chart repository"),
    key(
        "chart.password_file",
        "File with the password of the chart repository; read anew for each fetch",
    ),
    key(
        "chart.ca_file",
        "Certificates trusted for the chart repository beside the system's",
    ),
    key("policy.prune", "Remove what is no longer declared"),
    key(
        "policy.max_delete",
        "Largest share of a cluster's exchanges removed without approval, where it has five or more and more than one goes; 0% holds each removal",
    ),
    key(
        "policy.max_restarting",
        "Exchanges of one cluster that may restart at once; 0 = no limit",
    ),
    key(
        "policy.halt_after",
        "Exchanges that fail for one reason, outages aside, after which what was not tried yet is held; 0 = never",
    ),
    Key {
        path: "policy.allow_values",
        text: "Privileged values that exchange files may use",
        list: true,
        at_start: false,
    },
    key(
        "policy.severity",
        "How bad lints are taken: a map of REASON to `error`, `warning` or `off` (in the environment: REASON=off,REASON=error); `explain` says which are lints",
    ),
    at_start(
        "helm.path",
        "The helm program, 3 (from 3.20.2) or 4 (from 4.1.4, not 4.2.1)",
    ),
    key(
        "helm.concurrency",
        "How many helms run at once: `auto` (number of cores) or a number",
    ),
    key("helm.timeout", "How long one helm operation may take"),
    at_start(
        "nats_server.path",
        "The nats-server program that tests configurations, if there is one of the servers' minor version",
    ),
    key(
        "health.timeout",
        "How long an exchange may take to become healthy after a change",
    ),
    key("health.interval", "How often a healthy exchange is asked"),
    key(
        "health.budget",
        "Health questions a second over all clusters",
    ),
    key(
        "drift.interval",
        "How often single objects are compared with their release, where an exchange has `sync_mode: continuous_with_drift_detection`",
    ),
    at_start(
        "events.nats",
        "NATS server with JetStream for events: an address, or {url, credentials_file, ca_file, stream} (in the environment: an address)",
    ),
    at_start(
        "events.webhook",
        "Address events are posted to, or {url, token_file, ca_file} (in the environment: an address)",
    ),
    at_start(
        "events.commit_status",
        "The forge that is told what became of a commit: a file with its token, or {forge, repository, token_file, url, ca_file, name} (in the environment: the file)",
    ),
    at_start("events.subject", "First tokens of event subjects"),
    at_start(
        "events.backlog",
        "How much of the journal may wait for a place that takes no events; then the oldest events are dropped, and counted",
    ),
    at_start(
        "listen.status",
        "Address of /healthz, /readyz, /metrics and /status; a default port that is taken: the next free one",
    ),
    at_start(
        "listen.registry",
        "Address of the embedded registry; a default port that is taken: the next free one",
    ),
    at_start(
        "listen.webhook",
        "Address of the webhook (`POST /hook`), exactly this port; nothing listens there unless `webhook.secret_file` is set",
    ),
    at_start(
        "webhook.secret_file",
        "File with the secrets that pushes are signed with (or GitLab's token), one a line; read for each delivery",
    ),
    Key {
        path: "webhook.hosts",
        text: "Names under which the webhook is asked beside localhost, as by a proxy in front of it",
        list: true,
        at_start: true,
    },
    key(
        "log.level",
        "error, warn, info, debug or trace; -v, -q and $NATSX_SYNC_LOG beat it; the daemon's own is info",
    ),
    at_start(
        "log.format",
        "What the daemon writes: `text` for people, or `json`: an object a line on stderr, and nothing else",
    ),
    at_start(
        "telemetry.otlp",
        "Address of an OpenTelemetry collector that takes traces by OTLP over HTTP, such as http://127.0.0.1:4318; only in a build with the feature `otel`",
    ),
    at_start(
        "state",
        "The state folder; $STATE_DIRECTORY, else /var/lib/natsx-sync if it exists, else the user's",
    ),
    at_start(
        "runtime",
        "Where helm keeps what it learned of a cluster's API, best in memory; $RUNTIME_DIRECTORY, else natsx-sync in $XDG_RUNTIME_DIR, else in the state folder",
    ),
];
