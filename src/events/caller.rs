//! Calls to somebody who is told over HTTP. Whoever is named in the settings is told, nobody else.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Certificate, Client, RequestBuilder, Response, redirect, retry};
use url::Url;

use super::{SinkError, trust};
use crate::address::is_loopback;

/// How long connecting may take, and all of it.
const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(15);

/// How the settings are called that errors name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    pub(super) token_file: &'static str,
    pub(super) ca_file: &'static str,
}

/// Calls one host.
#[derive(Debug)]
pub(super) struct Caller {
    keys: Keys,
    client: Option<Client>,
    local: bool,
    host: String,
    token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
}

impl Caller {
    /// Prepares calls to the host of `url`; nothing is read or sent.
    pub(super) fn new(
        keys: Keys,
        url: &Url,
        token_file: Option<PathBuf>,
        ca_file: Option<PathBuf>,
    ) -> Self {
        Self {
            keys,
            client: None,
            local: is_loopback(url),
            host: host(url),
            token_file,
            ca_file,
        }
    }

    /// Host and port; the path of a webhook is often its password.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The token as it is now, if there is to be one.
    pub(super) async fn token(&self) -> Result<Option<String>, SinkError> {
        let Some(path) = &self.token_file else {
            return Ok(None);
        };
        let text = |what: &str| format!("{} {} {what}", self.keys.token_file, path.display());
        let token = tokio::fs::read_to_string(path)
            .await
            .map_err(|error| SinkError::from(text("cannot be read"), error))?;
        match token.trim() {
            "" => Err(SinkError::new(text("is empty"))),
            token => Ok(Some(token.to_owned())),
        }
    }

    /// Posts what `prepare` makes of a request; the answer, whatever it is.
    pub(super) async fn post(
        &mut self,
        url: Url,
        prepare: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, SinkError> {
        let client = match self.client.take() {
            Some(client) => client,
            None => self.client()?,
        };
        let answer = prepare(client.post(url)).send().await.map_err(|error| {
            let advice = trust::advice(self.keys.ca_file, &error);
            let text = format!("no answer from {}{advice}", self.host);
            SinkError::from(text, error.without_url())
        })?;
        // Without an answer the next attempt reads anew whom to trust.
        self.client = Some(client);
        Ok(answer)
    }

    fn client(&self) -> Result<Client, SinkError> {
        let mut builder = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .user_agent(concat!("natsx-sync/", env!("CARGO_PKG_VERSION")));
        if self.local {
            builder = builder.no_proxy();
        }
        let unusable = |error| SinkError::from(format!("no client for {}", self.host), error);
        if let Some(path) = &self.ca_file {
            let authorities = trust::authorities(self.keys.ca_file, path)?;
            let authorities: Result<Vec<_>, _> = authorities
                .iter()
                .map(|authority| Certificate::from_der(authority))
                .collect();
            builder = builder.tls_certs_merge(authorities.map_err(unusable)?);
        }
        builder.build().map_err(unusable)
    }
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
