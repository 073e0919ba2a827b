//! Numbers of servers, memory, and who may connect.

use serde_json::Value;

use super::Bench;
use super::resources::of_container;
use crate::exchange::tree::Tree;
use crate::exchange::{chart_text, quantity};
use crate::reason::Reason;

pub(super) fn examine(bench: &mut Bench<'_>) {
    replicas(bench);
    memory(bench);
    openness(bench);
}

fn replicas(bench: &mut Bench<'_>) {
    let node = bench.get(&["config", "cluster", "replicas"]);
    let node = node.filter(|node| node.leaf() != Some(&Value::Null));
    let clustered = bench.is_on(&["config", "cluster", "enabled"]);
    let jetstream = bench.is_on(&["config", "jetstream", "enabled"]);
    let Some(node) = node else {
        return;
    };
    let count = match node.leaf() {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let Some(count) = count else {
        bench.error(
            Reason::WrongType,
            node.origin,
            "config.cluster.replicas is not a number of servers",
            "write a whole number, as in 3",
        );
        return;
    };
    if !clustered {
        bench.error(
            Reason::ReplicasWithoutCluster,
            node.origin,
            format!("config.cluster.replicas {count} has no effect: the cluster is not enabled, one server is started"),
            "add `config.cluster.enabled: true`, or take replicas away",
        );
    } else if jetstream && count == 1 {
        bench.error(
            Reason::JetStreamClusterOfOne,
            node.origin,
            "a JetStream cluster of one server never gets a leader",
            "write 3 replicas, or `config.cluster.enabled: false` for a single server",
        );
    } else if jetstream && count % 2 == 0 {
        bench.warning(
            Reason::EvenReplicas,
            node.origin,
            format!(
                "{count} servers tolerate no more failures than {}",
                count.saturating_sub(1)
            ),
            "use an odd number: 3 or 5",
        );
    }
}

fn memory(bench: &mut Bench<'_>) {
    let on = bench.is_on(&["config", "jetstream", "enabled"])
        && bench.is_on(&["config", "jetstream", "memoryStore", "enabled"]);
    let limit = of_container(bench, &["container"], "limits", "memory");
    let Some(limit) = limit.filter(|_| on) else {
        return;
    };
    let path = ["config", "jetstream", "memoryStore", "maxSize"];
    let size = bench.get(&path);
    let bytes = match size {
        Some(size) => size.leaf().and_then(quantity),
        None => chart_text(&path).and_then(|size| quantity(&size.into())),
    };
    if let (Some(bytes), Some(most)) = (bytes, limit.leaf().and_then(quantity))
        && bytes >= most
    {
        bench.error(
            Reason::MemoryStoreTooLarge,
            size.unwrap_or(limit).origin,
            "the memory store is not smaller than the container's memory limit; Kubernetes kills the server before the store is full",
            "raise the limit, or lower config.jetstream.memoryStore.maxSize to at most three quarters of it",
        );
    }
}

fn openness(bench: &mut Bench<'_>) {
    const GUARDS: &[&str] = &[
        "accounts",
        "authorization",
        "operator",
        "auth_callout",
        "resolver",
    ];
    let guarded = bench.may_configure(GUARDS);
    let encrypted = bench.is_on(&["config", "nats", "tls", "enabled"]);
    if !guarded && !encrypted {
        let origin = bench
            .get(&["config"])
            .map_or(bench.tree.origin, |config: &Tree| config.origin);
        bench.warning(
            Reason::OpenExchange,
            origin,
            "neither authentication nor TLS is configured: whoever reaches the service may read and write everything",
            "set config.merge.authorization or config.merge.accounts, and config.nats.tls",
        );
    }
}
