//! An API server, asked directly: helm and kubectl take a second for what takes it a millisecond.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fleet::Cluster;
use reqwest::{Certificate, Client, Identity, RequestBuilder};
use serde_json::{Value, json};

/// Clones share the connections.
#[derive(Debug, Clone)]
pub(super) struct Api {
    client: Client,
    server: String,
}

impl Api {
    /// With the rights of the cluster's kubeconfig.
    pub(super) fn of(cluster: &Cluster) -> Result<Self> {
        let config: Value = serde_json::from_slice(&std::fs::read(cluster.kubeconfig())?)?;
        let text = |pointer: &str| {
            let found = config.pointer(pointer).and_then(Value::as_str);
            found.with_context(|| format!("the kubeconfig has no {pointer}"))
        };
        let authority = STANDARD.decode(text("/clusters/0/cluster/certificate-authority-data")?)?;
        let mut identity = STANDARD.decode(text("/users/0/user/client-key-data")?)?;
        identity.extend(STANDARD.decode(text("/users/0/user/client-certificate-data")?)?);
        Ok(Self {
            client: Client::builder()
                .tls_certs_only(Certificate::from_pem_bundle(&authority)?)
                .identity(Identity::from_pem(&identity)?)
                .build()?,
            server: text("/clusters/0/cluster/server")?.to_owned(),
        })
    }

    pub(super) async fn create_namespace(&self, name: &str) -> Result<()> {
        let namespace = json!({"metadata": {"name": name}});
        self.create("/api/v1/namespaces", &namespace).await
    }

    pub(super) async fn create_secret(&self, namespace: &str, secret: &Value) -> Result<()> {
        self.create(&secrets(namespace), secret).await
    }

    pub(super) async fn secret(&self, namespace: &str, name: &str) -> Result<Value> {
        let path = format!("{}/{name}", secrets(namespace));
        let text = send(self.client.get(format!("{}{path}", self.server))).await?;
        Ok(serde_json::from_str(&text)?)
    }

    pub(super) async fn delete_secret(&self, namespace: &str, name: &str) -> Result<()> {
        let path = format!("{}/{name}", secrets(namespace));
        send(self.client.delete(format!("{}{path}", self.server))).await?;
        Ok(())
    }

    pub(super) async fn create_stateful_set(&self, namespace: &str, set: &Value) -> Result<()> {
        self.create(&stateful_sets(namespace), set).await
    }

    pub(super) async fn stateful_set(&self, namespace: &str, name: &str) -> Result<Value> {
        let path = format!("{}/{name}", stateful_sets(namespace));
        let text = send(self.client.get(format!("{}{path}", self.server))).await?;
        Ok(serde_json::from_str(&text)?)
    }

    async fn create(&self, path: &str, object: &Value) -> Result<()> {
        let request = self.client.post(format!("{}{path}", self.server));
        send(request.json(object)).await?;
        Ok(())
    }
}

fn secrets(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets")
}

fn stateful_sets(namespace: &str) -> String {
    format!("/apis/apps/v1/namespaces/{namespace}/statefulsets")
}

/// The answer's text; any answer but success is an error.
async fn send(request: RequestBuilder) -> Result<String> {
    let answer = request.send().await?;
    let (status, url) = (answer.status(), answer.url().clone());
    let text = answer.text().await?;
    ensure!(status.is_success(), "{url} answers {status}: {text}");
    Ok(text)
}
