//! What each server says about itself, through the API server's pod proxy.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::HealthTarget;
use super::live::LivePod;
use super::shape::{Monitor, Shape};
use crate::cluster::{Cluster, ClusterError, shorten};

/// What is asked of a server that does not answer.
const DEADLINE: Duration = Duration::from_secs(8);
/// A server with many routes says much; one that says more than this is not believed.
const LARGEST: usize = 4 * 1024 * 1024;

/// What one server said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) pod: String,
    /// When its container started.
    pub(super) started: Option<Timestamp>,
    /// Why it is not healthy, in its own words.
    pub(super) complaint: Option<String>,
    pub(super) id: String,
    /// The servers it has routes to.
    pub(super) routes: BTreeSet<String>,
    pub(super) jetstream: JetStream,
    pub(super) config_loaded: Option<Timestamp>,
    pub(super) config_digest: Option<String>,
}

/// What a server knows of `JetStream`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum JetStream {
    /// Off, or not asked.
    #[default]
    Off,
    /// On, with the leader this server knows.
    On(Option<String>),
}

#[derive(Deserialize, Default)]
struct Healthz {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct Routez {
    server_id: String,
    #[serde(default)]
    routes: Vec<Route>,
}

#[derive(Deserialize)]
struct Route {
    #[serde(default)]
    remote_id: String,
}

#[derive(Deserialize)]
struct Jsz {
    #[serde(default)]
    disabled: bool,
    meta_cluster: Option<MetaCluster>,
}

#[derive(Deserialize)]
struct MetaCluster {
    #[serde(default)]
    leader: String,
}

#[derive(Deserialize)]
struct Varz {
    config_load_time: Option<Timestamp>,
    config_digest: Option<String>,
}

struct Answer {
    code: u16,
    body: Vec<u8>,
}

/// Asks one server. Every answer of the server is a finding; only what the API server refuses is an error.
pub(super) async fn ask(
    cluster: &Cluster,
    target: &HealthTarget,
    shape: &Shape,
    pod: &LivePod,
) -> Result<Server, ClusterError> {
    let mut server = Server {
        pod: pod.metadata.name.clone(),
        ..Server::default()
    };
    let Some(monitor) = &shape.monitor else {
        return Ok(server);
    };
    server.started = started(pod, &monitor.container);
    let base = base(target, monitor, &server.pod);
    let healthz = get(cluster, &format!("{base}/healthz")).await?;
    if healthz.code != 200 {
        server.complaint = Some(complaint(&healthz));
        return Ok(server);
    }
    if shape.clustered {
        let routez: Routez = get_json(cluster, &format!("{base}/routez")).await?;
        server.id = routez.server_id;
        server.routes = routez
            .routes
            .into_iter()
            .map(|route| route.remote_id)
            .collect();
        let jsz: Jsz = get_json(cluster, &format!("{base}/jsz")).await?;
        if !jsz.disabled {
            let leader = jsz
                .meta_cluster
                .map(|meta| meta.leader)
                .filter(|leader| !leader.is_empty());
            server.jetstream = JetStream::On(leader);
        }
    }
    if target.change.is_some() {
        let varz: Varz = get_json(cluster, &format!("{base}/varz")).await?;
        server.config_loaded = varz.config_load_time;
        server.config_digest = varz.config_digest;
    }
    Ok(server)
}

pub(super) fn base(target: &HealthTarget, monitor: &Monitor, pod: &str) -> String {
    let scheme = if monitor.tls { "https:" } else { "" };
    format!(
        "/api/v1/namespaces/{}/pods/{scheme}{pod}:{}/proxy",
        target.namespace, monitor.port
    )
}

fn started(pod: &LivePod, container: &str) -> Option<Timestamp> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let status = statuses.iter().find(|status| status.name == container)?;
    let running = status.state.as_ref()?.running.as_ref()?;
    running.started_at.as_ref().map(|time| time.0)
}

fn complaint(answer: &Answer) -> String {
    let said: Healthz = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = if said.error.is_empty() {
        said.status
    } else {
        said.error
    };
    if text.is_empty() {
        format!("/healthz answers {}", answer.code)
    } else {
        shorten(&text, 300)
    }
}

pub(super) async fn get_json<T: DeserializeOwned>(
    cluster: &Cluster,
    path: &str,
) -> Result<T, ClusterError> {
    let answer = get(cluster, path).await?;
    let endpoint = path.rsplit_once("/proxy").map_or(path, |(_, rest)| rest);
    if answer.code != 200 {
        return Err(cluster.unexpected(format!("a server answers {} to {endpoint}", answer.code)));
    }
    serde_json::from_slice(&answer.body).map_err(|_error| {
        cluster.unexpected(format!("a server's answer to {endpoint} is not understood"))
    })
}

async fn get(cluster: &Cluster, path: &str) -> Result<Answer, ClusterError> {
    let slow = |_elapsed| ClusterError::Unreachable {
        host: cluster.address().to_owned(),
        cause: "a server did not answer through the pod proxy in time".to_owned(),
    };
    let request = axum::http::Request::get(path)
        .body(kube::client::Body::empty())
        .map_err(|error| cluster.unexpected(error))?;
    let fetch = async {
        let response = cluster
            .client()
            .send(request)
            .await
            .map_err(|error| cluster.fail(&error))?;
        let code = response.status().as_u16();
        let body = axum::body::Body::new(response.into_body());
        let body = axum::body::to_bytes(body, LARGEST)
            .await
            .map_err(|_error| cluster.unexpected("a server's answer broke off or is too long"))?;
        Ok((code, body))
    };
    let (code, body) = tokio::time::timeout(DEADLINE, fetch)
        .await
        .map_err(slow)??;
    // The proxy hands on what the server says; what the API server itself says is a Status object.
    if code >= 400
        && let Ok(status) = serde_json::from_slice::<kube::core::Status>(&body)
        && status.status.is_some()
    {
        return Err(ClusterError::from_status(
            &cluster.host(),
            &status.with_code(code),
        ));
    }
    Ok(Answer {
        code,
        body: body.to_vec(),
    })
}
