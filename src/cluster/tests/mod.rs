//! The client against an API server that says exactly what the tests want.

mod access;
mod changes;
mod inventory;
mod view;
mod waiting;
mod writes;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{Cluster, ClusterAccess};

/// A connection to the fake, with the settings' limit on namespaces.
pub(crate) async fn connect(server: &MockServer, namespaces: &[&str]) -> Cluster {
    let file = kubeconfig(&server.uri(), &json!({"token": "t0ken"}));
    let namespaces = namespaces.iter().map(|name| name.parse().unwrap());
    let access = ClusterAccess {
        namespaces: Some(namespaces.collect())
            .filter(|names: &std::collections::BTreeSet<_>| !names.is_empty()),
        ..access(&file)
    };
    Cluster::connect(&access).await.unwrap()
}

fn access(file: &NamedTempFile) -> ClusterAccess {
    ClusterAccess {
        id: "east".parse().unwrap(),
        kubeconfig: file.path().to_owned(),
        context: None,
        namespaces: None,
    }
}

fn kubeconfig(server: &str, user: &Value) -> NamedTempFile {
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    });
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.to_string().as_bytes()).unwrap();
    file
}

/// Metadata of a release Secret.
pub(crate) fn meta(
    namespace: &str,
    release: &str,
    revision: u32,
    status: &str,
    labels: &Value,
) -> Value {
    let mut all = json!({
        "owner": "helm", "name": release, "version": revision.to_string(), "status": status,
    });
    all.as_object_mut()
        .unwrap()
        .extend(labels.as_object().unwrap().clone());
    json!({"metadata": {
        "name": format!("sh.helm.release.v1.{release}.v{revision}"), "namespace": namespace,
        "uid": format!("uid-{revision}"), "resourceVersion": "7", "labels": all,
        "creationTimestamp": "2026-06-01T00:00:00Z",
    }})
}

/// Writes a file, as if that were a while ago.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::write(path, text).unwrap();
    settle(path);
}

/// As if it had been written a while ago.
pub(crate) fn settle(path: &Path) {
    let file = File::options().append(true).open(path).unwrap();
    let before = SystemTime::now() - Duration::from_secs(60);
    file.set_modified(before).unwrap();
}

pub(crate) fn list(items: &[Value], next: &str) -> Value {
    json!({
        "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": "9", "continue": next}, "items": items,
    })
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message,
    })
}

/// What an API server says of everything else.
pub(crate) async fn mount_absence(server: &MockServer) {
    Mock::given(any())
        .respond_with(ResponseTemplate::new(404).set_body_json(status(
            404,
            "NotFound",
            "not found",
        )))
        .with_priority(200)
        .mount(server)
        .await;
}

/// `data.release` of a plain release.
pub(crate) fn stored(release: &str, revision: u32) -> String {
    stored_with(release, revision, "")
}

/// The same, with a manifest.
pub(crate) fn stored_with(release: &str, revision: u32, manifest: &str) -> String {
    let document = json!({
        "name": release, "version": revision, "config": {"a": 1},
        "chart": {"metadata": {"name": "nats", "version": "2.14.2"}}, "manifest": manifest,
    });
    STANDARD.encode(STANDARD.encode(document.to_string()))
}
