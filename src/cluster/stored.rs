//! Stored releases, read one at a time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::ListParams;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::access::{Cluster, absent_is_none};
use super::assemble::{PREFIX, latest_releases};
use super::error::ClusterError;
use super::view::collect_metadata;
use crate::exchange::desired::SecretKey;
use crate::id::{Namespace, ReleaseName};
use crate::observe::observed::{ObjectRef, ReleaseKey, ReleaseView, StoredRelease};
use crate::observe::release::{DecodeError, Decoded, decode_release};

#[derive(Deserialize)]
struct ReleaseSecret {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    data: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[expect(
    clippy::zero_sized_map_values,
    reason = "the values are secret and are skipped"
)]
struct AnySecret {
    #[serde(default)]
    data: Option<BTreeMap<String, IgnoredAny>>,
}

impl Cluster {
    /// The latest revision as it is now (never from a cache), undecoded: what fences compare.
    pub async fn release(
        &self,
        namespace: &Namespace,
        release: &ReleaseName,
    ) -> Result<Option<ReleaseView>, ClusterError> {
        let api: Api<Secret> = self.namespaced(namespace);
        // Superseded ones too: they are all that is left where somebody deleted the latest.
        let selector = format!("owner=helm,name={release}");
        let secrets =
            collect_metadata(self, &api, &ListParams::default().labels(&selector)).await?;
        let key = ReleaseKey {
            namespace: namespace.clone(),
            release: release.clone(),
        };
        Ok(latest_releases(secrets).remove(&key))
    }

    /// Whether there is a first revision: what was never released and is released meanwhile has one. One request by name, where
    /// a namespace of hundreds would be listed.
    pub async fn is_begun(
        &self,
        namespace: &Namespace,
        release: &ReleaseName,
    ) -> Result<bool, ClusterError> {
        let api: Api<Secret> = self.namespaced(namespace);
        let first = self.find_metadata(&api, &secret_name(release, 1)).await?;
        Ok(first.is_some())
    }

    /// When each revision that is still kept was created.
    pub async fn revisions(
        &self,
        namespace: &Namespace,
        release: &ReleaseName,
    ) -> Result<BTreeMap<u32, Timestamp>, ClusterError> {
        let api: Api<Secret> = self.namespaced(namespace);
        let selector = format!("owner=helm,name={release}");
        let secrets =
            collect_metadata(self, &api, &ListParams::default().labels(&selector)).await?;
        let each = secrets.into_iter().filter_map(|secret| {
            let revision = secret.labels?.get("version")?.parse().ok()?;
            Some((revision, secret.creation_timestamp?.0))
        });
        Ok(each.collect())
    }

    /// One revision, as a fence compares it and as it is stored, or none where it is not there or says of itself that it is
    /// another one.
    pub async fn revision(
        &self,
        namespace: &Namespace,
        release: &ReleaseName,
        revision: u32,
    ) -> Result<Option<(ReleaseView, StoredRelease)>, ClusterError> {
        let read = self.secret_of(namespace, release, revision).await;
        let Some(secret) = absent_is_none(read)? else {
            return Ok(None);
        };
        let decoded = decode(&secret, namespace, release, revision)?;
        let key = ReleaseKey {
            namespace: namespace.clone(),
            release: release.clone(),
        };
        let view = latest_releases([secret.metadata]).remove(&key);
        Ok(view.map(|view| (view, decoded.stored)))
    }

    /// A stored revision with the text of its manifest.
    pub async fn stored(
        &self,
        namespace: &Namespace,
        release: &ReleaseName,
        revision: u32,
    ) -> Result<(StoredRelease, String), ClusterError> {
        let decoded = self.decode(namespace, release, revision).await?;
        Ok((decoded.stored, decoded.manifest))
    }

    /// The data of those of the objects that are `ConfigMap`s, as it is now.
    pub async fn configuration(
        &self,
        namespace: &Namespace,
        objects: &[ObjectRef],
    ) -> Result<Vec<Value>, ClusterError> {
        let path = format!("/api/v1/namespaces/{namespace}/configmaps");
        let maps = objects.iter().filter(|object| object.kind == "ConfigMap");
        let mut found = Vec::new();
        for map in maps {
            let map = absent_is_none(self.get_quietly::<Value>(&path, &map.name).await)?;
            found.extend(map.and_then(|map| map.get("data").cloned()));
        }
        Ok(found)
    }

    pub(super) async fn decode(
        &self,
        namespace: &Namespace,
        release: &ReleaseName,
        revision: u32,
    ) -> Result<Decoded, ClusterError> {
        let secret = self.secret_of(namespace, release, revision).await?;
        decode(&secret, namespace, release, revision)
    }

    async fn secret_of(
        &self,
        namespace: &Namespace,
        release: &ReleaseName,
        revision: u32,
    ) -> Result<ReleaseSecret, ClusterError> {
        let name = secret_name(release, revision);
        self.get_quietly(&secrets_of(namespace), &name).await
    }

    /// Whether a Secret has a key (or is there at all, where no key is named).
    pub(super) async fn has_secret(
        &self,
        namespace: &Namespace,
        wanted: &SecretKey,
    ) -> Result<bool, ClusterError> {
        let secret: Option<AnySecret> =
            absent_is_none(self.get_quietly(&secrets_of(namespace), &wanted.name).await)?;
        Ok(secret.is_some_and(|secret| match &wanted.key {
            None => true,
            Some(key) => secret.data.is_some_and(|data| data.contains_key(key)),
        }))
    }
}

fn decode(
    secret: &ReleaseSecret,
    namespace: &Namespace,
    release: &ReleaseName,
    revision: u32,
) -> Result<Decoded, ClusterError> {
    let undecodable = |source| ClusterError::Undecodable {
        secret: format!("{namespace}/{}", secret_name(release, revision)),
        source,
    };
    let data = secret
        .data
        .get("release")
        .ok_or_else(|| undecodable(DecodeError::Empty))?;
    let decoded = decode_release(data).map_err(undecodable)?;
    if decoded.name != release.as_str() || decoded.revision != revision {
        return Err(undecodable(DecodeError::Misplaced));
    }
    Ok(decoded)
}

fn secret_name(release: &ReleaseName, revision: u32) -> String {
    format!("{PREFIX}{release}.v{revision}")
}

fn secrets_of(namespace: &Namespace) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets")
}
