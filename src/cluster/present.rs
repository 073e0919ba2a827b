//! Whether the objects of a manifest are there, read one by one.

use futures::future::try_join_all;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use kube::api::{ApiResource, GroupVersionKind, ListParams};
use kube::core::DynamicObject;
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Error};

use super::access::Cluster;
use super::error::ClusterError;
use super::view::collect_metadata;
use crate::id::{Namespace, ReleaseName};
use crate::observe::observed::ObjectRef;

const PARALLEL: usize = 8;
const INSTANCE: &str = "app.kubernetes.io/instance";

/// What the chart renders, so that the usual look needs no discovery.
const KNOWN: &[(&str, &str, &str)] = &[
    ("v1", "ConfigMap", "configmaps"),
    ("v1", "Secret", "secrets"),
    ("v1", "Service", "services"),
    ("v1", "ServiceAccount", "serviceaccounts"),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("v1", "Pod", "pods"),
    ("apps/v1", "StatefulSet", "statefulsets"),
    ("apps/v1", "Deployment", "deployments"),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("networking.k8s.io/v1", "Ingress", "ingresses"),
];

/// Whose deletion is known to take its time: deleted in the foreground, or a load balancer that is taken down first. Few,
/// for every install and upgrade asks.
const LINGERING: [&str; 4] = ["ConfigMap", "Service", "StatefulSet", "Deployment"];

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Which.
    pub object: ObjectRef,
    /// It is being deleted.
    pub terminating: bool,
}

impl Cluster {
    /// Those of the objects that are there. A kind the API server does not know cannot be there.
    pub async fn present(
        &self,
        namespace: &Namespace,
        objects: &[ObjectRef],
    ) -> Result<Vec<Present>, ClusterError> {
        // Collected first: a stream over a borrowing closure is not provably Send for every lifetime.
        let asked: Vec<_> = objects
            .iter()
            .map(|object| self.look_for(namespace, object))
            .collect();
        stream::iter(asked)
            .buffered(PARALLEL)
            .try_filter_map(|present| async move { Ok(present) })
            .try_collect()
            .await
    }

    /// What carries the label every chart gives the objects of a release and is being deleted, whoever deletes it.
    pub async fn terminating(
        &self,
        namespace: &Namespace,
        release: &ReleaseName,
    ) -> Result<Vec<ObjectRef>, ClusterError> {
        let labelled = ListParams::default().labels(&format!("{INSTANCE}={release}"));
        let kinds = KNOWN.iter().filter(|(_, kind, _)| LINGERING.contains(kind));
        let lists = kinds.map(|(api_version, kind, plural)| {
            let labelled = &labelled;
            async move {
                let resource = resource(api_version, kind, plural);
                let client = self.client().clone();
                let api: Api<DynamicObject> =
                    Api::namespaced_with(client, namespace.as_str(), &resource);
                let found = collect_metadata(self, &api, labelled).await?;
                let going = found
                    .into_iter()
                    .filter(|meta| meta.deletion_timestamp.is_some());
                let each = going.map(|meta| ObjectRef {
                    api_version: (*api_version).to_owned(),
                    kind: (*kind).to_owned(),
                    namespace: meta.namespace,
                    name: meta.name.unwrap_or_default(),
                });
                Ok::<Vec<_>, ClusterError>(each.collect())
            }
        });
        Ok(try_join_all(lists).await?.concat())
    }

    async fn look_for(
        &self,
        namespace: &Namespace,
        object: &ObjectRef,
    ) -> Result<Option<Present>, ClusterError> {
        let within = object.namespace.as_deref().unwrap_or(namespace.as_str());
        let Some(api) = self.api_of(object, within).await? else {
            return Ok(None);
        };
        let found = self.find_metadata(&api, &object.name).await?;
        Ok(found.map(|found| Present {
            object: object.clone(),
            terminating: found.deletion_timestamp.is_some(),
        }))
    }

    pub(super) async fn api_of(
        &self,
        object: &ObjectRef,
        namespace: &str,
    ) -> Result<Option<Api<DynamicObject>>, ClusterError> {
        let client = self.client().clone();
        let known = KNOWN.iter().find(|(api_version, name, _)| {
            *api_version == object.api_version && *name == object.kind
        });
        if let Some((api_version, kind, plural)) = known {
            let resource = resource(api_version, kind, plural);
            return Ok(Some(Api::namespaced_with(client, namespace, &resource)));
        }
        let kind = kind_of(&object.api_version, &object.kind);
        match pinned_kind(self.client(), &kind).await {
            Ok((resource, capabilities)) => Ok(Some(match capabilities.scope {
                Scope::Namespaced => Api::namespaced_with(client, namespace, &resource),
                Scope::Cluster => Api::all_with(client, &resource),
            })),
            // An unknown group is answered without a status object.
            Err(Error::Api(status)) if status.code == 404 => Ok(None),
            Err(Error::Discovery(_)) => Ok(None),
            Err(error) => Err(self.fail(&error)),
        }
    }
}

fn kind_of(api_version: &str, kind: &str) -> GroupVersionKind {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    GroupVersionKind::gvk(group, version, kind)
}

fn resource(api_version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&kind_of(api_version, kind), plural)
}
