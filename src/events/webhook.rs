//! To a webhook: the `CloudEvent` as the body of a POST; an event is taken when the answer is a success.

use futures::future::BoxFuture;
use reqwest::header::CONTENT_TYPE;
use url::Url;

use super::caller::{Caller, Keys};
use super::{Event, Sink, SinkError};
use crate::config::events::WebhookEvents;

const KEYS: Keys = Keys {
    token_file: "events.webhook.token_file",
    ca_file: "events.webhook.ca_file",
};

/// Posts to an address.
#[derive(Debug)]
pub struct WebhookSink {
    url: Url,
    caller: Caller,
}

impl WebhookSink {
    /// Prepares a sink; nothing is read or sent.
    pub fn new(settings: WebhookEvents) -> Self {
        let caller = Caller::new(KEYS, &settings.url, settings.token_file, settings.ca_file);
        Self {
            url: settings.url,
            caller,
        }
    }

    async fn post(&mut self, event: &Event) -> Result<(), SinkError> {
        let token = self.caller.token().await?;
        let answer = self.caller.post(self.url.clone(), |request| {
            let request = request
                .body(event.json().to_string())
                .header(CONTENT_TYPE, "application/cloudevents+json; charset=UTF-8");
            match &token {
                Some(token) => request.bearer_auth(token),
                None => request,
            }
        });
        // Neither the address nor the answer is shown: both may hold what lets somebody in.
        let status = answer.await?.status();
        if status.is_success() {
            return Ok(());
        }
        let host = self.caller.host();
        Err(SinkError::new(format!("{host} answers {status}")))
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
