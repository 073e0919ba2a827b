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
/// When a load that may have been of either configuration was of the wanted one: another would have followed.
const SETTLED: SignedDuration = SignedDuration::from_secs(100);
/// How long what stood in between may still reach a server after it was put back: the kubelet may have handed it to the
/// pod just before, and whoever watches the file is a moment behind (the chart's reloader: about a second).
const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(5);
/// What Kubernetes' times are cut off to.
const SECOND: SignedDuration = SignedDuration::from_secs(1);
const REFUSAL: &str = "Failed to reload";

/// Looks at every server that has not loaded the change for the reason.
pub(super) async fn check(
    cluster: &Cluster,
    namespace: &Namespace,
    shape: &Shape,
    servers: &[Server],
    change: &ConfigChange,
) -> Result<Health, ClusterError> {
    let since = cluster.now().await?.duration_since(change.at);
    let behind: Vec<&Server> = servers
        .iter()
        .filter(|server| match loaded(server, change) {
            Loaded::Yes => false,
            Loaded::Before => since <= ON_ITS_WAY,
            Loaded::No => true,
            Loaded::Perhaps => since <= SETTLED,
        })
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
    if since > PATIENCE {
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

/// Whether a server has what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loaded {
    Yes,
    /// It has had it since before the change: what stood in between never reached it, and may be on its way.
    Before,
    No,
    /// It loaded something in the very second of a change: what was there before, or what came.
    Perhaps,
}

/// The digest decides where it is known; the times only show that something was loaded after the change. Kubernetes gives
/// whole seconds, cut off: what it says happened at a second happened within it.
fn loaded(server: &Server, change: &ConfigChange) -> Loaded {
    let plain = |digest: &str| digest.trim_start_matches("sha256:").to_owned();
    let since_start = server.started.is_some_and(|started| started > change.at);
    let after = |at: Timestamp| at >= change.at + SECOND;
    if let (Some(wanted), Some(found)) = (change.digests.get(&server.pod), &server.config_digest) {
        return if plain(wanted) != plain(found) {
            Loaded::No
        } else if since_start || server.config_loaded.is_some_and(after) {
            Loaded::Yes
        } else {
            Loaded::Before
        };
    }
    if since_start {
        return Loaded::Yes;
    }
    let Some(at) = server.config_loaded else {
        return Loaded::No;
    };
    if after(at) {
        return Loaded::Yes;
    }
    let second = |second: Timestamp| second <= at && at < second + SECOND;
    let within = |held: &InForce| held.from + SECOND <= at && at < held.until;
    if change.before.iter().any(within) {
        return Loaded::Before;
    }
    let edge = |held: &InForce| second(held.from) || second(held.until);
    if second(change.at) || change.before.iter().any(edge) {
        return Loaded::Perhaps;
    }
    Loaded::No
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
        container: Some(monitor.container.to_string()),
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
        let found = |started, loaded_at| loaded(&server(started, loaded_at, None), &change(None));
        assert_eq!(found(101, 101), Loaded::Yes);
        assert_eq!(found(50, 130), Loaded::Yes);
        assert_eq!(found(50, 60), Loaded::No);
    }

    #[test]
    fn what_was_put_back_before_a_server_saw_the_change_was_loaded_before() {
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
        let found = |started, loaded_at| loaded(&server(started, loaded_at, None), &put_back);
        // Nothing of a second change and a second return reached it either.
        assert_eq!(found(1, 3), Loaded::Before);
        assert_eq!(found(10, 60), Loaded::Before);
        // It saw what stood between.
        assert_eq!(found(10, 95), Loaded::No);
        // It has not even loaded what was there before.
        assert_eq!(found(10, 30), Loaded::No);
    }

    #[test]
    fn what_was_loaded_in_the_second_of_a_change_may_be_either() {
        let put_back = ConfigChange {
            before: vec![InForce {
                from: at(40),
                until: at(90),
            }],
            ..change(None)
        };
        let found = |millisecond| {
            let mut server = server(10, 0, None);
            server.config_loaded = Some(Timestamp::from_millisecond(millisecond).unwrap());
            loaded(&server, &put_back)
        };
        // Taken away at some time within second 90: it may have been loaded just before, and then nothing follows.
        assert_eq!(found(90_100), Loaded::Perhaps);
        assert_eq!(found(91_000), Loaded::No);
        // Put back within second 100: it may have loaded what stood between, and then another load follows.
        assert_eq!(found(100_900), Loaded::Perhaps);
        assert_eq!(found(101_000), Loaded::Yes);
        assert_eq!(found(40_500), Loaded::Perhaps);
        assert_eq!(found(41_000), Loaded::Before);
    }

    #[test]
    fn a_known_digest_outweighs_the_clock() {
        let wanted = change(Some("sha256:aa"));
        assert_eq!(loaded(&server(50, 60, Some("aa")), &wanted), Loaded::Before);
        assert_eq!(loaded(&server(50, 101, Some("aa")), &wanted), Loaded::Yes);
        assert_eq!(loaded(&server(101, 60, Some("aa")), &wanted), Loaded::Yes);
        assert_eq!(
            loaded(&server(50, 130, Some("sha256:bb")), &wanted),
            Loaded::No
        );
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
