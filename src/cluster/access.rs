//! A connection to one cluster of the inventory.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::Request;
use kube::api::{GetParams, ListParams, ObjectMeta};
use kube::config::AuthInfo;
use kube::{Api, Client, Config};
use serde::de::DeserializeOwned;

use super::calm::Calms;
use super::client::{Unbuilt, client};
use super::error::ClusterError;
use super::exec::ExecCache;
use super::kubeconfig;
use super::terminating::Looks;
use super::told::Told;
use super::warnings::Warnings;
use crate::id::{ClusterId, Namespace};
use crate::observe::observed::{ClusterView, Last};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that is silent for so long while something is expected from it is dead; longer than a watch may last. One
/// whose other end is gone is found so by the system, much sooner.
const IO_TIMEOUT: Duration = Duration::from_secs(300);
/// Bytes of one answer, unpacked, and of what is kept of all pages of a list; a watch that says more fails and is begun anew.
pub(super) const LARGEST: usize = 64 << 20;

/// How a cluster of the inventory is reached.
#[derive(Debug, Clone)]
pub struct ClusterAccess {
    /// Its key in the inventory.
    pub id: ClusterId,
    /// The operator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The context in it; the current one when absent.
    pub context: Option<String>,
    /// What the settings limit us to; everything when absent.
    pub namespaces: Option<BTreeSet<Namespace>>,
}

/// A cluster that can be asked. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Cluster {
    pub(super) inner: Arc<Connection>,
}

pub(super) struct Connection {
    pub(super) id: ClusterId,
    pub(super) host: String,
    /// Host and port, for people.
    pub(super) address: String,
    pub(super) namespaces: Option<BTreeSet<Namespace>>,
    pub(super) client: Client,
    pub(super) endpoint: kubeconfig::Endpoint,
    pub(super) auth: AuthInfo,
    pub(super) exec: Arc<ExecCache>,
    pub(super) written: Mutex<kubeconfig::Written>,
    pub(super) looks: Looks,
    pub(super) last: Last<ClusterView>,
    pub(super) told: Told,
    pub(super) calms: Calms,
    pub(super) warnings: Warnings,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("id", &self.inner.id)
            .field("host", &self.inner.host)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Reads the kubeconfig and prepares the client. Nothing is sent yet, but the kubeconfig's credential program runs.
    pub async fn connect(access: &ClusterAccess) -> Result<Self, ClusterError> {
        let chosen = kubeconfig::choose(access).await?;
        let host = host_of(&chosen.config);
        let address = address_of(&chosen.config);
        let mut config = chosen.config;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(IO_TIMEOUT);
        config.write_timeout = Some(IO_TIMEOUT);
        // Every caller has its own deadline and decides itself what to send again; answers of pods through the proxy are
        // 503 for minutes and must not be repeated behind our back.
        config.default_retry = false;
        let auth = config.auth_info.clone();
        let exec = Arc::new(ExecCache::default());
        // Nothing was sent: whatever is wrong stands in the kubeconfig, or in what it names.
        let client = client(config, &exec).await.map_err(|error| {
            let cause = match error {
                Unbuilt::Credentials(cause) => format!("no credentials ({cause})"),
                Unbuilt::Client(error) => ClusterError::from_client(&address, &error).to_string(),
            };
            kubeconfig::unusable(access, cause)
        })?;
        Ok(Self {
            inner: Arc::new(Connection {
                id: access.id.clone(),
                host,
                address,
                namespaces: access.namespaces.clone(),
                client,
                endpoint: chosen.endpoint,
                auth,
                exec,
                written: Mutex::new(chosen.written),
                looks: Looks::default(),
                last: Last::default(),
                told: Told::default(),
                calms: Calms::default(),
                warnings: Warnings::default(),
            }),
        })
    }

    /// Its key in the inventory.
    pub fn id(&self) -> &ClusterId {
        &self.inner.id
    }

