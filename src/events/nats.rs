//! To a stream of NATS `JetStream`: an event is taken when the stream says so.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::{Context, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, stream};
use async_nats::{Client, ConnectOptions};
use futures::future::BoxFuture;

use super::{Event, Origin, Sink, SinkError};
use crate::config::events::NatsEvents;
use crate::mask::masked_address;

/// How long connecting, and the stream's answer, may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// A stream made by us tells repeats from news for so long: as long as an outage that nobody has to get up for.
const DUPLICATES: Duration = Duration::from_secs(24 * 3600);

/// A stream made by us keeps events for so long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Publishes to a NATS server.
pub struct NatsSink {
    settings: NatsEvents,
    name: String,
    subjects: String,
    connected: Option<(Client, Context)>,
}

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
        let (client, context) = match self.connected.take() {
            Some((client, context)) if client.connection_state() == State::Connected => {
                (client, context)
            }
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
            context
                .send_publish(event.subject.clone(), message)
                .await?
                .await
        };
        match taken.await {
            Ok(_) => {
                self.connected = Some((client, context));
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
                Err(SinkError::from(text, error))
            }
        }
    }

    async fn connect(&self) -> Result<(Client, Context), SinkError> {
        let failed = |error: async_nats::ConnectError| {
            SinkError::from(format!("no connection to {}", self.address()), error)
        };
        let options = self.options().await?;
        let client = options
            .connect(self.settings.url.as_str())
            .await
            .map_err(failed)?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(DEADLINE);
        if let Some(name) = &self.settings.stream {
            let config = stream::Config {
                name: name.clone(),
                subjects: vec![self.subjects.clone()],
                duplicate_window: DUPLICATES,
                max_age: KEPT,
                ..stream::Config::default()
            };
            let made = context.get_or_create_stream(config).await;
            made.map_err(|error| {
                let text = format!("the stream {name} of {} cannot be used", self.address());
                SinkError::from(text, error)
            })?;
        }
        Ok((client, context))
    }

    async fn options(&self) -> Result<ConnectOptions, SinkError> {
        let mut options = ConnectOptions::new()
            .name(&self.name)
            .connection_timeout(DEADLINE)
            // What was written for a server that went away dies with the connection and is sent anew.
            .max_reconnects(1);
        if let Some(path) = &self.settings.ca_file {
            options = options.add_root_certificates(path.clone());
        }
        if let Some(path) = &self.settings.credentials_file {
            options = options.credentials_file(path).await.map_err(|error| {
                let text = format!(
                    "events.nats.credentials_file {} cannot be used",
                    path.display()
                );
                SinkError::from(text, error)
            })?;
        }
        Ok(options)
    }

    fn address(&self) -> String {
        masked_address(self.settings.url.as_str())
    }
}

impl Sink for NatsSink {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn send<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.publish(event))
    }
}
