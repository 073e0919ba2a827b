//! To a webhook: the `CloudEvent` as the body of a POST; an event is taken when the answer is a success.

use std::time::Duration;

use futures::future::BoxFuture;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Certificate, Client, redirect, retry};
use url::Url;

use super::{Event, Sink, SinkError, trust};
use crate::config::events::WebhookEvents;
use crate::registry::is_loopback;

/// How long connecting may take, and all of it.
const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(15);

const CA_FILE: &str = "events.webhook.ca_file";

/// Posts to an address.
#[derive(Debug)]
pub struct WebhookSink {
    settings: WebhookEvents,
    client: Option<Client>,
    host: String,
}

impl WebhookSink {
    /// Prepares a sink; nothing is read or sent.
    pub fn new(settings: WebhookEvents) -> Self {
        let host = host(&settings.url);
        Self {
            settings,
            client: None,
            host,
        }
    }

    async fn post(&mut self, event: &Event) -> Result<(), SinkError> {
        let client = match self.client.take() {
            Some(client) => client,
            None => self.client()?,
        };
        let mut request = client
            .post(self.settings.url.clone())
            .body(event.json().to_string())
            .header(CONTENT_TYPE, "application/cloudevents+json; charset=UTF-8");
        if let Some(path) = &self.settings.token_file {
            let token = tokio::fs::read_to_string(path).await.map_err(|error| {
                let text = format!(
                    "events.webhook.token_file {} cannot be read",
                    path.display()
                );
                SinkError::from(text, error)
            })?;
            request = request.bearer_auth(token.trim());
        }
        // Neither the address nor the answer is shown: both may hold what lets somebody in.
        let answer = request.send().await.map_err(|error| {
            let text = format!(
                "no answer from {}{}",
                self.host,
                trust::advice(CA_FILE, &error)
            );
            SinkError::from(text, error.without_url())
        })?;
        // Without an answer the next attempt reads anew whom to trust.
        self.client = Some(client);
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(SinkError::new(format!("{} answers {status}", self.host)))
    }

    fn client(&self) -> Result<Client, SinkError> {
        let mut builder = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            // Whoever is named in the settings is told, nobody else.
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .user_agent(concat!("natsx-sync/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&self.settings.url) {
            builder = builder.no_proxy();
        }
        let unusable = |error| SinkError::from("no client for events.webhook", error);
        if let Some(path) = &self.settings.ca_file {
            let authorities = trust::authorities(CA_FILE, path)?;
            let authorities: Result<Vec<_>, _> = authorities
                .iter()
                .map(|authority| Certificate::from_der(authority))
                .collect();
            builder = builder.tls_certs_merge(authorities.map_err(unusable)?);
        }
        builder.build().map_err(unusable)
    }
}

impl Sink for WebhookSink {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn send<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.post(event))
    }
}

/// Host and port; the path of a webhook is often its password.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
