//! What a view says beside its releases: the cluster itself and its namespaces.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Namespace as NamespaceObject;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::ListParams;

use super::access::Cluster;
use super::error::ClusterError;
use super::view::{PARALLEL, ViewWants, allowed, collect_metadata};
use crate::id::Namespace;
use crate::observe::observed::ClusterView;

impl Cluster {
    /// A view without its releases.
    pub(super) async fn frame(&self) -> Result<ClusterView, ClusterError> {
        match self.namespaces() {
            None => self.frame_of_all().await,
            Some(namespaces) => self.frame_of(namespaces).await,
        }
    }

    async fn frame_of_all(&self) -> Result<ClusterView, ClusterError> {
        let namespaces: Api<NamespaceObject> = Api::all(self.client().clone());
        let ending = ListParams::default().fields("status.phase=Terminating");
        let (uid, terminating) = futures::try_join!(
            self.uid(),
            allowed(collect_metadata(self, &namespaces, &ending)),
        )?;
        Ok(ClusterView {
            uid,
            terminating_namespaces: terminating
                .unwrap_or_default()
                .into_iter()
                .filter_map(|meta| meta.name?.parse().ok())
                .collect(),
            ..ClusterView::default()
        })
    }

    async fn frame_of(
        &self,
        namespaces: &BTreeSet<Namespace>,
    ) -> Result<ClusterView, ClusterError> {
        let looks: Vec<_> = stream::iter(namespaces.iter().cloned().map(|namespace| async move {
            let meta = allowed(self.namespace_meta(namespace.as_str())).await?;
            // May not be read: taken to be there, for its Secrets can be listed.
            let meta = meta.unwrap_or_else(|| Some(ObjectMeta::default()));
            Ok::<_, ClusterError>((namespace, meta))
        }))
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
        let mut view = ClusterView {
            scope: Some(namespaces.clone()),
            ..ClusterView::default()
        };
        for (namespace, meta) in looks {
            match meta {
                None => {
                    view.missing_namespaces.insert(namespace);
                }
                Some(meta) if meta.deletion_timestamp.is_some() => {
                    view.terminating_namespaces.insert(namespace);
                }
                Some(_) => {}
            }
        }
        Ok(view)
    }

    /// Whether a view whose releases are as they were is so in all else.
    pub(super) async fn is_still(
        &self,
        view: &ClusterView,
        wants: &ViewWants,
    ) -> Result<bool, ClusterError> {
        let releases = view.releases.values();
        if releases.into_iter().any(|one| one.undecodable.is_some()) {
            return Ok(false);
        }
        let frame = self.frame().await?;
        let missing = self.missing_secrets(wants, &frame.missing_namespaces);
        let missing_secrets = missing.await?;
        Ok(view.uid == frame.uid
            && view.scope == frame.scope
            && view.missing_namespaces == frame.missing_namespaces
            && view.terminating_namespaces == frame.terminating_namespaces
            && view.missing_secrets == missing_secrets)
    }
}
