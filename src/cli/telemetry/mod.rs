//! Logs: to stderr, for the journal where systemd started us, or for programs. Only `run` logs more than warnings unasked. Traces go to a
//! collector, in a build that can.

mod journal;
#[cfg(feature = "otel")]
mod traces;

use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

use self::journal::Lines;
use crate::cli::Common;
use crate::config::Settings;
use crate::config::settings::{LogFormat, LogLevel};

/// Somebody who is shown what goes on, each with a filter of their own.
type Shown = Box<dyn Layer<Registry> + Send + Sync>;

/// The subscriber, whose level can be changed.
pub(crate) struct Telemetry {
    filter: reload::Handle<EnvFilter, Registry>,
    lines: reload::Handle<Shown, Registry>,
    /// What options or environment say, which settings do not beat.
    asked: Option<String>,
    own: LogLevel,
    #[cfg(feature = "otel")]
    traces: traces::Traces,
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
    #[cfg(feature = "otel")]
    let (exporting, traces) = traces::prepare();
    let (log, lines) = reload::Layer::new(log(LogFormat::Text));
    let shown = [
        log.with_filter(filter).boxed(),
        #[cfg(feature = "otel")]
        exporting,
    ];
    tracing_subscriber::registry().with(Vec::from(shown)).init();
    Telemetry {
        filter: handle,
        lines,
        asked,
        own,
        #[cfg(feature = "otel")]
        traces,
    }
}

fn log(format: LogFormat) -> Shown {
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false);
    match format {
        LogFormat::Json => log
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .boxed(),
        LogFormat::Text if journal::is_stderr() => log.event_format(Lines::new()).boxed(),
        LogFormat::Text => log.with_target(false).boxed(),
    }
}

impl Telemetry {
    /// The form of the settings. To be said before anything is traced: a span keeps what it says in the form it began with.
    pub(crate) fn set_format(&self, format: LogFormat) {
        if format != LogFormat::Text {
            // The subscriber lives as long as the process.
            self.lines.reload(log(format)).ok();
        }
    }

    /// The level of the settings, where nobody asked for another.
    pub(crate) fn set_level(&self, level: Option<LogLevel>) {
        if self.asked.is_none() {
            let filter = EnvFilter::new(directives(level.unwrap_or(self.own)));
            // The subscriber lives as long as the process.
            self.filter.reload(filter).ok();
        }
    }
}

#[cfg(feature = "otel")]
impl Telemetry {
    /// Sends traces where the settings say.
    pub(crate) fn trace(&self, settings: &Settings) -> anyhow::Result<()> {
        match &settings.telemetry.otlp {
            Some(collector) => self.traces.begin(collector, &settings.instance),
            None => Ok(()),
        }
    }

    /// Sends what is left; a matter of seconds at most.
    pub(crate) fn end(&self) {
        self.traces.end();
    }
}

#[cfg(not(feature = "otel"))]
#[expect(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "in this build there is nothing to do"
)]
impl Telemetry {
    /// There are no traces in this build; settings that want them were refused.
    pub(crate) fn trace(&self, _settings: &Settings) -> anyhow::Result<()> {
        Ok(())
    }

    /// There is nothing left to send.
    pub(crate) fn end(&self) {}
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
