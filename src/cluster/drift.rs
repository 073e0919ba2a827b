//! Whether the objects of a release are as it says. The API server is asked, without effect, what it would make of each
//! object of the stored manifest, so that its defaults are no differences. A whole replacement: a server-side apply would
//! overlook what somebody added.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use json_patch::jsonptr::PointerBuf;
use json_patch::{Patch as JsonPatch, PatchOperation, ReplaceOperation, diff};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::access::{Cluster, absent_is_none};
use super::error::{ClusterError, words};
use crate::drift::{Difference, Drift, IgnoredPath, differences, settled};
use crate::id::{Namespace, ReleaseName};
use crate::observe::manifest::{parse_objects, reference, text};
use crate::observe::observed::ReleaseView;

/// Objects of one release at a time.
pub(super) const PARALLEL: usize = 4;
/// How often an object that changes while it is compared is compared anew.
const ATTEMPTS: usize = 3;
/// Whose changes these are to the API server.
const MANAGER: &str = "natsx-sync";

/// A release whose objects are compared.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// Its namespace.
    pub namespace: &'a Namespace,
    /// Its name.
    pub release: &'a ReleaseName,
    /// Its latest revision, as just read.
    pub view: &'a ReleaseView,
    /// Places that may differ.
    pub ignored: &'a [IgnoredPath],
}

/// How an object is.
enum Standing {
    /// It is there; as it is, and as it should be.
    There { live: Value, settled: Value },
    /// It is not there, or is being deleted.
    Gone,
    /// Nobody knows, and why.
    Unread(String),
}

impl Cluster {
    /// How the objects of a release differ from what it says.
    ///
    /// # Errors
    /// When the release itself cannot be read; single objects that cannot be are told.
    pub async fn drift(&self, compared: Compared<'_>) -> Result<Drift, ClusterError> {
        let mut drift = Drift {
            release: compared.view.secret.uid.to_string(),
            ..Drift::default()
        };
        if self.is_calm(compared).await {
            return Ok(drift);
        }
        let began = Instant::now();
        let objects = self.wanted_objects(compared).await?;
        let ignored = compared.ignored;
        let asked: Vec<_> = objects
            .iter()
            .map(|wanted| self.standing(compared.namespace, wanted, ignored))
            .collect();
        let found: Vec<Standing> = stream::iter(asked).buffered(PARALLEL).try_collect().await?;
        let mut seen = Vec::new();
        for (wanted, standing) in objects.iter().zip(found) {
            let (kind, name) = (part(wanted, "/kind"), part(wanted, "/metadata/name"));
            match standing {
                Standing::There { live, settled } => {
                    drift.differences.extend(differences(&live, &settled));
                    let version = text(&live, "/metadata/resourceVersion");
                    seen.extend(reference(wanted).zip(version.map(str::to_owned)));
                }
                Standing::Gone => drift.differences.push(Difference::gone(kind, name)),
                Standing::Unread(why) => drift.unread.push(format!("{kind} {name}: {why}")),
            }
        }
        if drift.differences.is_empty() && drift.unread.is_empty() && seen.len() == objects.len() {
            self.inner.calms.keep(compared, began, seen);
        }
        Ok(drift)
    }

    /// Puts the objects of a release that are there back to what it says, each only as it was just read; how many were.
    ///
    /// # Errors
    /// When an object can be neither read nor written. Those before it are put back.
    pub async fn put_back(&self, compared: Compared<'_>) -> Result<usize, ClusterError> {
        let mut count = 0;
        for wanted in self.wanted_objects(compared).await? {
            count += usize::from(self.put_object_back(compared, &wanted).await?);
        }
        Ok(count)
    }

    async fn put_object_back(
        &self,
        compared: Compared<'_>,
        wanted: &Value,
    ) -> Result<bool, ClusterError> {
        let Compared {
            namespace, ignored, ..
        } = compared;
        let mut attempt = 1;
        loop {
            let standing = self.standing(namespace, wanted, ignored).await?;
            let Standing::There { live, settled } = standing else {
                return Ok(false);
            };
            let api = self.api_for(namespace, wanted).await?;
            let Some(api) = api.filter(|_| !differences(&live, &settled).is_empty()) else {
                return Ok(false);
            };
            match self.patch_to(&api, &live, &settled).await {
                // Its status changes by itself.
                Err(ClusterError::Changed { .. }) if attempt < ATTEMPTS => attempt += 1,
                patched => return patched.map(|()| true),
            }
        }
    }

