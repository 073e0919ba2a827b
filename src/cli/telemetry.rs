//! Logs: to the journal where systemd started us, else to stderr. Only `run` logs more than warnings unasked.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::cli::Common;
use crate::config::settings::LogLevel;

/// The subscriber, whose level can be changed.
pub(crate) struct Telemetry {
    filter: reload::Handle<EnvFilter, Registry>,
    /// What options or environment say, which settings do not beat.
    asked: Option<String>,
    own: LogLevel,
}

/// Installs the subscriber.
pub(crate) fn start(common: &Common, daemon: bool) -> Telemetry {
    let own = if daemon {
        LogLevel::Info
    } else {
        LogLevel::Warn
    };
    let asked = std::env::var("NATSX_SYNC_LOG")
        .ok()
        .filter(|text| EnvFilter::try_new(text).is_ok())
        .or_else(|| options(common, daemon).map(directives));
    let first = asked.clone().unwrap_or_else(|| directives(own));
    let (filter, handle) = reload::Layer::new(EnvFilter::new(first));
    let registry = tracing_subscriber::registry().with(filter);
    // JOURNAL_STREAM is set by systemd when stderr goes to its journal.
    if std::env::var_os("JOURNAL_STREAM").is_some()
        && let Ok(journal) = tracing_journald::layer()
    {
        registry.with(journal).init();
    } else {
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_target(false)
            .with_ansi(false);
        registry.with(layer).init();
    }
    Telemetry {
        filter: handle,
        asked,
        own,
    }
}

impl Telemetry {
    /// The level of the settings, where nobody asked for another.
    pub(crate) fn set_level(&self, level: Option<LogLevel>) {
        if self.asked.is_none() {
            let filter = EnvFilter::new(directives(level.unwrap_or(self.own)));
            // The subscriber lives as long as the process.
            self.filter.reload(filter).ok();
        }
    }
}

fn options(common: &Common, daemon: bool) -> Option<LogLevel> {
    match (common.quiet, common.verbose, daemon) {
        (true, _, _) => Some(LogLevel::Error),
        (false, 0, _) => None,
        (false, 1, false) => Some(LogLevel::Info),
        (false, 1, true) | (false, 2, _) => Some(LogLevel::Debug),
        (false, _, _) => Some(LogLevel::Trace),
    }
}

/// What the libraries say is of use from debug on only; what is wrong with a cluster or a server is told by us, and once.
fn directives(level: LogLevel) -> String {
    let level = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    let quiet = [
        "kube_client",
        "tower",
        "async_nats",
        "rustls_platform_verifier",
    ];
    let quiet = quiet.map(|library| format!("{library}=off")).join(",");
    format!("warn,natsx_sync={level},{quiet}")
}
