//! Traces to a collector, by OTLP over HTTP: how long a pass took, what it handed over, and each step of that.

use std::fmt::Display;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::trace::{Status, TracerProvider as _};
use opentelemetry::{KeyValue, StringValue, Value};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Layer as _;
use tracing_subscriber::{Registry, reload};
use url::Url;

use super::Shown;
use crate::address::is_loopback;
use crate::id::Instance;
use crate::mask::masked;

/// How long the end may take for what was not sent yet.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long a collector may take, unless the environment says otherwise; the standard's.
const PATIENCE: Duration = Duration::from_secs(10);

type Exporting = OpenTelemetryLayer<Registry, SdkTracer>;

/// Where spans go: nowhere, until somebody says where.
pub(super) struct Traces {
    layer: reload::Handle<Option<Exporting>, Registry>,
    spans: reload::Handle<Targets, Registry>,
    provider: OnceLock<SdkTracerProvider>,
}

/// A layer that takes no span yet.
pub(super) fn prepare() -> (Shown, Traces) {
    let (layer, exporting) = reload::Layer::new(None);
    let (filter, spans) = reload::Layer::new(Targets::new());
    let traces = Traces {
        layer: exporting,
        spans,
        provider: OnceLock::new(),
    };
    (layer.with_filter(filter).boxed(), traces)
}

impl Traces {
    /// Sends spans there from now on. Fails where that could never work; a collector that is away is no error.
    pub(super) fn begin(&self, collector: &Url, instance: &Instance) -> anyhow::Result<()> {
        let wrong = "`telemetry.otlp` of the settings cannot be used";
        let exporter = exporter(collector).context(wrong)?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(instance))
            .with_batch_exporter(exporter)
            .build();
        let tracer = provider.tracer("natsx-sync");
        let layer = OpenTelemetryLayer::new(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        self.layer.reload(Some(layer)).context(wrong)?;
        // Ours only: what the libraries do is within our steps.
        let ours = Targets::new().with_target("natsx_sync", LevelFilter::INFO);
        self.spans.reload(ours).context(wrong)?;
        self.provider.set(provider).ok();
        Ok(())
    }

    /// Sends what is left, as long as that is quick.
    pub(super) fn end(&self) {
        if let Some(provider) = self.provider.get() {
            // Nobody is left who could be told.
            provider.shutdown_with_timeout(LAST_WORDS).ok();
        }
    }
}

fn exporter(collector: &Url) -> anyhow::Result<Collector> {
    let mut address = collector.clone();
    let base = collector.path().trim_end_matches('/');
    address.set_path(&format!("{base}/v1/traces"));
    let near = is_loopback(collector);
    let built = std::thread::spawn(move || {
        let mut builder = reqwest::blocking::Client::builder()
            .timeout(patience())
            .redirect(reqwest::redirect::Policy::none());
        if near {
            builder = builder.no_proxy();
        }
        builder.build()
    });
    // This client has a runtime of its own, which cannot be made within another.
    let client = built.join().map_err(|_| anyhow::anyhow!("no client"))??;
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(address)
        .with_timeout(patience())
        .build()?;
    Ok(Collector {
        exporter,
        address: collector.to_string(),
        away: AtomicBool::new(false),
    })
}

fn patience() -> Duration {
    let names = [
        opentelemetry_otlp::OTEL_EXPORTER_OTLP_TRACES_TIMEOUT,
        opentelemetry_otlp::OTEL_EXPORTER_OTLP_TIMEOUT,
    ];
    let said = names
        .iter()
        .find_map(|name| std::env::var(name).ok()?.parse().ok());
    said.map_or(PATIENCE, Duration::from_millis)
}

/// Who we are. The environment knows better, as the standard has it.
fn resource(instance: &Instance) -> Resource {
    let ours = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", instance.as_str().to_owned()),
    ];
    let builder = Resource::builder_empty()
        .with_service_name("natsx-sync")
        .with_attributes(ours)
        .with_detector(Box::new(EnvResourceDetector::new()));
    match std::env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => builder.with_service_name(name).build(),
        Ok(_) | Err(_) => builder.build(),
    }
}

/// A collector, which may be away.
#[derive(Debug)]
struct Collector {
    exporter: opentelemetry_otlp::SpanExporter,
    address: String,
    away: AtomicBool,
}

impl SpanExporter for Collector {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.iter_mut().for_each(dress);
        let result = self.exporter.export(batch).await;
        self.tell(result.as_ref().err());
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl Collector {
    /// Says once that it is away, and once that it is back.
    fn tell(&self, error: Option<&impl Display>) {
        let was_away = self.away.swap(error.is_some(), Ordering::Relaxed);
        let collector = &self.address;
        match error {
            Some(error) if !was_away => {
                let text = masked(&error.to_string());
                tracing::warn!(collector, text, "traces are not taken; they are lost");
            }
            None if was_away => tracing::info!(collector, "traces are taken again"),
            Some(_) | None => {}
        }
    }
}

/// Names a step by what it does, marks what has a reason as gone wrong, and hides secrets as the log does.
fn dress(span: &mut SpanData) {
    for attribute in &mut span.attributes {
        hide(attribute);
    }
    for event in &mut span.events.events {
        event.attributes.iter_mut().for_each(hide);
    }
    let text = |key: &str| {
        let mut attributes = span.attributes.iter();
        let found = attributes.find(|attribute| attribute.key.as_str() == key)?;
        Some(found.value.as_str().into_owned())
    };
    let (step, reason) = (text("step"), text("reason"));
    if let Some(step) = step {
        span.name = step.into();
    }
    if let Some(reason) = reason {
        span.status = Status::error(reason);
    }
}

fn hide(attribute: &mut KeyValue) {
    if let Value::String(text) = &attribute.value {
        let shown = masked(text.as_str());
        attribute.value = Value::String(StringValue::from(shown));
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind};
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

    use super::*;

    #[test]
    fn a_step_is_named_by_what_it_does_and_tells_no_secret() {
        let seed = nkeys::KeyPair::new_user().seed().unwrap();
        let words = format!("the server says: {seed} is no user");
        let mut events = SpanEvents::default();
        let told = vec![KeyValue::new("text", words.clone())];
        events
            .events
            .push(Event::new("", SystemTime::now(), told, 0));
        let mut span = SpanData {
            span_context: SpanContext::empty_context(),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: "step".into(),
            start_time: SystemTime::now(),
            end_time: SystemTime::now(),
            attributes: vec![
                KeyValue::new("step", "helm_upgrade"),
                KeyValue::new("reason", "HelmFailed"),
                KeyValue::new("text", words),
            ],
            dropped_attributes_count: 0,
            events,
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        };
        dress(&mut span);
        assert_eq!(span.name, "helm_upgrade");
        assert_eq!(span.status, Status::error("HelmFailed"));
        assert!(!format!("{span:?}").contains(&seed), "{span:?}");
    }
}
