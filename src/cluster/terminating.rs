//! What of a release is being deleted. A hundred installs that begin together ask together: each look is a list per kind,
//! and an API server takes as long for one name as for fifty.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::try_join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::ListParams;
use kube::core::DynamicObject;
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::access::Cluster;
use super::error::ClusterError;
use super::kinds::{KNOWN, resource};
use super::view::collect_metadata;
use crate::id::{Namespace, ReleaseName};
use crate::observe::observed::ObjectRef;

/// The label every chart gives the objects of a release.
const INSTANCE: &str = "app.kubernetes.io/instance";

/// Whose deletion is known to take its time: deleted in the foreground, or a load balancer that is taken down first. Few,
/// for every install and upgrade asks.
const LINGERING: [&str; 4] = ["ConfigMap", "Service", "StatefulSet", "Deployment"];

/// Names in one request, so that its address stays shorter than any server limits it to.
const TOGETHER: usize = 50;

type Answer = Result<Vec<ObjectRef>, Arc<ClusterError>>;

/// The looks into each namespace.
#[derive(Default)]
pub(super) struct Looks(Mutex<BTreeMap<Namespace, Arc<Room>>>);

/// Who waits for the next look into a namespace, and whose turn it is to look.
#[derive(Default)]
struct Room {
    waiting: Mutex<Vec<Asker>>,
    turn: tokio::sync::Mutex<()>,
}

struct Asker {
    release: ReleaseName,
    answer: oneshot::Sender<Answer>,
}

impl Looks {
    fn room(&self, namespace: &Namespace) -> Arc<Room> {
        let mut rooms = lock(&self.0);
        Arc::clone(rooms.entry(namespace.clone()).or_default())
    }
}

impl Room {
    fn join(&self, release: &ReleaseName) -> oneshot::Receiver<Answer> {
        let (answer, told) = oneshot::channel();
        let release = release.clone();
        lock(&self.waiting).push(Asker { release, answer });
        told
    }

    /// Those who are answered by the look that begins now.
    fn take(&self) -> Vec<Asker> {
        let mut waiting = lock(&self.waiting);
        let until = waiting.len().min(TOGETHER);
        waiting.drain(..until).collect()
    }
}

impl Cluster {
    /// What carries the label every chart gives the objects of a release and is being deleted, whoever deletes it: by a look
    /// that begins after this is called.
    pub async fn terminating(&self, namespace: &Namespace, release: &ReleaseName) -> Answer {
        let room = self.inner.looks.room(namespace);
        let mut told = room.join(release);
        loop {
            let turn = room.turn.lock().await;
            match told.try_recv() {
                Ok(answer) => return answer,
                // Nobody has looked for us yet.
                Err(TryRecvError::Empty) => {}
                // Whoever did was told to stop.
                Err(TryRecvError::Closed) => told = room.join(release),
            }
            self.look_for_all(namespace, room.take()).await;
            drop(turn);
        }
    }

    async fn look_for_all(&self, namespace: &Namespace, askers: Vec<Asker>) {
        let names: BTreeSet<&str> = askers.iter().map(|one| one.release.as_str()).collect();
        let found = self.going(namespace, &names).await.map_err(Arc::new);
        for Asker { release, answer } in askers {
            let own = found.as_ref().map_err(Arc::clone).map(|found| {
                let own = found.get(release.as_str());
                own.cloned().unwrap_or_default()
            });
            // Who no longer wants to know has gone.
            answer.send(own).ok();
        }
    }

    /// What is being deleted of each of these releases.
    async fn going(
        &self,
        namespace: &Namespace,
        releases: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, Vec<ObjectRef>>, ClusterError> {
        let names: Vec<&str> = releases.iter().copied().collect();
        let labelled = ListParams::default().labels(&match names.as_slice() {
            [name] => format!("{INSTANCE}={name}"),
            names => format!("{INSTANCE} in ({})", names.join(",")),
        });
        let kinds = KNOWN.iter().filter(|(_, kind, _)| LINGERING.contains(kind));
        let lists = kinds.map(|(api_version, kind, plural)| {
            let labelled = &labelled;
            async move {
                let resource = resource(api_version, kind, plural);
                let client = self.client().clone();
                let api: Api<DynamicObject> =
                    Api::namespaced_with(client, namespace.as_str(), &resource);
                let found = collect_metadata(self, &api, labelled).await?;
                let going = found.into_iter().filter_map(|meta| {
                    meta.deletion_timestamp.as_ref()?;
                    Some((release_of(&meta)?, object(api_version, kind, meta)))
                });
                Ok::<Vec<_>, ClusterError>(going.collect())
            }
        });
        let mut found: BTreeMap<String, Vec<ObjectRef>> = BTreeMap::new();
        for (release, object) in try_join_all(lists).await?.into_iter().flatten() {
            found.entry(release).or_default().push(object);
        }
        Ok(found)
    }
}

fn release_of(meta: &ObjectMeta) -> Option<String> {
    meta.labels.as_ref()?.get(INSTANCE).cloned()
}

fn object(api_version: &str, kind: &str, meta: ObjectMeta) -> ObjectRef {
    ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: meta.namespace,
        name: meta.name.unwrap_or_default(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
