//! One request and what its answer proves.

use std::error::Error;
use std::path::PathBuf;

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use reqwest::{Method, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Semaphore;
use url::Url;

use super::error::LIST;
use super::row::{self, Rows};
use super::trusting::Trusting;
use super::{Pace, RegistryAccess, RegistryError};
use crate::address::is_loopback;
use crate::id::SystemId;

/// The original takes no more than a handful of connections well, and reads must not starve behind writes.
const SLOTS: usize = 8;
/// Some 500,000 records: far above any fleet, far below what would endanger the daemon.
const LONGEST_ANSWER: usize = 64 << 20;

/// A question to the registry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request<'a> {
    Query(&'a Value),
    Create(&'a Value),
    Change(&'a SystemId, &'a Value, Option<&'a Tag>),
    Delete(&'a SystemId, Option<&'a Tag>),
}

/// The number of a record's last change, where a server tells it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tag(HeaderValue);

/// What an answer proves.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Rows(Rows),
    Done,
    /// Nothing of that key existed; only said by the exact words.
    Absent,
    /// Our own server: the key is taken.
    Taken,
    /// Our own server: the record has another tag.
    Stale,
}

pub(super) struct Wire {
    http: Trusting,
    base: Url,
    host: String,
    token_file: Option<PathBuf>,
    slots: Semaphore,
}

impl<'a> Request<'a> {
    fn name(self) -> &'static str {
        match self {
            Self::Query(_) => LIST,
            Self::Create(_) => "create a record",
            Self::Change(..) => "change a record",
            Self::Delete(..) => "delete a record",
        }
    }

    fn method(self) -> Method {
        match self {
            Self::Query(_) | Self::Create(_) => Method::POST,
            Self::Change(..) => Method::PUT,
            Self::Delete(..) => Method::DELETE,
        }
    }

    fn absence(self) -> Option<&'static str> {
        match self {
            Self::Query(_) | Self::Create(_) => None,
            Self::Change(..) => Some("No document found to update"),
            Self::Delete(..) => Some("No document found to delete"),
        }
    }

    fn tag(self) -> Option<&'a Tag> {
        match self {
            Self::Query(_) | Self::Create(_) => None,
            Self::Change(_, _, tag) | Self::Delete(_, tag) => tag,
        }
    }

    fn understand(self, status: StatusCode, answer: Option<&Value>) -> Option<Answer> {
        let success = answer?.get("success")?.as_bool()?;
        match (self, status.as_u16(), success) {
            (Self::Create(_), 201, true) | (Self::Change(..) | Self::Delete(..), 200, true) => {
                Some(Answer::Done)
            }
            (Self::Create(_), 409, false) => Some(Answer::Taken),
            (Self::Change(..) | Self::Delete(..), 412, false) => Some(Answer::Stale),
            (_, 404, false) => {
                (answer?.get("error")?.as_str() == Some(self.absence()?)).then_some(Answer::Absent)
            }
            _ => None,
        }
    }
}

impl Wire {
    pub(super) fn new(access: &RegistryAccess, pace: &Pace) -> Result<Self, RegistryError> {
        let base = access.url.clone();
        let local = is_loopback(&base);
        let host = match (base.host_str(), base.port_or_known_default()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            _ => return Err(unusable("the registry's address names no host", None)),
        };
        if !matches!(base.scheme(), "http" | "https") {
            return Err(unusable(
                "the registry's address is neither http nor https",
                None,
            ));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(unusable(
                "the registry's address holds a password; use token_file",
                None,
            ));
        }
        if access.token_file.is_some() && base.scheme() == "http" && !local {
            return Err(unusable(
                "a token is sent over https only, or to this host",
                None,
            ));
        }
        let http = Trusting::new(*pace, local, access.ca_file.clone())?;
        Ok(Self {
            http,
            base,
            host,
            token_file: access.token_file.clone(),
            slots: Semaphore::new(SLOTS),
        })
    }

