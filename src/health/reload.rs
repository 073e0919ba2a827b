//! Whether every server has loaded the wanted configuration: a reload that is refused tells nobody.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;

use super::monitor::Server;
use super::shape::Shape;
use super::{ConfigChange, Health, InForce};
use crate::cluster::{Cluster, ClusterError, shorten};
use crate::id::Namespace;
use crate::reason::Reason;

/// The kubelet takes 40 to 75 s to hand a changed `ConfigMap` to a pod; beyond this nothing will come.
const PATIENCE: SignedDuration = SignedDuration::from_mins(3);
const REFUSAL: &str = "Failed to reload";

/// Looks at every server that has not loaded the change for the reason.
pub(super) async fn check(
    cluster: &Cluster,
    namespace: &Namespace,
    shape: &Shape,
    servers: &[Server],
    change: &ConfigChange,
) -> Result<Health, ClusterError> {
    let behind: Vec<&Server> = servers
        .iter()
        .filter(|server| !has_loaded(server, change))
        .collect();
    let Some(first) = behind.first() else {
        return Ok(Health::Ready);
    };
    for server in &behind {
        if let Some(line) = refusal(cluster, namespace, shape, server, change).await? {
            return Ok(Health::Failed {
                reason: Reason::ReloadRefused,
                text: format!("{}: {line}", server.pod),
            });
        }
    }
    let pods: Vec<&str> = behind.iter().map(|server| server.pod.as_str()).collect();
    if Timestamp::now().duration_since(change.at) > PATIENCE {
        return Ok(Health::Failed {
            reason: Reason::ReloadRefused,
            text: format!(
                "{} did not load the new configuration within 3 minutes; its log says why",
                first.pod
            ),
        });
    }
    Ok(Health::Waiting {
        reason: Reason::ReloadPending,
        text: format!("not loaded yet by {}", pods.join(", ")),
    })
}

/// The digest decides where it is known; the times only show that something was loaded after the change.
fn has_loaded(server: &Server, change: &ConfigChange) -> bool {
    if server.started.is_some_and(|started| started > change.at) {
        return true;
    }
    let plain = |digest: &str| digest.trim_start_matches("sha256:").to_owned();
    if let (Some(wanted), Some(loaded)) = (change.digests.get(&server.pod), &server.config_digest) {
        return plain(wanted) == plain(loaded);
    }
    server.config_loaded.is_some_and(|loaded| {
        let still_holds = |held: &InForce| held.from <= loaded && loaded < held.until;
        loaded > change.at || change.before.iter().any(still_holds)
    })
}

/// The server's own words after the change. Without permission for logs there are none, which is no error: the time
/// limit tells as well.
async fn refusal(
    cluster: &Cluster,
    namespace: &Namespace,
    shape: &Shape,
    server: &Server,
    change: &ConfigChange,
) -> Result<Option<String>, ClusterError> {
    let Some(monitor) = &shape.monitor else {
        return Ok(None);
    };
    let api: Api<Pod> = cluster.namespaced(namespace);
    let params = LogParams {
        container: Some(monitor.container.clone()),
        since_time: Some(change.at),
        limit_bytes: Some(1024 * 1024),
        ..LogParams::default()
    };
    match api
        .logs(&server.pod, &params)
        .await
        .map_err(|error| cluster.fail(&error))
    {
        Ok(log) => Ok(find_refusal(&log)),
        Err(error) if error.reason() == Reason::ClusterForbidden => Ok(None),
        Err(error) => Err(error),
    }
}

fn find_refusal(log: &str) -> Option<String> {
    let line = log.lines().rev().find(|line| line.contains(REFUSAL))?;
    let text = line.split_once("[ERR]").map_or(line, |(_, text)| text);
    Some(shorten(text, 400))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn change(digest: Option<&str>) -> ConfigChange {
        ConfigChange {
            at: at(100),
            before: Vec::new(),
            digests: digest
                .map(|digest| ("nats-0".to_owned(), digest.to_owned()))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        }
    }

    fn server(started: i64, loaded: i64, digest: Option<&str>) -> Server {
        Server {
            pod: "nats-0".to_owned(),
            started: Some(at(started)),
            config_loaded: Some(at(loaded)),
            config_digest: digest.map(str::to_owned),
            ..Server::default()
        }
    }

    #[test]
    fn a_server_has_loaded_what_it_started_with_or_loaded_later() {
        assert!(has_loaded(&server(101, 101, None), &change(None)));
        assert!(has_loaded(&server(50, 130, None), &change(None)));
        assert!(!has_loaded(&server(50, 60, None), &change(None)));
    }

    #[test]
    fn what_was_put_back_before_a_server_saw_the_change_is_loaded_still() {
        let (before, earlier) = (at(40)..at(90), at(2)..at(4));
        let put_back = ConfigChange {
            before: [earlier, before]
                .map(|range| InForce {
                    from: range.start,
                    until: range.end,
                })
                .to_vec(),
            ..change(None)
        };
        // Nothing of a second change and a second return reached it either.
        assert!(has_loaded(&server(1, 3, None), &put_back));
        assert!(has_loaded(&server(10, 60, None), &put_back));
        // It saw what stood between.
        assert!(!has_loaded(&server(10, 95, None), &put_back));
        // It has not even loaded what was there before.
        assert!(!has_loaded(&server(10, 30, None), &put_back));
    }

    #[test]
    fn a_known_digest_outweighs_the_clock() {
        let wanted = change(Some("sha256:aa"));
        assert!(has_loaded(&server(50, 60, Some("aa")), &wanted));
        assert!(!has_loaded(&server(50, 130, Some("sha256:bb")), &wanted));
    }

    #[test]
    fn the_last_refusal_is_quoted() {
        let log = "[7] 2026/06/01 10:00:00.0 [INF] Trapped \"hangup\" signal\n\
                   [7] 2026/06/01 10:00:00.1 [ERR] Failed to reload server configuration: bad max_payload\n\
                   [7] 2026/06/01 10:00:01.1 [INF] x\n";
        assert_eq!(
            find_refusal(log).as_deref(),
            Some("Failed to reload server configuration: bad max_payload")
        );
        assert_eq!(find_refusal("all fine"), None);
    }
}
