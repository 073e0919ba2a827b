//! The minimal kubeconfig helm gets: one server, one identity, everything inline.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::access::Cluster;
use super::error::ClusterError;

impl Cluster {
    /// A kubeconfig as JSON (which is YAML): no programs, no references to files, no plugins of ours or the operator's.
    /// It holds credentials: write it 0600 and drop it.
    pub async fn helm_kubeconfig(&self) -> Result<String, ClusterError> {
        let endpoint = &self.inner.endpoint;
        let mut cluster = Map::new();
        cluster.insert("server".to_owned(), json!(endpoint.server));
        if endpoint.insecure {
            cluster.insert("insecure-skip-tls-verify".to_owned(), json!(true));
        } else if !endpoint.roots.is_empty() {
            let bundle: String = endpoint.roots.iter().map(|der| pem(der)).collect();
            cluster.insert(
                "certificate-authority-data".to_owned(),
                json!(STANDARD.encode(bundle)),
            );
        }
        if let Some(name) = &endpoint.tls_server_name {
            cluster.insert("tls-server-name".to_owned(), json!(name));
        }
        if let Some(proxy) = &endpoint.proxy {
            cluster.insert("proxy-url".to_owned(), json!(proxy));
        }
        let name = self.id().as_str();
        let file = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": self.identity().await?}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        });
        Ok(file.to_string())
    }

    async fn identity(&self) -> Result<Value, ClusterError> {
        let auth = &self.inner.auth;
        let fail = |cause: String| ClusterError::Credentials {
            host: self.host(),
            cause,
        };
        let mut user = Map::new();
        if let Some(certificate) = inline(
            auth.client_certificate_data.as_deref(),
            auth.client_certificate.as_deref(),
        )
        .await
        .map_err(fail)?
        {
            user.insert("client-certificate-data".to_owned(), json!(certificate));
        }
        if let Some(key) = inline(
            auth.client_key_data
                .as_ref()
                .map(SecretString::expose_secret),
            auth.client_key.as_deref(),
        )
        .await
        .map_err(fail)?
        {
            user.insert("client-key-data".to_owned(), json!(key));
        }
        if let Some(token) = &auth.token {
            user.insert("token".to_owned(), json!(token.expose_secret()));
        } else if let Some(file) = &auth.token_file {
            let token = tokio::fs::read_to_string(file)
                .await
                .map_err(|error| fail(format!("{file}: {error}")))?;
            user.insert("token".to_owned(), json!(token.trim()));
        }
        if let (Some(name), Some(password)) = (&auth.username, &auth.password) {
            user.insert("username".to_owned(), json!(name));
            user.insert("password".to_owned(), json!(password.expose_secret()));
        }
        if let Some(exec) = &auth.exec {
            let credential = self.inner.exec.credential(exec).await.map_err(fail)?;
            if let Some(token) = &credential.token {
                user.insert("token".to_owned(), json!(token.expose_secret()));
            }
            if let (Some(certificate), Some(key)) = (
                &credential.client_certificate_data,
                &credential.client_key_data,
            ) {
                user.insert(
                    "client-certificate-data".to_owned(),
                    json!(STANDARD.encode(certificate)),
                );
                user.insert(
                    "client-key-data".to_owned(),
                    json!(STANDARD.encode(key.expose_secret())),
                );
            }
        }
        if user.is_empty() && auth.auth_provider.is_some() {
            return Err(fail(
                "auth-provider is not supported for helm; use exec or a token".to_owned(),
            ));
        }
        impersonate(auth, &mut user);
        Ok(Value::Object(user))
    }
}

/// Leaving this out would give helm more rights than the operator's kubeconfig gives us.
fn impersonate(auth: &kube::config::AuthInfo, user: &mut Map<String, Value>) {
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            user.insert(key.to_owned(), value);
        }
    };
    set("as", auth.impersonate.as_ref().map(|name| json!(name)));
    set(
        "as-uid",
        auth.impersonate_uid.as_ref().map(|uid| json!(uid)),
    );
    set(
        "as-groups",
        auth.impersonate_groups.as_ref().map(|groups| json!(groups)),
    );
    set(
        "as-user-extra",
        auth.impersonate_user_extra
            .as_ref()
            .map(|extra| json!(extra)),
    );
}

/// Base64 of inline data or of a file's content.
async fn inline(data: Option<&str>, file: Option<&str>) -> Result<Option<String>, String> {
    match (data, file) {
        (Some(data), _) if !data.is_empty() => Ok(Some(data.to_owned())),
        (_, Some(file)) => tokio::fs::read(file)
            .await
            .map(|bytes| Some(STANDARD.encode(bytes)))
            .map_err(|error| format!("{file}: {error}")),
        _ => Ok(None),
    }
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while let Some((line, tail)) = rest.split_at_checked(64) {
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    if !rest.is_empty() {
        out.push_str(rest);
        out.push('\n');
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}
