//! How much `JetStream` stores on each server, in the servers' own words.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use serde::Deserialize;

use super::HealthTarget;
use super::live;
use super::monitor::{base, get_json};
use super::shape::Shape;
use crate::cluster::{Cluster, ClusterError};
use crate::observe::observed::{ServerStored, Stored, Unreadable};
use crate::reason::Reason;

#[derive(Deserialize)]
struct Jsz {
    #[serde(default)]
    streams: u64,
    #[serde(default)]
    memory: u64,
    #[serde(default)]
    storage: u64,
}

/// Asks every server of an exchange; one that cannot be asked makes the whole unknown.
pub async fn stored(cluster: &Cluster, target: &HealthTarget) -> Result<Stored, Unreadable> {
    let mut servers = BTreeMap::new();
    let Some(shapes) = &target.shapes else {
        return Err(unknown(
            "the manifest's StatefulSet does not say how its servers are asked",
        ));
    };
    for shape in shapes {
        servers.extend(of_set(cluster, target, shape).await?);
    }
    Ok(Stored { servers })
}

async fn of_set(
    cluster: &Cluster,
    target: &HealthTarget,
    shape: &Shape,
) -> Result<BTreeMap<String, ServerStored>, Unreadable> {
    let failed = |error: ClusterError| Unreadable {
        reason: error.reason(),
        text: error.to_string(),
    };
    let Some(monitor) = &shape.monitor else {
        return Err(unknown(
            "the servers' monitor is off (`config.monitor.enabled`), so they cannot be asked",
        ));
    };
    let live = live::set(cluster, &target.namespace, shape).await;
    let live = live
        .map_err(failed)?
        .ok_or_else(|| unknown(&format!("StatefulSet {} is not there", shape.name)))?;
    let pods = live::pods(cluster, &target.namespace, shape, &live)
        .await
        .map_err(failed)?;
    // A server that was scaled away by hand keeps its volume and what is on it.
    let wanted = live.spec.replicas.unwrap_or(1).max(shape.released).max(1);
    if pods.len() < usize::try_from(wanted).unwrap_or(usize::MAX) {
        let text = format!("{} of {wanted} servers run", pods.len());
        return Err(unknown(&text));
    }
    let asked = pods.iter().map(|pod| pod.metadata.name.as_str());
    let answers = asked.map(|pod| async move {
        let path = format!("{}/jsz", base(target, monitor, pod));
        let jsz: Jsz = get_json(cluster, &path).await?;
        let server = ServerStored {
            streams: jsz.streams,
            file: jsz.storage,
            memory: jsz.memory,
        };
        Ok::<_, ClusterError>((pod.to_owned(), server))
    });
    Ok(try_join_all(answers)
        .await
        .map_err(failed)?
        .into_iter()
        .collect())
}

fn unknown(text: &str) -> Unreadable {
    Unreadable {
        reason: Reason::StoreUnknown,
        text: text.to_owned(),
    }
}
