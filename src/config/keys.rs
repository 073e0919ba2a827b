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
    }
}

/// All keys but `clusters`, which is a map and lives in the file (or comes from `--kubeconfig`).
pub const KEYS: &[Key] = &[
    key(
        "source.url",
        "The watched repository: https, ssh, or a path to a repository or a plain folder",
    ),
    key(
        "source.branch",
        "Its branch; the repository's own head when absent",
    ),
    key("source.path", "The folder of exchange files"),
    key(
        "source.interval",
        "How often the repository is looked at, with jitter",
    ),
    key("source.username", "User for https"),
    key(
        "source.password_file",
        "File with the password or token for https",
    ),
    key("source.ssh_key_file", "Private key for ssh"),
    key("source.known_hosts_file", "Pinned host keys for ssh"),
    key(
        "source.ca_file",
        "Certificates trusted for https beside the system's",
    ),
    key("source.git", "The git program, for fetching"),
    key("instance", "Which natsx-sync owns a release"),
    key(
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
    key(
        "chart.ca_file",
        "Certificates trusted for the chart repository beside the system's",
    ),
    key("policy.prune", "Remove what is no longer declared"),
    key(
        "policy.max_delete",
        "Largest share of a cluster's exchanges removed without approval",
    ),
    key(
        "policy.max_restarting",
        "Exchanges of one cluster that may restart at once; 0 = no limit",
    ),
    key(
        "policy.halt_after",
        "Failures of one reason after which the rest is held; 0 = never",
    ),
    Key {
        path: "policy.allow_values",
        text: "Privileged values that exchange files may use",
        list: true,
    },
    key(
        "helm.path",
        "The helm program, 3 (from 3.20.2) or 4 (from 4.1.4, not 4.2.1)",
    ),
    key(
        "helm.concurrency",
        "How many helms run at once: `auto` (number of cores) or a number",
    ),
    key("helm.timeout", "How long one helm operation may take"),
    key(
        "health.timeout",
        "How long an exchange may take to become healthy after a change",
    ),
    key("health.interval", "How often a healthy exchange is asked"),
    key(
        "health.budget",
        "Health questions a second over all clusters",
    ),
    key("events.nats", "NATS server for events (not acted on yet)"),
    key(
        "events.subject",
        "First tokens of event subjects (not acted on yet)",
    ),
    key(
        "listen.status",
        "Address of the status endpoint (not acted on yet)",
    ),
    key(
        "listen.registry",
        "Address of the embedded registry; a default port that is taken: the next free one",
    ),
    key(
        "state",
        "The state folder; $STATE_DIRECTORY, else /var/lib/natsx-sync if it exists, else the user's",
    ),
];
