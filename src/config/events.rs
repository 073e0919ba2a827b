//! Where events go. Secrets are named by the files they are in.

mod commit_status;

pub use commit_status::{CommitStatusSettings, Forge, ForgeTarget, SETTING as COMMIT_STATUS};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::address::is_loopback;
use crate::config::units;

/// Where events go; nowhere unless set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventSettings {
    /// A NATS server.
    pub nats: Option<NatsEvents>,
    /// An address they are posted to.
    pub webhook: Option<WebhookEvents>,
    /// The forge that is told what became of a commit.
    pub commit_status: Option<CommitStatusSettings>,
    /// First tokens of the subjects.
    #[serde(deserialize_with = "tokens::deserialize")]
    pub subject: String,
    /// Bytes of the journal that may wait for a sink.
    #[serde(with = "units::bytes")]
    pub backlog: u64,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self {
            nats: None,
            webhook: None,
            commit_status: None,
            subject: "natsx.v1".to_owned(),
            backlog: 64 << 20,
        }
    }
}

/// A NATS server with `JetStream`: an address, or with more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OrMap<Url, NatsForm>", into = "NatsForm")]
pub struct NatsEvents {
    /// `nats://` or `tls://`, without a password.
    pub url: Url,
    /// Of a user, as `nsc` writes it.
    pub credentials_file: Option<PathBuf>,
    /// Trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Taken by this stream, or not at all; made when it is not there.
    pub stream: Option<String>,
}

/// An address events are posted to: an address, or with more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OrMap<Url, WebhookForm>", into = "WebhookForm")]
pub struct WebhookEvents {
    /// https, or http.
    pub url: Url,
    /// Bearer token.
    pub token_file: Option<PathBuf>,
    /// Trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl TryFrom<OrMap<Url, NatsForm>> for NatsEvents {
    type Error = String;

    fn try_from(form: OrMap<Url, NatsForm>) -> Result<Self, String> {
        let form = match form {
            OrMap::Word(url) => NatsForm {
                url,
                credentials_file: None,
                ca_file: None,
                stream: None,
            },
            OrMap::Map(form) => form,
        };
        check(
            "events.nats",
            &form.url,
            &["nats", "tls"],
            "credentials_file",
        )?;
        if let Some(stream) = form.stream.as_ref().filter(|name| !is_token(name)) {
            return Err(format!(
                "events.nats.stream {stream:?} is no name of a stream"
            ));
        }
        Ok(Self {
            url: form.url,
            credentials_file: form.credentials_file,
            ca_file: form.ca_file,
            stream: form.stream,
        })
    }
}

impl NatsEvents {
    /// Whether nothing may be sent without TLS: so the address says, or who is trusted.
    pub fn is_secured(&self) -> bool {
        self.url.scheme() == "tls" || self.ca_file.is_some()
    }
}

impl From<NatsEvents> for NatsForm {
    fn from(events: NatsEvents) -> Self {
        Self {
            url: events.url,
            credentials_file: events.credentials_file,
            ca_file: events.ca_file,
            stream: events.stream,
        }
    }
}

impl TryFrom<OrMap<Url, WebhookForm>> for WebhookEvents {
    type Error = String;

    fn try_from(form: OrMap<Url, WebhookForm>) -> Result<Self, String> {
        let form = match form {
            OrMap::Word(url) => WebhookForm {
                url,
                token_file: None,
                ca_file: None,
            },
            OrMap::Map(form) => form,
        };
        check(
            "events.webhook",
            &form.url,
            &["https", "http"],
            "token_file",
        )?;
        if form.token_file.is_some() {
            check_token("events.webhook", &form.url)?;
        }
        Ok(Self {
            url: form.url,
            token_file: form.token_file,
            ca_file: form.ca_file,
        })
    }
}

impl From<WebhookEvents> for WebhookForm {
    fn from(events: WebhookEvents) -> Self {
        Self {
            url: events.url,
            token_file: events.token_file,
            ca_file: events.ca_file,
        }
    }
}

/// Never quotes the address: it is refused because of the password in it, perhaps.
fn check(name: &str, url: &Url, schemes: &[&str], file: &str) -> Result<(), String> {
    if !schemes.contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
        return Err(format!(
            "{name}: an address begins with {}:// and names a host",
            schemes.join(":// or ")
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{name}: the address holds a password; use {file}"));
    }
    Ok(())
}

/// A token is for nobody on the way.
fn check_token(name: &str, url: &Url) -> Result<(), String> {
    if url.scheme() == "http" && !is_loopback(url) {
        return Err(format!(
            "{name}: a token is sent over https only, or to this host"
        ));
    }
    Ok(())
}

/// Whether a word can be a token of a subject and the name of a stream.
fn is_token(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    !word.is_empty() && word.bytes().all(plain)
}

/// The first tokens of subjects.
mod tokens {
    use serde::{Deserialize as _, Deserializer};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
        let text = String::deserialize(input)?;
        if text.split('.').all(super::is_token) {
            return Ok(text);
        }
        Err(serde::de::Error::custom(format!(
            "{text:?} cannot begin a subject; write tokens of letters, digits, _ and - with points between, such as natsx.v1"
        )))
    }
}

/// What is enough most of the time, or a map.
#[derive(Deserialize)]
#[serde(untagged)]
enum OrMap<W, M> {
    Word(W),
    Map(M),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NatsForm {
    url: Url,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credentials_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookForm {
    url: Url,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> Result<EventSettings, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_alone_is_enough() {
        let read = read(json!({"nats": "nats://127.0.0.1:4222", "webhook": "https://e.example/x"}));
        let settings = read.unwrap();
        assert_eq!(settings.nats.unwrap().url.port(), Some(4222));
        assert_eq!(settings.webhook.unwrap().url.path(), "/x");
        assert_eq!(settings.backlog, 64 << 20);
        let whole = json!({"nats": {"url": "tls://n.example", "credentials_file": "/c", "stream": "N"}, "backlog": "1Mi"});
        let settings: EventSettings = serde_json::from_value(whole).unwrap();
        let again: EventSettings =
            serde_json::from_value(serde_json::to_value(&settings).unwrap()).unwrap();
        assert_eq!(again.nats, settings.nats);
        assert_eq!(again.backlog, 1 << 20);
    }

    #[test]
    fn what_cannot_work_or_holds_a_secret_is_refused() {
        for (value, word) in [
            (
                json!({"nats": "nats://u:s3cret-s3cret@n.example"}),
                "credentials_file",
            ),
            (json!({"nats": "http://n.example"}), "nats://"),
            (
                json!({"nats": {"url": "nats://n", "stream": "a.b"}}),
                "stream",
            ),
            (
                json!({"webhook": "https://s3cret-s3cret@e.example"}),
                "token_file",
            ),
            (
                json!({"webhook": {"url": "http://e.example", "token_file": "/t"}}),
                "https only",
            ),
            (json!({"subject": "natsx.*"}), "subject"),
            (json!({"subject": "natsx..v1"}), "subject"),
            (json!({"backlog": "much"}), "much"),
        ] {
            let error = read(value.clone()).unwrap_err();
            assert!(error.contains(word), "{value}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
