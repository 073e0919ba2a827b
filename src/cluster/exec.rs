//! Credential programs of a kubeconfig, run for helm: helm's generated kubeconfig holds their answer and never the program.

use std::process::Stdio;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::config::ExecConfig;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;
use tokio::sync::Mutex;

const TIMEOUT: Duration = Duration::from_secs(30);
/// A credential this close to its end is asked for anew: helm's operation must not outlive it right at the start.
const MARGIN: SignedDuration = SignedDuration::from_secs(120);

/// The last answer of the credential program.
#[derive(Default)]
pub(super) struct ExecCache {
    last: Mutex<Option<Credential>>,
}

/// What a credential program gave.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Credential {
    pub(super) token: Option<SecretString>,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key_data: Option<SecretString>,
    expiration_timestamp: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Answer {
    status: Option<Credential>,
}

impl ExecCache {
    /// The cached credential or a fresh one. The words of an error never hold output of the program.
    pub(super) async fn credential(&self, exec: &ExecConfig) -> Result<Credential, String> {
        let mut last = self.last.lock().await;
        if let Some(credential) = last.as_ref()
            && credential
                .expiration_timestamp
                .is_some_and(|end| Timestamp::now() + MARGIN < end)
        {
            return Ok(credential.clone());
        }
        let credential = run(exec).await?;
        *last = Some(credential.clone());
        Ok(credential)
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
    let mut command = Command::new(program);
    command
        .args(exec.args.iter().flatten())
        .env("KUBERNETES_EXEC_INFO", info.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    for pair in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (pair.get("name"), pair.get("value")) {
            command.env(name, value);
        }
    }
    let output = tokio::time::timeout(TIMEOUT, command.output())
        .await
        .map_err(|_elapsed| format!("{program} does not end"))?
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} failed: {}", output.status));
    }
    let answer: Answer = serde_yaml::from_slice(&output.stdout)
        .map_err(|_error| format!("{program} did not print a credential"))?;
    answer
        .status
        .filter(|status| status.token.is_some() || status.client_certificate_data.is_some())
        .ok_or_else(|| format!("{program} gave no credential"))
}