    /// Sends one request, once.
    pub(super) async fn send(&self, request: Request<'_>) -> Result<Answer, RegistryError> {
        let token = self.token().await?;
        // The semaphore is never closed; without a slot the request would merely go out unbounded.
        let slot = self.slots.acquire().await.ok();
        let client = self.http.client()?;
        let mut http = client.request(request.method(), self.url(request)?);
        if let Some(token) = &token {
            http = http.bearer_auth(token.expose_secret());
        }
        if let Some(Tag(tag)) = request.tag() {
            http = http.header(IF_MATCH, tag);
        }
        if let Request::Query(body) | Request::Create(body) | Request::Change(_, body, _) = request
        {
            http = http.json(body);
        }
        let no_answer = |error: reqwest::Error| RegistryError::NoAnswer {
            host: self.host.clone(),
            request: request.name(),
            source: error.without_url(),
        };
        let response = http.send().await.map_err(|error| {
            if error.is_connect() {
                self.http.forget();
            }
            no_answer(error)
        })?;
        let status = response.status();
        let (is_json, tag) = (is_json(&response), tag_of(&response));
        let body = read_bounded(response).await.map_err(no_answer)?;
        drop(slot);
        let json = body.as_deref().filter(|_| is_json);
        if let (Request::Query(_), StatusCode::OK) = (request, status)
            && let Some(rows) = json.and_then(row::rows)
        {
            return Ok(Answer::Rows(Rows { tag, ..rows }));
        }
        let answer = json.and_then(|body| row::parse(body).ok());
        if let Some(understood) = request.understand(status, answer.as_ref()) {
            return Ok(understood);
        }
        let text = words(answer.as_ref(), body.as_deref(), token.as_ref());
        let (host, request, status) = (self.host.clone(), request.name(), status.as_u16());
        Err(match status {
            401 | 403 | 405 | 413 | 415 | 422 => RegistryError::Refused {
                host,
                request,
                status,
                text,
            },
            _ => RegistryError::Unclear {
                host,
                request,
                status,
                text,
            },
        })
    }

    /// An answer to a query that is not a list.
    pub(super) fn no_list(&self) -> RegistryError {
        RegistryError::Unclear {
            host: self.host.clone(),
            request: LIST,
            status: StatusCode::OK.as_u16(),
            text: "(not a list)".to_owned(),
        }
    }

    fn url(&self, request: Request<'_>) -> Result<Url, RegistryError> {
        let mut url = self.base.clone();
        url.set_query(None);
        url.set_fragment(None);
        {
            let mut path = url
                .path_segments_mut()
                .map_err(|()| unusable("the registry's address takes no paths", None))?;
            path.pop_if_empty();
            match request {
                Request::Query(_) => path.push("backbones"),
                Request::Create(_) => path.push("backbone"),
                Request::Change(id, ..) | Request::Delete(id, _) => {
                    path.push("backbone").push(id.as_str())
                }
            };
        }
        Ok(url)
    }

    async fn token(&self) -> Result<Option<SecretString>, RegistryError> {
        let Some(path) = &self.token_file else {
            return Ok(None);
        };
        let text = tokio::fs::read_to_string(path).await.map_err(|error| {
            let text = format!(
                "the registry's token file {} cannot be read",
                path.display()
            );
            unusable(&text, Some(Box::new(error)))
        })?;
        Ok(Some(SecretString::from(text.trim())))
    }
}

pub(super) fn unusable(text: &str, source: Option<Box<dyn Error + Send + Sync>>) -> RegistryError {
    RegistryError::Access {
        text: text.to_owned(),
        source,
    }
}

fn is_json(response: &Response) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

/// A weak tag names no state that a write could be conditional on.
fn tag_of(response: &Response) -> Option<Tag> {
    let tag = response.headers().get(ETAG)?;
    tag.as_bytes().starts_with(b"\"").then(|| Tag(tag.clone()))
}

/// None when the answer is longer than anything sensible.
async fn read_bounded(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// The server's words, short, printable and without our token.
fn words(answer: Option<&Value>, body: Option<&[u8]>, token: Option<&SecretString>) -> String {
    let Some(body) = body else {
        return "the answer is too long".to_owned();
    };
    let mut text = match answer
        .and_then(|answer| answer.get("error"))
        .and_then(Value::as_str)
    {
        Some(error) => error.to_owned(),
        None if answer.is_some() => "(not the answer that was expected)".to_owned(),
        None => String::from_utf8_lossy(body).into_owned(),
    };
    if let Some(secret) = token
        .map(ExposeSecret::expose_secret)
        .filter(|text| !text.is_empty())
    {
        text = text.replace(secret, "***");
    }
    let visible = text
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    visible.take(300).collect()
}
