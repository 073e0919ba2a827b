//! Credential programs of a kubeconfig. Their answer logs our own requests in and stands in helm's generated kubeconfig,
//! which never names the program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::config::ExecConfig;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::validity;
use crate::command::Command;
use crate::diagnostic::chain;

const TIMEOUT: Duration = Duration::from_secs(30);
/// A credential this close to its end is asked for anew: an operation of helm must not outlive it right at the start.
const MARGIN: SignedDuration = SignedDuration::from_secs(120);

/// A credential that names no end is asked for anew after this long.
const UNBOUNDED: Duration = Duration::from_secs(600);
/// Far above any credential.
const LONGEST: usize = 1 << 20;

/// The last answer of the credential program.
#[derive(Default)]
pub(super) struct ExecCache {
    last: Mutex<Option<(Instant, Credential)>>,
}

/// What a credential program gave.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Credential {
    pub(super) token: Option<SecretString>,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key_data: Option<SecretString>,
    pub(super) expiration_timestamp: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Answer {
    status: Option<Credential>,
}

impl ExecCache {
    /// The cached credential or a fresh one. The words of an error never hold output of the program.
    pub(super) async fn credential(&self, exec: &ExecConfig) -> Result<Credential, String> {
        let mut last = self.last.lock().await;
        if let Some((given, credential)) = last.as_ref()
            && match credential.expiration_timestamp {
                Some(end) => Timestamp::now() + MARGIN < end,
                None => given.elapsed() < UNBOUNDED,
            }
        {
            return Ok(credential.clone());
        }
        let credential = run(exec).await?;
        *last = Some((Instant::now(), credential.clone()));
        Ok(credential)
    }

    /// The last one was not accepted: the next is a fresh one. Where the program runs just now, it will be.
    pub(super) fn forget(&self) {
        if let Ok(mut last) = self.last.try_lock() {
            last.take();
        }
    }
}

impl Credential {
    /// When to ask for another one, at the latest, where it is a certificate.
    pub(super) fn end(&self) -> Timestamp {
        let certificate = self.client_certificate_data.as_deref();
        let end = self
            .expiration_timestamp
            .or_else(|| validity::end(certificate?));
        let before = |end: Timestamp| end.saturating_sub(MARGIN).unwrap_or(end);
        let unbounded = || {
            Timestamp::now()
                .saturating_add(UNBOUNDED)
                .unwrap_or(Timestamp::MAX)
        };
        end.map_or_else(unbounded, before)
    }
}

async fn run(exec: &ExecConfig) -> Result<Credential, String> {
    let program = exec
        .command
        .as_deref()
        .ok_or("the credential program has no command")?;
    let info = json!({
        "apiVersion": exec.api_version,
        "kind": "ExecCredential",
        "spec": {"interactive": false, "cluster": exec.cluster},
    });
    // The operator's own environment: it is the operator's program.
    let mut env: BTreeMap<String, OsString> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect();
    for name in exec.drop_env.iter().flatten() {
        env.remove(name);
    }
    for pair in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (pair.get("name"), pair.get("value")) {
            env.insert(name.clone(), value.into());
        }
    }
    env.insert("KUBERNETES_EXEC_INFO".to_owned(), info.to_string().into());
    let command = Command {
        program: program.into(),
        args: exec.args.iter().flatten().map(OsString::from).collect(),
        env: env.into_iter().collect(),
        cwd: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        stdin: Vec::new(),
        deadline: TIMEOUT,
        max_output: LONGEST,
    };
    let output = command
        .run(&CancellationToken::new())
        .await
        .map_err(|error| chain(&error))?;
    if output.timed_out {
        return Err(format!("{program} does not end"));
    }
    if !output.success() {
        let end = output.code.map_or_else(
            || "was ended by a signal".to_owned(),
            |code| format!("ended with exit code {code}"),
        );
        // What it says itself may hold what it is asked for.
        return Err(format!("{program} {end}; run it as this user to see why"));
    }
    let answer: Answer = serde_yaml::from_slice(&output.stdout)
        .map_err(|_error| format!("{program} did not print a credential"))?;
    answer
        .status
        .filter(|status| status.token.is_some() || status.client_certificate_data.is_some())
        .ok_or_else(|| format!("{program} gave no credential"))
}