    /// Whether both are clones of one connection.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The API server's host without port; IPv6 in brackets.
    pub fn host(&self) -> String {
        self.inner.host.clone()
    }

    /// The API server's host and port, as an error names it.
    pub fn address(&self) -> &str {
        &self.inner.address
    }

    /// The namespaces the settings limit us to.
    pub fn namespaces(&self) -> Option<&BTreeSet<Namespace>> {
        self.inner.namespaces.as_ref()
    }

    /// When the certificate of a credential program is to be renewed: connect anew. Tokens are renewed as they are used.
    pub fn valid_until(&self) -> Option<jiff::Timestamp> {
        *self.inner.client.valid_until()
    }

    /// The API server does not accept what the credential program gave: it is asked again. Whether there is one.
    pub(super) fn doubt_credentials(&self) -> bool {
        self.inner.exec.forget();
        self.inner.auth.exec.is_some()
    }

    /// Whether the kubeconfig, or a certificate or key that it names, was written anew or removed since.
    pub(super) fn news(&self) -> kubeconfig::News {
        let written = &self.inner.written;
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        written.news()
    }

    pub(crate) fn client(&self) -> &Client {
        &self.inner.client
    }

    pub(crate) fn fail(&self, error: &kube::Error) -> ClusterError {
        ClusterError::from_client(&self.inner.address, error)
    }

    pub(crate) fn unexpected(&self, cause: impl std::fmt::Display) -> ClusterError {
        ClusterError::Unexpected {
            host: self.inner.address.clone(),
            cause: cause.to_string(),
        }
    }

    pub(crate) fn namespaced<K>(&self, namespace: &Namespace) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.inner.client.clone(), namespace.as_str())
    }

    /// An object's metadata, or `None` where the API server itself says that it is not there. (The client's own way takes
    /// any 404 for absence.)
    pub(super) async fn find_metadata<K>(
        &self,
        api: &Api<K>,
        name: &str,
    ) -> Result<Option<ObjectMeta>, ClusterError>
    where
        K: Clone + DeserializeOwned + std::fmt::Debug,
    {
        let found = api
            .get_metadata(name)
            .await
            .map(|object| object.metadata)
            .map_err(|error| self.fail(&error));
        absent_is_none(found)
    }

    /// GETs an object the client must not parse itself: it logs what it cannot parse, and this may be a Secret.
    pub(crate) async fn get_quietly<T: DeserializeOwned>(
        &self,
        path: &str,
        name: &str,
    ) -> Result<T, ClusterError> {
        let request = kube::core::Request::new(path);
        let request = request.get(name, &GetParams::default());
        self.read(request.map_err(|error| self.unexpected(error))?)
            .await
    }

    /// The same of a list that comes as one.
    pub(crate) async fn list_quietly<T: DeserializeOwned>(
        &self,
        path: &str,
        params: &ListParams,
    ) -> Result<T, ClusterError> {
        let request = kube::core::Request::new(path).list(params);
        self.read(request.map_err(|error| self.unexpected(error))?)
            .await
    }

    async fn read<T: DeserializeOwned>(
        &self,
        request: Request<Vec<u8>>,
    ) -> Result<T, ClusterError> {
        let text = self
            .inner
            .client
            .request_text(request)
            .await
            .map_err(|error| self.fail(&error))?;
        serde_json::from_str(&text)
            .map_err(|error| self.unexpected(format!("column {}", error.column())))
    }
}

fn address_of(config: &Config) -> String {
    match config.cluster_url.port_u16() {
        Some(port) => format!("{}:{port}", host_of(config)),
        None => host_of(config),
    }
}

fn host_of(config: &Config) -> String {
    config.cluster_url.host().unwrap_or_default().to_owned()
}

/// What a `Result` of one object says when absence is no error.
pub(crate) fn absent_is_none<T>(
    result: Result<T, ClusterError>,
) -> Result<Option<T>, ClusterError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_there() => Ok(None),
        Err(error) => Err(error),
    }
}
