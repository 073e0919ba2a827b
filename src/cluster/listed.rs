//! Objects that are listed or watched by the thousand, of which a few words of their metadata are read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::Deserialize;

/// The annotation that names the release of an object.
pub(super) const RELEASE: &str = "meta.helm.sh/release-name";

/// An object of kind `K`, as far as it is read. What API servers note of who set which field is most of its metadata by far,
/// and ten thousand of them at a time would be most of what a daemon ever takes.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Wire", bound = "")]
pub(super) struct Listed<K> {
    pub(super) metadata: ObjectMeta,
    of: PhantomData<fn() -> K>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    metadata: Meta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<Annotations>,
}

/// The one that is read; people and programs write documents into the others.
#[derive(Deserialize)]
struct Annotations {
    #[serde(rename = "meta.helm.sh/release-name")]
    release: Option<String>,
}

impl<K> From<Wire> for Listed<K> {
    fn from(Wire { metadata: meta }: Wire) -> Self {
        Self {
            metadata: ObjectMeta {
                name: meta.name,
                namespace: meta.namespace,
                uid: meta.uid,
                resource_version: meta.resource_version,
                generation: meta.generation,
                creation_timestamp: meta.creation_timestamp,
                deletion_timestamp: meta.deletion_timestamp,
                labels: meta.labels,
                annotations: meta.annotations.and_then(|one| {
                    let release = one.release?;
                    Some(BTreeMap::from([(RELEASE.to_owned(), release)]))
                }),
                ..ObjectMeta::default()
            },
            of: PhantomData,
        }
    }
}

/// As the client's own type for metadata alone, which keeps all of it.
impl<K: Resource> Resource for Listed<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn metadata_api() -> bool {
        true
    }

    fn kind(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
