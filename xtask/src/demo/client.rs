//! A NATS client of the exchanges, and a look at their pods. Pods have addresses of their own, so no tunnel is needed.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fleet::{Cluster, Fleet};
use futures::StreamExt as _;
use serde_json::Value;

/// Publishes and receives through each server of an exchange; says which servers those were.
pub(super) fn talk(fleet: &Fleet, id: &str) -> Result<String> {
    let addresses = addresses(fleet, id)?;
    let mut names = Vec::new();
    for address in &addresses {
        let name = block_on(async {
            let client = async_nats::connect(format!("nats://{address}:4222")).await?;
            let mut subscription = client.subscribe("demo.greeting").await?;
            client.publish("demo.greeting", "hello".into()).await?;
            client.flush().await?;
            let message = tokio::time::timeout(Duration::from_secs(5), subscription.next()).await?;
            ensure!(
                message.is_some_and(|message| message.payload == "hello"),
                "another message came"
            );
            Ok(client.server_info().server_name)
        })
        .with_context(|| format!("no message through {id} at {address}"))?;
        names.push(name);
    }
    Ok(names.join(", "))
}

/// What the first server of an exchange says of itself.
pub(super) fn max_payload(fleet: &Fleet, id: &str) -> Result<usize> {
    let addresses = addresses(fleet, id)?;
    let address = addresses
        .first()
        .with_context(|| format!("{id} has no pod"))?;
    block_on(async {
        let client = async_nats::connect(format!("nats://{address}:4222")).await?;
        Ok(client.server_info().max_payload)
    })
}

/// Name, uid and restarts of each server's pod.
pub(super) fn pods(fleet: &Fleet, id: &str) -> Result<BTreeSet<String>> {
    let pods = list(fleet, id, "pods")?;
    Ok(pods
        .iter()
        .map(|pod| {
            format!(
                "{} {} {}",
                at(pod, "/metadata/name"),
                at(pod, "/metadata/uid"),
                at(pod, "/status/containerStatuses/0/restartCount")
            )
        })
        .collect())
}

/// Number of volume claims that belong to an exchange.
pub(super) fn claims(fleet: &Fleet, id: &str) -> Result<usize> {
    Ok(list(fleet, id, "persistentvolumeclaims")?.len())
}

/// Whether Helm has a release stored.
pub(super) fn is_released(fleet: &Fleet, id: &str) -> Result<bool> {
    let (cluster, namespace, release) = split(fleet, id)?;
    let selector = format!("owner=helm,name={release}");
    let text = cluster.kubectl(&[
        "-n", namespace, "get", "secrets", "-l", &selector, "-o", "name",
    ])?;
    Ok(!text.trim().is_empty())
}

fn addresses(fleet: &Fleet, id: &str) -> Result<Vec<String>> {
    let pods = list(fleet, id, "pods")?;
    Ok(pods
        .iter()
        .filter_map(|pod| at(pod, "/status/podIP").as_str().map(str::to_owned))
        .collect())
}

/// Objects whose names begin with that of the release's set: `nats-orders-0`, `nats-orders-js-nats-orders-0`.
fn list(fleet: &Fleet, id: &str, kind: &str) -> Result<Vec<Value>> {
    let (cluster, namespace, release) = split(fleet, id)?;
    let text = cluster.kubectl(&[
        "-n",
        namespace,
        "get",
        kind,
        "-l",
        &format!("app.kubernetes.io/instance={release}"),
        "-o",
        "json",
    ])?;
    let list: Value = serde_json::from_str(&text)?;
    let items = at(&list, "/items").as_array().cloned().unwrap_or_default();
    Ok(items
        .into_iter()
        .filter(|item| {
            at(item, "/metadata/name")
                .as_str()
                .is_some_and(|name| !name.contains("-box"))
        })
        .collect())
}

/// A part of an object, null where it has none.
fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    object.pointer(path).unwrap_or(&Value::Null)
}

fn split<'a>(fleet: &'a Fleet, id: &'a str) -> Result<(&'a Cluster, &'a str, &'a str)> {
    let parts: Vec<&str> = id.split('/').collect();
    let [cluster, namespace, release] = parts.as_slice() else {
        anyhow::bail!("{id} is no id")
    };
    let cluster = fleet
        .clusters()
        .iter()
        .find(|one| one.name() == *cluster)
        .with_context(|| format!("no cluster {cluster}"))?;
    Ok((cluster, namespace, release))
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
