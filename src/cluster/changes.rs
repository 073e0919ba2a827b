//! Watches the Secrets in which Helm keeps releases, and the StatefulSets of those; metadata alone. It is
//! told that something changed, never how: what is there now is looked at.

use std::collections::BTreeMap;

use futures::stream::{SelectAll, StreamExt as _};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::ObjectMeta;
use kube::core::NamespaceResourceScope;
use kube::runtime::watcher::{self, Config, Event, watcher};
use serde::de::DeserializeOwned;

use super::Cluster;
use super::error::ClusterError;
use super::listed::{Listed, RELEASE};
use super::stamp::INSTANCE;
use super::view::SELECTOR;
use crate::id::{ExchangeId, Instance};

/// Seconds after which the API server ends a watch: before our own patience with a connection that says nothing does.
const TURN: u32 = 290;
const PAGE: u32 = 500;

/// Something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A revision as Helm keeps it.
    Release {
        /// Whose.
        id: ExchangeId,
        /// Which.
        revision: u32,
        /// The Secret as it is now, by its `uid` and `resourceVersion`; none when it is gone.
        secret: Option<(String, String)>,
        /// It carries the mark of the instance.
        marked: bool,
    },
    /// A StatefulSet of a release.
    Servers {
        /// Whose; not necessarily one of ours.
        id: ExchangeId,
        /// What it should be was changed, or it is gone; else only how it is.
        edited: bool,
    },
    /// All releases that are there were told. What had gone while nobody watched was not.
    Listed,
}

/// An event of either kind.
enum Seen {
    Release(usize, Event<Listed<Secret>>),
    Servers(Event<Listed<StatefulSet>>),
}

impl Cluster {
    /// Tells what changes, beginning with all that is there, until the watch ends or `tell` says that nobody listens.
    ///
    /// # Errors
    /// When the cluster cannot be watched any more. Begin anew after a while.
    pub async fn watch_changes(
        &self,
        instance: &Instance,
        mut tell: impl FnMut(Change) -> bool,
    ) -> Result<(), ClusterError> {
        // As they are listed, so that a list stays true while nothing is told.
        let releases = config(SELECTOR);
        let servers = config("app.kubernetes.io/managed-by=Helm");
        let mut streams = SelectAll::new();
        let places = self.everywhere::<Listed<Secret>>();
        let mut listening = self.inner.told.listen(places.len());
        for (stream, api) in places.into_iter().enumerate() {
            let events = watcher(api, releases.clone());
            let seen = move |event| Seen::Release(stream, event);
            streams.push(events.map(move |event| event.map(seen)).boxed());
        }
        for api in self.everywhere::<Listed<StatefulSet>>() {
            let events = watcher(api, servers.clone());
            streams.push(events.map(|event| event.map(Seen::Servers)).boxed());
        }
        let mut generations = BTreeMap::new();
        while let Some(event) = streams.next().await {
            let seen = event.map_err(|error| self.unwatched(error))?;
            if let Seen::Release(stream, event) = &seen {
                listening.take(*stream, event);
            }
            let change = match seen {
                Seen::Release(_, Event::InitDone) => Some(Change::Listed),
                Seen::Release(_, event) => self.release_changed(event, instance),
                Seen::Servers(event) => self.servers_changed(event, &mut generations),
            };
            if change.is_some_and(|change| !tell(change)) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The whole cluster, or each namespace the settings limit us to.
    pub(super) fn everywhere<K>(&self) -> Vec<Api<K>>
    where
        K: kube::Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned,
        K::DynamicType: Default,
    {
        match self.namespaces() {
            None => vec![Api::all(self.client().clone())],
            Some(namespaces) => namespaces.iter().map(|one| self.namespaced(one)).collect(),
        }
    }

    fn release_changed(&self, event: Event<Listed<Secret>>, instance: &Instance) -> Option<Change> {
        let (object, is_there) = object(event)?;
        let labels = object.labels.as_ref()?;
        let id = self.exchange(&object, labels.get("name")?)?;
        let revision = labels.get("version")?.parse().ok()?;
        let identity = object.uid.zip(object.resource_version);
        Some(Change::Release {
            id,
            revision,
            secret: identity.filter(|_| is_there),
            marked: labels.get(INSTANCE).map(String::as_str) == Some(instance.as_str()),
        })
    }

    /// `generations` is what was seen of each before, by `uid`.
    fn servers_changed(
        &self,
        event: Event<Listed<StatefulSet>>,
        generations: &mut BTreeMap<String, i64>,
    ) -> Option<Change> {
        let is_news = matches!(event, Event::Apply(_) | Event::Delete(_));
        let (object, is_there) = object(event)?;
        let release = object.annotations.as_ref()?.get(RELEASE)?;
        let id = self.exchange(&object, release)?;
        let uid = object.uid?;
        let generation = object.generation?;
        let before = if is_there {
            generations.insert(uid, generation)
        } else {
            generations.remove(&uid);
            None
        };
        is_news.then_some(Change::Servers {
            id,
            edited: before != Some(generation),
        })
    }

    fn exchange(&self, object: &ObjectMeta, release: &str) -> Option<ExchangeId> {
        Some(ExchangeId {
            cluster: self.id().clone(),
            namespace: object.namespace.as_ref()?.parse().ok()?,
            release: release.parse().ok()?,
        })
    }

    fn unwatched(&self, error: watcher::Error) -> ClusterError {
        match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => self.fail(&error),
            watcher::Error::WatchError(status) => self.fail(&kube::Error::Api(status)),
            watcher::Error::NoResourceVersion => self.unexpected(error),
        }
    }
}

fn config(selector: &str) -> Config {
    Config::default()
        .labels(selector)
        .timeout(TURN)
        .page_size(PAGE)
}

/// The object of an event, and whether it is there.
fn object<K>(event: Event<Listed<K>>) -> Option<(ObjectMeta, bool)> {
    match event {
        Event::Apply(object) | Event::InitApply(object) => Some((object.metadata, true)),
        Event::Delete(object) => Some((object.metadata, false)),
        Event::Init | Event::InitDone => None,
    }
}