    /// The objects of the stored manifest as helm sends them: with its own labels.
    async fn wanted_objects(&self, compared: Compared<'_>) -> Result<Vec<Value>, ClusterError> {
        let Compared {
            namespace,
            release,
            view,
            ..
        } = compared;
        let (_, manifest) = self.stored(namespace, release, view.revision).await?;
        let mut objects = parse_objects(&manifest).map_err(|source| ClusterError::Undecodable {
            secret: format!("{namespace}/{}", view.secret.name),
            source,
        })?;
        for object in &mut objects {
            let marks = json!({"metadata": {
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
                "annotations": {
                    "meta.helm.sh/release-name": release.as_str(),
                    "meta.helm.sh/release-namespace": namespace.as_str(),
                },
            }});
            json_patch::merge(object, &marks);
        }
        Ok(objects)
    }

    async fn standing(
        &self,
        namespace: &Namespace,
        wanted: &Value,
        ignored: &[IgnoredPath],
    ) -> Result<Standing, ClusterError> {
        let api = match self.api_for(namespace, wanted).await {
            Ok(Some(api)) => api,
            Ok(None) => {
                let text = "the API server does not know this kind".to_owned();
                return Ok(Standing::Unread(text));
            }
            Err(error) => return unread(error),
        };
        let name = part(wanted, "/metadata/name");
        let mut attempt = 1;
        loop {
            let live = absent_is_none(self.get_quietly::<Value>(api.resource_url(), name).await);
            let live = match live {
                Ok(None) => return Ok(Standing::Gone),
                Ok(Some(live)) if live.pointer("/metadata/deletionTimestamp").is_some() => {
                    return Ok(Standing::Gone);
                }
                Ok(Some(live)) => live,
                Err(error) => return unread(error),
            };
            match self.replaced(&api, wanted, &live).await {
                Ok(made) => {
                    let settled = settled(&live, &made, ignored);
                    return Ok(Standing::There { live, settled });
                }
                Err(kube::Error::Api(status)) if status.code == 409 && attempt < ATTEMPTS => {
                    attempt += 1;
                }
                Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
                    let text = format!(
                        "the API server would not take it as the release says: {}",
                        words(&status)
                    );
                    return Ok(Standing::Unread(text));
                }
                Err(error) => return unread(self.fail(&error)),
            }
        }
    }

    /// What the API server would make of `wanted` in the place of `live`.
    async fn replaced(
        &self,
        api: &Api<DynamicObject>,
        wanted: &Value,
        live: &Value,
    ) -> Result<Value, kube::Error> {
        let mut body = wanted.clone();
        let version = live.pointer("/metadata/resourceVersion");
        json_patch::merge(
            &mut body,
            &json!({"metadata": {"resourceVersion": version}}),
        );
        let params = PostParams {
            dry_run: true,
            field_manager: Some(MANAGER.to_owned()),
        };
        let name = part(wanted, "/metadata/name");
        let body = serde_json::to_vec(&body).map_err(kube::Error::SerdeError)?;
        let request = kube::core::Request::new(api.resource_url())
            .replace(name, &params, body)
            .map_err(kube::Error::BuildRequest)?;
        // Not parsed by the client, which logs what it cannot parse: it may be a Secret.
        let text = self.client().request_text(request).await?;
        serde_json::from_str(&text).map_err(kube::Error::SerdeError)
    }

    async fn patch_to(
        &self,
        api: &Api<DynamicObject>,
        live: &Value,
        settled: &Value,
    ) -> Result<(), ClusterError> {
        let JsonPatch(changes) = diff(live, settled);
        let version = live.pointer("/metadata/resourceVersion");
        // The API server takes it as a condition.
        let unchanged = PatchOperation::Replace(ReplaceOperation {
            path: PointerBuf::from_tokens(["metadata", "resourceVersion"]),
            value: version.cloned().unwrap_or_default(),
        });
        let operations = [unchanged].into_iter().chain(changes).collect();
        let patch: Patch<()> = Patch::Json(JsonPatch(operations));
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let name = part(settled, "/metadata/name");
        let request = kube::core::Request::new(api.resource_url())
            .patch(name, &params, &patch)
            .map_err(|error| self.unexpected(error))?;
        match self.client().request_text(request).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.fail(&error)),
        }
    }

    async fn api_for(
        &self,
        namespace: &Namespace,
        wanted: &Value,
    ) -> Result<Option<Api<DynamicObject>>, ClusterError> {
        match reference(wanted) {
            Some(object) => self.api_of(namespace, &object).await,
            None => Ok(None),
        }
    }
}

/// What says nothing about one object may say nothing about the next: that ends the comparison.
fn unread(error: ClusterError) -> Result<Standing, ClusterError> {
    if error.is_retryable() {
        Err(error)
    } else {
        Ok(Standing::Unread(error.to_string()))
    }
}

fn part<'v>(object: &'v Value, pointer: &str) -> &'v str {
    text(object, pointer).unwrap_or_default()
}
