//! Whether the objects of a manifest are there, read one by one.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use kube::core::{DynamicObject, ObjectMeta};
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Error};

use super::access::Cluster;
use super::error::ClusterError;
use super::kinds::{KNOWN, kind_of, resource};
use crate::id::Namespace;
use crate::observe::observed::ObjectRef;

const PARALLEL: usize = 8;

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

    async fn look_for(
        &self,
        namespace: &Namespace,
        object: &ObjectRef,
    ) -> Result<Option<Present>, ClusterError> {
        let found = self.find_object(namespace, object).await?;
        Ok(found.map(|found| Present {
            object: object.clone(),
            terminating: found.deletion_timestamp.is_some(),
        }))
    }

    /// The metadata of an object of a release in `namespace`, if it is there.
    pub(super) async fn find_object(
        &self,
        namespace: &Namespace,
        object: &ObjectRef,
    ) -> Result<Option<ObjectMeta>, ClusterError> {
        match self.api_of(namespace, object).await? {
            Some(api) => self.find_metadata(&api, &object.name).await,
            None => Ok(None),
        }
    }

    /// Where an object of a release in `namespace` is; none where the API server does not know its kind.
    pub(super) async fn api_of(
        &self,
        namespace: &Namespace,
        object: &ObjectRef,
    ) -> Result<Option<Api<DynamicObject>>, ClusterError> {
        let namespace = object.namespace.as_deref().unwrap_or(namespace.as_str());
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
