//! Logs: to the journal where systemd started us, else to stderr. Only `run` logs more than warnings unasked.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::Common;

/// Installs the subscriber.
pub(crate) fn start(common: &Common, daemon: bool) {
    let level = match (common.quiet, common.verbose, daemon) {
        (true, _, _) => "error",
        (false, 0, false) => "warn",
        (false, 0, true) | (false, 1, false) => "info",
        (false, 1, true) | (false, 2, _) => "debug",
        (false, _, _) => "trace",
    };
    // What the libraries say is of use from debug on only.
    let filter = std::env::var("NATSX_SYNC_LOG")
        .ok()
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| {
            EnvFilter::new(format!("warn,natsx_sync={level},kube_client=off,tower=off"))
        });
    let registry = tracing_subscriber::registry().with(filter);
    // JOURNAL_STREAM is set by systemd when stderr goes to its journal.
    if std::env::var_os("JOURNAL_STREAM").is_some()
        && let Ok(journal) = tracing_journald::layer()
    {
        registry.with(journal).init();
        return;
    }
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false);
    registry.with(layer).init();
}
