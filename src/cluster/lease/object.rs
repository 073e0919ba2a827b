//! The Lease as an object of the API server.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};

use crate::cluster::{Cluster, ClusterError, absent_is_none};

/// A Lease as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Another one after each renewal.
    pub(super) version: String,
    /// Empty when nobody holds it.
    pub(super) holder: String,
    pub(super) duration: Duration,
    transitions: i32,
}

/// A Lease as we wrote it.
#[derive(Debug, Clone)]
pub(super) struct Wrote {
    version: String,
    spec: LeaseSpec,
}

/// What becomes of a write.
pub(super) enum Written {
    /// Done.
    Done(Wrote),
    /// Somebody else was faster.
    Overtaken,
}

/// Where a Lease is.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Place {
    fn api(&self, cluster: &Cluster) -> Api<Lease> {
        Api::namespaced(cluster.client().clone(), &self.namespace)
    }

    pub(super) async fn read(&self, cluster: &Cluster) -> Result<Option<Seen>, ClusterError> {
        let found = self.api(cluster).get(&self.name).await;
        let found = absent_is_none(found.map_err(|error| cluster.fail(&error)))?;
        Ok(found.map(|lease| {
            let spec = lease.spec.unwrap_or_default();
            let seconds = spec.lease_duration_seconds.unwrap_or_default();
            Seen {
                version: lease.metadata.resource_version.unwrap_or_default(),
                holder: spec.holder_identity.unwrap_or_default(),
                duration: Duration::from_secs(u64::try_from(seconds).unwrap_or_default()),
                transitions: spec.lease_transitions.unwrap_or_default(),
            }
        }))
    }

    /// Makes it, or takes over the one that was seen, if nobody changed it since.
    pub(super) async fn take(
        &self,
        cluster: &Cluster,
        seen: Option<&Seen>,
        holder: &str,
        duration: Duration,
    ) -> Result<Written, ClusterError> {
        let now = MicroTime(Timestamp::now());
        let transitions = seen.map_or(0, |seen| {
            seen.transitions
                .saturating_add(i32::from(seen.holder != holder))
        });
        let spec = LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(seconds(duration)),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        };
        let version = seen.map(|seen| seen.version.clone());
        self.write(cluster, version, spec).await
    }

    /// Says that we still hold it.
    pub(super) async fn renew(
        &self,
        cluster: &Cluster,
        wrote: &Wrote,
    ) -> Result<Written, ClusterError> {
        let spec = LeaseSpec {
            renew_time: Some(MicroTime(Timestamp::now())),
            ..wrote.spec.clone()
        };
        self.write(cluster, Some(wrote.version.clone()), spec).await
    }

    /// Says that nobody holds it.
    pub(super) async fn free(
        &self,
        cluster: &Cluster,
        wrote: &Wrote,
    ) -> Result<Written, ClusterError> {
        let spec = LeaseSpec {
            holder_identity: None,
            ..wrote.spec.clone()
        };
        self.write(cluster, Some(wrote.version.clone()), spec).await
    }

    async fn write(
        &self,
        cluster: &Cluster,
        version: Option<String>,
        spec: LeaseSpec,
    ) -> Result<Written, ClusterError> {
        let is_new = version.is_none();
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                resource_version: version,
                ..ObjectMeta::default()
            },
            spec: Some(spec.clone()),
        };
        let (api, params) = (self.api(cluster), PostParams::default());
        let written = if is_new {
            api.create(&params, &lease).await
        } else {
            api.replace(&self.name, &params, &lease).await
        };
        match written {
            Ok(lease) => Ok(Written::Done(Wrote {
                version: lease.metadata.resource_version.unwrap_or_default(),
                spec,
            })),
            // Made, changed or removed by somebody else meanwhile.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Written::Overtaken),
            Err(kube::Error::Api(status)) if status.code == 404 && !is_new => {
                Ok(Written::Overtaken)
            }
            Err(error) => Err(cluster.fail(&error)),
        }
    }
}

fn seconds(duration: Duration) -> i32 {
    // Kubernetes knows no shorter one.
    i32::try_from(duration.as_secs().max(1)).unwrap_or(i32::MAX)
}
