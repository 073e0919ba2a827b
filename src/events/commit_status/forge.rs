//! The call of each forge that sets the status of a commit, and what its answers mean.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::verdict::{State, Verdict};
use crate::config::events::{COMMIT_STATUS, Forge, ForgeTarget};
use crate::events::SinkError;
use crate::events::caller::{Caller, Keys};
use crate::mask::masked;
use crate::report::safe;

const KEYS: Keys = Keys {
    token_file: "events.commit_status.token_file",
    ca_file: "events.commit_status.ca_file",
};

/// Bytes and signs of an answer that are looked at and shown.
const READ: usize = 16 << 10;
const SHOWN: usize = 200;

/// How long a limited caller waits that is not told how long, and at most.
const LIMITED: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Why something was not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nobody answered, or the answer will be another one, after so long.
    Away(SinkError, Option<Duration>),
    /// Whoever asks is refused.
    Denied(SinkError),
    /// What is asked is refused.
    Unfit(SinkError),
}

/// Tells one forge.
#[derive(Debug)]
pub(super) struct ForgeClient {
    target: ForgeTarget,
    caller: Caller,
}

impl ForgeClient {
    /// Prepares calls; nothing is read or sent.
    pub(super) fn new(target: ForgeTarget) -> Self {
        let (token, ca) = (Some(target.token_file.clone()), target.ca_file.clone());
        let caller = Caller::new(KEYS, &target.api, token, ca);
        Self { target, caller }
    }

    /// Whether a pending commit can be told other words. GitLab takes no state twice.
    pub(super) fn renews(&self) -> bool {
        self.target.forge != Forge::Gitlab
    }

    /// Sets the status of a commit.
    pub(super) async fn tell(&mut self, verdict: &Verdict) -> Result<(), Refusal> {
        let forge = self.target.forge;
        let token = self.caller.token().await;
        let token = token.map_err(|error| Refusal::Away(error, None))?;
        let token = token.unwrap_or_default();
        let scheme = match forge {
            Forge::Github | Forge::Gitlab => "Bearer",
            Forge::Gitea => "token",
        };
        let (address, body) = (self.address(verdict), self.body(verdict));
        let answer = self.caller.post(address, |request| {
            let login = format!("{scheme} {token}");
            let request = request.header(AUTHORIZATION, login).json(&body);
            match forge {
                Forge::Github => request
                    .header(ACCEPT, "application/vnd.github+json")
                    .header("X-GitHub-Api-Version", "2022-11-28"),
                Forge::Gitlab | Forge::Gitea => request,
            }
        });
        let answer = answer.await.map_err(|error| Refusal::Away(error, None))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let after = limited(status, answer.headers());
        let message = message(answer, &token).await;
        // GitHub does not always say for how long.
        let is_limit = status == StatusCode::FORBIDDEN && message.contains("rate limit");
        let after = after.or(is_limit.then_some(LIMITED));
        if is_repeat(forge, verdict.state, status, &message) {
            return Ok(());
        }
        Err(self.refusal(status, after, &message))
    }

    fn address(&self, verdict: &Verdict) -> Url {
        let mut url = self.target.api.clone();
        let repository = self.target.repository.as_str();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            match self.target.forge {
                // One segment: the slashes within are escaped.
                Forge::Gitlab => path.extend(["projects", repository]),
                Forge::Github | Forge::Gitea => path.push("repos").extend(repository.split('/')),
            };
            path.extend(["statuses", verdict.commit.as_str()]);
        }
        url
    }

    fn body(&self, verdict: &Verdict) -> Value {
        let key = match self.target.forge {
            Forge::Gitlab => "name",
            Forge::Github | Forge::Gitea => "context",
        };
        json!({
            "state": state(self.target.forge, verdict.state),
            "description": verdict.text,
            key: self.target.name,
        })
    }

    fn refusal(&self, status: StatusCode, after: Option<Duration>, message: &str) -> Refusal {
        let host = self.caller.host();
        let said = match message {
            "" => format!("{host} answers {status}"),
            message => format!("{host} answers {status}: {message}"),
        };
        let repository = &self.target.repository;
        let with = |advice: String| SinkError::new(format!("{said}; {advice}"));
        if let Some(after) = after {
            let advice = format!("it is asked again after {} s", after.as_secs());
            return Refusal::Away(with(advice), Some(after));
        }
        match status.as_u16() {
            401 => Refusal::Denied(with(format!(
                "{COMMIT_STATUS}.token_file holds no valid token"
            ))),
            403 => Refusal::Denied(with(format!(
                "the token may not set statuses in {repository}"
            ))),
            300..=399 => Refusal::Denied(with(format!(
                "it has moved: write the new address or name into {COMMIT_STATUS}"
            ))),
            404 => Refusal::Unfit(with(format!(
                "it has no {repository} with this commit that the token may see"
            ))),
            408 | 409 | 425 | 500.. => Refusal::Away(SinkError::new(said), None),
            _ => Refusal::Unfit(SinkError::new(said)),
        }
    }
}

fn state(forge: Forge, state: State) -> &'static str {
    match (forge, state) {
        (Forge::Gitlab, State::Pending) => "running",
        (Forge::Gitlab, State::Failure) => "failed",
        (Forge::Gitlab, State::Superseded) => "canceled",
        // No other word says that it was never rolled out and that nothing of it failed.
        (Forge::Github | Forge::Gitea, State::Superseded) => "error",
        (Forge::Github | Forge::Gitea, State::Pending) => "pending",
        (Forge::Github | Forge::Gitea, State::Failure) => "failure",
        (_, State::Success) => "success",
    }
}

/// GitLab refuses to make running what runs, which is what is wanted: an answer was lost.
fn is_repeat(forge: Forge, state: State, status: StatusCode, message: &str) -> bool {
    forge == Forge::Gitlab
        && state == State::Pending
        && status == StatusCode::BAD_REQUEST
        && message.contains("Cannot transition status via")
}

/// How long somebody who asked too often has to wait, if that is why.
fn limited(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| -> Option<i64> { headers.get(name)?.to_str().ok()?.parse().ok() };
    let seconds = |number: i64| Duration::from_secs(number.max(1).unsigned_abs()).min(LONGEST);
    let spent = number("x-ratelimit-remaining") == Some(0);
    let reset = number("x-ratelimit-reset").filter(|_| spent);
    let reset = reset.map(|at| seconds(at - Timestamp::now().as_second()));
    let after = number("retry-after").map(seconds).or(reset);
    match status.as_u16() {
        429 => Some(after.unwrap_or(LIMITED)),
        403 | 503 => after,
        _ => None,
    }
}

/// What an answer says in words, in one short line that holds no secret.
async fn message(mut answer: Response, token: &str) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > READ {
            return String::new();
        }
    }
    let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let text = match value.get("message") {
        Some(Value::String(text)) => text.clone(),
        Some(more) if !more.is_null() => more.to_string(),
        Some(_) | None => return String::new(),
    };
    if text.contains(token) {
        return String::new();
    }
    masked(&safe(&text)).chars().take(SHOWN).collect()
}
