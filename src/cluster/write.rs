//! The few writes that do not go through helm, each with the preconditions it relies on.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Namespace as NamespaceObject, Secret};
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions};
use serde_json::{Map, Value, json};

use super::access::Cluster;
use super::error::ClusterError;
use super::stamp::LABELS;
use crate::id::{Instance, Namespace};
use crate::observe::observed::SecretIdentity;

const CREATED_BY: &str = "natsx-sync/created-by";

impl Cluster {
    /// Creates the namespace unless it is there; true when it was created. Where the settings limit us to namespaces it
    /// must be there already.
    pub async fn ensure_namespace(
        &self,
        namespace: &Namespace,
        instance: &Instance,
    ) -> Result<bool, ClusterError> {
        let limited = self.namespaces().is_some();
        match self.namespace_meta(namespace.as_str()).await {
            Ok(Some(meta)) if meta.deletion_timestamp.is_some() => {
                return Err(ClusterError::NamespaceTerminating(namespace.clone()));
            }
            Ok(Some(_)) => return Ok(false),
            Ok(None) if limited => {
                return Err(ClusterError::NamespaceMissing(namespace.clone()));
            }
            // A namespaced Role often cannot read its own namespace; helm will tell if it is missing.
            Err(ClusterError::Forbidden { .. }) if limited => return Ok(false),
            Ok(None) | Err(ClusterError::Forbidden { .. }) => {}
            Err(error) => return Err(error),
        }
        let wanted = NamespaceObject {
            metadata: ObjectMeta {
                name: Some(namespace.to_string()),
                labels: Some(BTreeMap::from([(
                    CREATED_BY.to_owned(),
                    instance.to_string(),
                )])),
                ..ObjectMeta::default()
            },
            ..NamespaceObject::default()
        };
        let api: Api<NamespaceObject> = Api::all(self.client().clone());
        match api.create(&PostParams::default(), &wanted).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(false),
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// Deletes exactly this release Secret: another uid or a later change, and nothing happens (`Changed`).
    pub async fn delete_release_secret(
        &self,
        namespace: &Namespace,
        secret: &SecretIdentity,
    ) -> Result<(), ClusterError> {
        let api: Api<Secret> = self.namespaced(namespace);
        let params = DeleteParams::default().preconditions(Preconditions {
            uid: Some(secret.uid.to_string()),
            resource_version: Some(secret.resource_version.to_string()),
        });
        let request = kube::core::Request::new(api.resource_url())
            .delete(&secret.name, &params)
            .map_err(|error| self.unexpected(error))?;
        // The answer may be the Secret itself and is not parsed.
        match self.client().request_text(request).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// Sets our labels to exactly these (none: takes them off), if the Secret is still the one that was seen.
    pub async fn patch_stamp(
        &self,
        namespace: &Namespace,
        secret: &SecretIdentity,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), ClusterError> {
        let api: Api<Secret> = self.namespaced(namespace);
        api.patch_metadata(
            &secret.name,
            &PatchParams::default(),
            &Patch::Merge(stamp_patch(secret, labels)),
        )
        .await
        .map_err(|error| self.fail(&error))?;
        Ok(())
    }
}

fn stamp_patch(secret: &SecretIdentity, labels: &BTreeMap<String, String>) -> Value {
    let mut changes: Map<String, Value> = LABELS
        .iter()
        .map(|label| ((*label).to_owned(), Value::Null))
        .collect();
    for (label, value) in labels {
        changes.insert(label.clone(), json!(value));
    }
    json!({"metadata": {
        "uid": secret.uid,
        "resourceVersion": secret.resource_version,
        "labels": changes,
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_replaces_all_of_our_labels_and_no_other() {
        let secret = SecretIdentity {
            name: "s".into(),
            uid: "u".into(),
            resource_version: "5".into(),
            created: None,
        };
        let labels = BTreeMap::from([("natsx-sync/revision".to_owned(), "3".to_owned())]);
        let patch = stamp_patch(&secret, &labels);
        assert_eq!(patch["metadata"]["resourceVersion"], "5");
        let changed = patch["metadata"]["labels"].as_object().unwrap();
        assert_eq!(changed.len(), LABELS.len());
        assert_eq!(changed["natsx-sync/revision"], "3");
        assert!(changed["natsx-sync/commit"].is_null());
    }
}
