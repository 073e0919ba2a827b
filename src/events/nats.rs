//! To a stream of NATS `JetStream`: an event is taken when the stream says so.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::{Context, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, stream};
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions};
use futures::future::BoxFuture;

use super::{Event, Origin, Sink, SinkError, trust};
use crate::config::events::NatsEvents;
use crate::mask::masked_address;

/// How long connecting, and the stream's answer, may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// A stream made by us tells repeats from news for so long: as long as an outage that nobody has to get up for.
const DUPLICATES: Duration = Duration::from_secs(24 * 3600);

/// A stream made by us keeps events for so long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

const CA_FILE: &str = "events.nats.ca_file";
const CREDENTIALS_FILE: &str = "events.nats.credentials_file";

/// Publishes to a NATS server.
pub struct NatsSink {
    settings: NatsEvents,
    name: String,
    subjects: String,
    connected: Option<Connected>,
}

struct Connected {
    client: Client,
    context: Context,
    complaint: Complaint,
}

/// What the server said last beside its answers: a right that is missing is told in no other way.
type Complaint = Arc<Mutex<Option<String>>>;

impl NatsSink {
    /// Prepares a sink; nothing is connected.
    pub fn new(settings: NatsEvents, origin: &Origin) -> Self {
        Self {
            settings,
            name: format!("natsx-sync {}", origin.instance),
            subjects: format!("{}.>", origin.prefix),
            connected: None,
        }
    }

    async fn publish(&mut self, event: &Event) -> Result<(), SinkError> {
        let connected = match self.connected.take() {
            Some(connected) if connected.is_first() => connected,
            Some(_) | None => self.connect().await?,
        };
        let payload = serde_json::to_vec(&event.json())
            .map_err(|error| SinkError::from("the event cannot be written", error))?;
        let mut message = PublishMessage::build()
            .payload(payload.into())
            .message_id(&event.id)
            .header("Content-Type", "application/cloudevents+json");
        if let Some(stream) = &self.settings.stream {
            message = message.expected_stream(stream);
        }
        let taken = async {
            connected
                .context
                .send_publish(event.subject.clone(), message)
                .await?
                .await
        };
        match taken.await {
            Ok(_) => {
                self.connected = Some(connected);
                Ok(())
            }
            // The connection goes with what waits in it, so that nothing is sent twice behind our back.
            Err(error) if error.kind() == PublishErrorKind::StreamNotFound => {
                Err(SinkError::new(format!(
                    "no stream of {} takes {}: make one for `{}`, or name one in `events.nats.stream`",
                    self.address(),
                    event.subject,
                    self.subjects
                )))
            }
            Err(error) => {
                let text = format!("{} does not take {}", self.address(), event.subject);
                Err(told(&(text + &connected.said()), &error))
            }
        }
    }

    async fn connect(&self) -> Result<Connected, SinkError> {
        let complaint = Complaint::default();
        let options = self.options(&complaint).await?;
        let client = options
            .connect(self.settings.url.as_str())
            .await
            .map_err(|error| self.refused(&error))?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(DEADLINE);
        let connected = Connected {
            client,
            context,
            complaint,
        };
        if let Some(name) = &self.settings.stream {
            let config = stream::Config {
                name: name.clone(),
                subjects: vec![self.subjects.clone()],
                duplicate_window: DUPLICATES,
                max_age: KEPT,
                ..stream::Config::default()
            };
            let made = connected.context.get_or_create_stream(config).await;
            made.map_err(|error| {
                let text = format!("the stream {name} of {} cannot be used", self.address());
                told(&(text + &connected.said()), &error)
            })?;
        }
        Ok(connected)
    }

    /// Files are read for each connection, so that one that was replaced counts from the next on.
    async fn options(&self, complaint: &Complaint) -> Result<ConnectOptions, SinkError> {
        let complaint = Arc::clone(complaint);
        let mut options = ConnectOptions::new()
            .name(&self.name)
            .connection_timeout(DEADLINE)
            // Whoever is named in the settings is told, nobody else, and over TLS where they say so, whatever a server offers.
            .ignore_discovered_servers()
            .require_tls(self.settings.is_secured())
            // What was written for a server that went away dies with the connection and is sent anew.
            .max_reconnects(1)
            .event_callback(move |event| {
                let complaint = Arc::clone(&complaint);
                async move {
                    if let async_nats::Event::ServerError(error) = event {
                        let mut last = complaint.lock().unwrap_or_else(PoisonError::into_inner);
                        *last = Some(error.to_string());
                    }
                }
            });
        if let Some(path) = &self.settings.ca_file {
            let authorities = trust::authorities(CA_FILE, path)?;
            options = options.tls_client_config(trust::trusting(CA_FILE, path, authorities)?);
        }
        if let Some(path) = &self.settings.credentials_file {
            options = credentials(options, path).await.map_err(|error| {
                let text = format!("{CREDENTIALS_FILE} {} cannot be used", path.display());
                SinkError::from(text, error)
            })?;
        }
        Ok(options)
    }

    /// Why there is no connection, and what to do.
    fn refused(&self, error: &ConnectError) -> SinkError {
        let address = self.address();
        let is_about_us = matches!(
            error.kind(),
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication
        );
        let text = match &self.settings.credentials_file {
            Some(path) if is_about_us => format!(
                "{address} does not accept {CREDENTIALS_FILE} {} (expired, revoked, or of another operator); put new ones there",
                path.display()
            ),
            None if is_about_us => {
                format!("{address} wants to know who we are; name a file in {CREDENTIALS_FILE}")
            }
            Some(_) | None => {
                format!(
                    "no connection to {address}{}",
                    trust::advice(CA_FILE, error)
                )
            }
        };
        told(&text, error)
    }

    fn address(&self) -> String {
        masked_address(self.settings.url.as_str())
    }
}

impl Connected {
    /// Whether it is the connection that was asked for. One that was mended behind our back was made with what the files held
    /// before.
    fn is_first(&self) -> bool {
        self.client.connection_state() == State::Connected
            && self.client.statistics().connects.load(Ordering::Relaxed) == 1
    }

    /// What the server said beside its answers.
    fn said(&self) -> String {
        let last = self
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let said = last.as_ref().map(|text| format!(" ({text})"));
        said.unwrap_or_default()
    }
}

/// Errors of the client say what led to them.
fn told(text: &str, error: &dyn std::error::Error) -> SinkError {
    SinkError::new(format!("{text}: {error}"))
}

/// `nsc` ends the file with a line feed, which whoever hands secrets out may take away.
async fn credentials(options: ConnectOptions, path: &Path) -> std::io::Result<ConnectOptions> {
    let text = tokio::fs::read_to_string(path).await?;
    options.credentials(&format!("{text}\n"))
}

impl Sink for NatsSink {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn send<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.publish(event))
    }
}
