//! Whether Kubernetes has rolled a `StatefulSet` out, and what keeps it from doing so.

use super::live::{LivePod, LiveSet};
use crate::cluster::{Cluster, shorten};
use crate::id::Namespace;

/// How far it is behind, or `None` when it is rolled out.
pub(super) fn behind(live: &LiveSet) -> Option<String> {
    let status = live.status.as_ref();
    let wanted = live.spec.replicas.unwrap_or(1);
    let seen = status
        .and_then(|status| status.observed_generation)
        .unwrap_or(0);
    if live.metadata.deletion_timestamp.is_some() {
        return Some("the StatefulSet is being deleted".to_owned());
    }
    if seen < live.metadata.generation.unwrap_or(0) {
        return Some("the change has not been seen by the StatefulSet controller".to_owned());
    }
    let count = |number: Option<i32>| number.unwrap_or(0);
    let updated = count(status.and_then(|status| status.updated_replicas));
    let ready = count(status.and_then(|status| status.ready_replicas));
    let present = status.map_or(0, |status| status.replicas);
    if updated < to_update(live, wanted) {
        return Some(format!("{updated} of {wanted} pods updated"));
    }
    if ready < wanted {
        return Some(format!("{ready} of {wanted} pods ready"));
    }
    (present > wanted).then(|| format!("{} pods too many are being removed", present - wanted))
}

/// Pods the controller replaces by itself.
fn to_update(live: &LiveSet, wanted: i32) -> i32 {
    let Some(strategy) = live.spec.update_strategy.as_ref() else {
        return wanted;
    };
    if strategy.type_.as_deref() == Some("OnDelete") {
        return 0;
    }
    let partition = strategy
        .rolling_update
        .as_ref()
        .and_then(|rolling| rolling.partition)
        .unwrap_or(0);
    (wanted - partition).max(0)
}

/// What a pod says itself, else the last warning about it. Only a hint, so a refusal to tell is no error.
pub(super) async fn hindrance(
    cluster: &Cluster,
    namespace: &Namespace,
    live: &LiveSet,
    pods: &[LivePod],
) -> Option<String> {
    if let Some(said) = pods.iter().find_map(complaint) {
        return Some(said);
    }
    let waiting = pods.iter().find(|pod| !is_ready(pod));
    let (kind, name) = match waiting {
        Some(pod) => ("Pod", pod.metadata.name.as_str()),
        None => ("StatefulSet", live.metadata.name.as_str()),
    };
    let message = cluster.last_warning(namespace, kind, name).await?;
    Some(format!("{name}: {message}"))
}

fn is_ready(pod: &LivePod) -> bool {
    pod.status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// A container that waits for more than its start, or a pod that fits on no node.
fn complaint(pod: &LivePod) -> Option<String> {
    let name = &pod.metadata.name;
    let status = pod.status.as_ref()?;
    let containers = status
        .init_container_statuses
        .iter()
        .flatten()
        .chain(status.container_statuses.iter().flatten());
    for container in containers {
        let Some(waiting) = container
            .state
            .as_ref()
            .and_then(|state| state.waiting.as_ref())
        else {
            continue;
        };
        let reason = waiting.reason.as_deref().unwrap_or_default();
        if matches!(reason, "" | "ContainerCreating" | "PodInitializing") {
            continue;
        }
        let message = shorten(waiting.message.as_deref().unwrap_or_default(), 300);
        return Some(
            format!("{name}/{}: {reason} {message}", container.name)
                .trim_end()
                .to_owned(),
        );
    }
    status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
        .map(|condition| {
            let message = condition
                .message
                .as_deref()
                .unwrap_or("cannot be scheduled");
            format!("{name}: {}", shorten(message, 300))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn live(spec: &Value, status: &Value) -> LiveSet {
        serde_json::from_value(json!({
            "metadata": {"name": "nats", "generation": 3}, "spec": spec, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn rolled_out_means_seen_updated_ready_and_not_more() {
        let spec = json!({"replicas": 3});
        let done = json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3});
        assert_eq!(behind(&live(&spec, &done)), None);
        for (key, value) in [
            ("observedGeneration", 2),
            ("updatedReplicas", 1),
            ("readyReplicas", 2),
            ("replicas", 4),
        ] {
            let mut status = done.clone();
            status[key] = json!(value);
            assert!(behind(&live(&spec, &status)).is_some(), "{key}");
        }
    }

    #[test]
    fn pods_that_wait_to_be_deleted_by_a_person_do_not_hold_it_up() {
        let spec = json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}});
        let status = json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 0, "readyReplicas": 3});
        assert_eq!(behind(&live(&spec, &status)), None);
    }

    #[test]
    fn a_container_that_cannot_start_says_why() {
        let pod: LivePod = serde_json::from_value(json!({
            "metadata": {"name": "nats-0"},
            "status": {"containerStatuses": [
                {"name": "reloader", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                 "state": {"waiting": {"reason": "ContainerCreating"}}},
                {"name": "nats", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                 "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}},
            ]},
        }))
        .unwrap();
        assert_eq!(
            complaint(&pod).as_deref(),
            Some("nats-0/nats: ImagePullBackOff no such image")
        );
    }
}
