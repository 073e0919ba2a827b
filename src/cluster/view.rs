//! One picture of a cluster from as few requests as possible.

use std::collections::{BTreeMap, BTreeSet};
use std::convert;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{Namespace as NamespaceObject, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::core::ObjectList;
use kube::{Api, Resource};
use tokio::time::Instant;

use super::access::{Cluster, LARGEST};
use super::assemble::latest_releases;
use super::error::ClusterError;
use super::listed::Listed;
use crate::exchange::desired::SecretKey;
use crate::id::Namespace;
use crate::observe::observed::{
    ClusterView, ReleaseKey, ReleaseStatus, ReleaseView, StoredRelease, Unreadable,
};

/// Superseded revisions are nine tenths of what Helm stores and decide nothing.
pub(super) const SELECTOR: &str = "owner=helm,status!=superseded";
const SUPERSEDED: &str = "owner=helm,status=superseded";
const PAGE: u32 = 500;
/// So many releases are asked for by name; of more all are listed.
const NAMED: usize = 50;
/// How long a look reads releases whose labels are not enough: a thousand that differ are read, and acted upon, in several.
const DECODING: Duration = Duration::from_secs(5);
/// Requests at a time within one cluster.
pub(super) const PARALLEL: usize = 16;

/// What a view has to answer beyond the list of releases.
#[derive(Debug, Clone, Default)]
pub struct ViewWants {
    /// What git wants in this cluster, with the first 40 digits of its digest: what differs is decoded.
    pub desired: BTreeMap<ReleaseKey, String>,
    /// To be decoded in any case.
    pub decode: BTreeSet<ReleaseKey>,
    /// Everything with our label is decoded, and of each only what this leaves is kept: all of many would not fit.
    pub decode_marked: Option<fn(StoredRelease) -> StoredRelease>,
    /// Secrets that exchanges refer to.
    pub secrets: BTreeSet<(Namespace, SecretKey)>,
    /// The same was wanted when it was seen last, and nothing was to be done: where nothing was told of its releases since,
    /// they are not listed again.
    pub as_before: bool,
}

impl ViewWants {
    /// Whether the labels of this release leave open what it holds.
    fn must_decode(&self, key: &ReleaseKey, view: &ReleaseView) -> bool {
        if view.undecodable.is_some() {
            return false;
        }
        if self.decode.contains(key) || (self.decode_marked.is_some() && view.stamp.is_some()) {
            return true;
        }
        let desired = self.desired.get(key);
        let Some(stamp) = &view.stamp else {
            return desired.is_some();
        };
        stamp.revision != view.revision
            || matches!(
                view.status,
                ReleaseStatus::Failed | ReleaseStatus::Superseded
            )
            || view.status.is_pending()
            || desired.is_some_and(|digest| *digest != stamp.digest)
    }
}

type Releases = BTreeMap<ReleaseKey, ReleaseView>;

impl Cluster {
    /// What was seen of it over a connection before this one.
    pub fn recall(&self, view: &Arc<ClusterView>) {
        self.inner.last.recall(view);
    }

    /// A number that stays the same while its watch tells nothing of its releases; none while nobody listens.
    pub fn told(&self) -> Option<u64> {
        self.inner.told.count()
    }

    /// Everything a plan needs to know of this cluster, or the reason why that is not known. While somebody has the last
    /// view and nothing differs, it is that one: not kept twice, and found to be the same by looking at neither.
    pub async fn view(&self, wants: &ViewWants) -> Result<Arc<ClusterView>, Unreadable> {
        let attempt = || self.see(wants);
        let retries = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_times(2);
        attempt
            .retry(retries)
            .when(ClusterError::is_retryable)
            .await
            .map_err(Unreadable::from)
    }

    async fn see(&self, wants: &ViewWants) -> Result<Arc<ClusterView>, ClusterError> {
        let told = self.told();
        if wants.as_before
            && let Some(last) = told.and_then(|told| self.inner.last.of(told))
            && self.is_still(&last, wants).await?
        {
            return Ok(last);
        }
        let view = self.look(wants).await?;
        Ok(self.inner.last.or(view, told))
    }

    async fn look(&self, wants: &ViewWants) -> Result<ClusterView, ClusterError> {
        let (mut view, releases) = futures::try_join!(self.frame(), self.releases())?;
        view.releases = releases;
        self.add_headless(wants, &mut view).await?;
        let (decoded, missing) = futures::try_join!(
            self.decode_all(wants, &view.releases),
            self.missing_secrets(wants, &view.missing_namespaces),
        )?;
        view.missing_secrets = missing;
        for (key, outcome) in decoded {
            if let Some(release) = view.releases.get_mut(&key) {
                match outcome {
                    Ok(stored) => release.stored = Some(stored),
                    Err(text) => release.undecodable = Some(text),
                }
            }
        }
        Ok(view)
    }

    /// Adds wanted releases of which nothing but superseded revisions is left, because somebody deleted the Secret of the
    /// latest: helm refuses to install those anew.
    async fn add_headless(
        &self,
        wants: &ViewWants,
        view: &mut ClusterView,
    ) -> Result<(), ClusterError> {
        let is_absent = |key: &&ReleaseKey| {
            let read = view
                .scope
                .as_ref()
                .is_none_or(|scope| scope.contains(&key.namespace));
            read && !view.releases.contains_key(key)
        };
        let absent: BTreeSet<&ReleaseKey> = wants.desired.keys().filter(is_absent).collect();
        if absent.is_empty() {
            return Ok(());
        }
        let names: BTreeSet<&str> = absent.iter().map(|key| key.release.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let selector = if names.len() <= NAMED {
            format!("{SUPERSEDED},name in ({})", names.join(","))
        } else {
            SUPERSEDED.to_owned()
        };
        let list = ListParams::default().labels(&selector).limit(PAGE);
        let places: Vec<Api<Secret>> = self.everywhere();
        let asked: Vec<_> = places
            .iter()
            .map(|api| collect_metadata(self, api, &list))
            .collect();
        let found: Vec<Vec<ObjectMeta>> = stream::iter(asked)
            .buffer_unordered(PARALLEL)
            .try_collect()
            .await?;
        let mut found = latest_releases(found.into_iter().flatten());
        found.retain(|key, _| absent.contains(key));
        view.releases.append(&mut found);
        Ok(())
    }

    /// The latest revision of each release. What else a list says is gone before anything else is waited for: it is five
    /// times as much.
    async fn releases(&self) -> Result<Releases, ClusterError> {
        let list = ListParams::default().labels(SELECTOR).limit(PAGE);
        let list = &list;
        let looks = self.everywhere::<Secret>().into_iter();
        let looks = looks.map(|api| async move {
            let listed = collect_metadata(self, &api, list).await?;
            Ok::<_, ClusterError>(latest_releases(listed))
        });
        let found: Vec<Releases> = stream::iter(looks)
            .buffer_unordered(PARALLEL)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// uid of `kube-system`, which tells clusters apart; none where we may not ask for it.
    pub async fn uid(&self) -> Result<Option<String>, ClusterError> {
        let meta = allowed(self.namespace_meta("kube-system")).await?;
        Ok(meta.flatten().and_then(|meta| meta.uid))
    }

    pub(super) async fn namespace_meta(
        &self,
        name: &str,
    ) -> Result<Option<ObjectMeta>, ClusterError> {
        let api: Api<NamespaceObject> = Api::all(self.client().clone());
        self.find_metadata(&api, name).await
    }

    async fn decode_all(
        &self,
        wants: &ViewWants,
        releases: &BTreeMap<ReleaseKey, ReleaseView>,
    ) -> Result<Vec<(ReleaseKey, Result<StoredRelease, String>)>, ClusterError> {
        let open: Vec<(ReleaseKey, u32)> = releases
            .iter()
            .filter(|(key, view)| wants.must_decode(key, view))
            .map(|(key, view)| (key.clone(), view.revision))
            .collect();
        // Whoever wants all of them decoded waits for all of them.
        let until = wants
            .decode_marked
            .is_none()
            .then(|| Instant::now() + DECODING);
        stream::iter(open.into_iter().map(|(key, revision)| async move {
            let decoding = self.decode(&key.namespace, &key.release, revision);
            let decoded = match until {
                Some(until) => tokio::time::timeout_at(until, decoding).await.ok(),
                None => Some(decoding.await),
            };
            let Some(decoded) = decoded else {
                let text = "the cluster is too slow to read all that differ at once: the next look goes on";
                return Ok((key, Err(text.to_owned())));
            };
            match decoded {
                Ok(decoded) => {
                    let keep = wants.decode_marked.unwrap_or(convert::identity);
                    Ok((key, Ok(keep(decoded.stored))))
                }
                Err(ClusterError::Undecodable { source, .. }) => Ok((key, Err(source.to_string()))),
                // It was there a moment ago: unreadable in this pass, not absent.
                Err(error) if error.is_not_there() => Ok((
                    key,
                    Err("it was replaced while it was being read".to_owned()),
                )),
                Err(error) => Err(error),
            }
        }))
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await
    }

    pub(super) async fn missing_secrets(
        &self,
        wants: &ViewWants,
        missing_namespaces: &BTreeSet<Namespace>,
    ) -> Result<BTreeSet<(Namespace, SecretKey)>, ClusterError> {
        let in_scope = |namespace: &Namespace| {
            self.namespaces()
                .is_none_or(|scope| scope.contains(namespace))
                && !missing_namespaces.contains(namespace)
        };
        let asked: Vec<_> = wants
            .secrets
            .iter()
            .filter(|(namespace, _)| in_scope(namespace))
            .cloned()
            .collect();
        stream::iter(asked.into_iter().map(|(namespace, wanted)| async move {
            let there = self.has_secret(&namespace, &wanted).await?;
            Ok::<_, ClusterError>((!there).then_some((namespace, wanted)))
        }))
        .buffer_unordered(PARALLEL)
        .try_filter_map(|missing| async move { Ok(missing) })
        .try_collect()
        .await
    }
}

/// `None` where the API server does not let us ask.
pub(super) async fn allowed<T>(
    answer: impl Future<Output = Result<T, ClusterError>>,
) -> Result<Option<T>, ClusterError> {
    match answer.await {
        Ok(value) => Ok(Some(value)),
        Err(ClusterError::Forbidden { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// All pages of a metadata LIST. A page whose continuation ran out of time makes the whole list begin anew: half a list
/// would make releases look absent.
pub(super) async fn collect_metadata<K: Resource + Clone>(
    cluster: &Cluster,
    api: &Api<K>,
    params: &ListParams,
) -> Result<Vec<ObjectMeta>, ClusterError> {
    let mut params = params.clone();
    let mut found = Vec::new();
    let (mut restarts, mut bytes) = (0, 0);
    loop {
        let request = kube::core::Request::new(api.resource_url()).list_metadata(&params);
        let request = request.map_err(|error| cluster.unexpected(error))?;
        let page: ObjectList<Listed<K>> = match cluster.client().request(request).await {
            Ok(page) => page,
            Err(kube::Error::Api(status)) if status.code == 410 && restarts < 2 => {
                restarts += 1;
                found.clear();
                bytes = 0;
                params.continue_token = None;
                continue;
            }
            Err(error) => return Err(cluster.fail(&error)),
        };
        found.extend(page.items.into_iter().map(|object| {
            bytes += size(&object.metadata);
            object.metadata
        }));
        if bytes > LARGEST {
            return Err(cluster.unexpected("the list has no end"));
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) if params.continue_token.as_ref() == Some(&token) => {
                return Err(cluster.unexpected("the list goes on where it went on before"));
            }
            Some(token) => params.continue_token = Some(token),
            None => return Ok(found),
        }
    }
}

/// About what it takes to keep it.
fn size(meta: &ObjectMeta) -> usize {
    let words = meta.labels.iter().flatten();
    size_of::<ObjectMeta>()
        + words
            .map(|(key, word)| key.len() + word.len())
            .sum::<usize>()
}
