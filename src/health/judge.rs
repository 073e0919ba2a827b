//! Whether servers that answer form what they are to form. Pure.

use std::collections::BTreeSet;

use super::Health;
use super::monitor::{JetStream, Server};
use super::shape::Shape;
use crate::reason::Reason;

/// What is still missing, or `None` when the servers agree.
pub(super) fn formed(shape: &Shape, servers: &[Server]) -> Option<Health> {
    let waiting = |text: String| {
        Some(Health::Waiting {
            reason: Reason::ClusterNotFormed,
            text,
        })
    };
    for server in servers {
        if let Some(complaint) = &server.complaint {
            return waiting(format!("{}: {complaint}", server.pod));
        }
    }
    if !shape.clustered {
        return None;
    }
    if let Some(text) = unconnected(servers) {
        return waiting(text);
    }
    let mut leaders: BTreeSet<&str> = BTreeSet::new();
    for server in servers {
        match &server.jetstream {
            JetStream::Off => {}
            JetStream::On(Some(leader)) => {
                leaders.insert(leader);
            }
            JetStream::On(None) => {
                return waiting(format!("{}: JetStream has no leader", server.pod));
            }
        }
    }
    if leaders.len() > 1 {
        let names: Vec<&str> = leaders.into_iter().collect();
        return waiting(format!(
            "the servers disagree about JetStream's leader: {}",
            names.join(", ")
        ));
    }
    None
}

/// Each server has to see every other by its id: the number of routes says nothing, for peers keep several, and routes to
/// other exchanges count as well.
fn unconnected(servers: &[Server]) -> Option<String> {
    for server in servers {
        for other in servers {
            if other.pod != server.pod && !server.routes.contains(&other.id) {
                return Some(format!("{} has no route to {}", server.pod, other.pod));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(clustered: bool) -> Shape {
        Shape {
            name: "nats".into(),
            selector: "app=nats".to_owned(),
            monitor: None,
            clustered,
            released: 3,
        }
    }

    fn server(index: usize, routes: &[&str], leader: Option<&str>) -> Server {
        Server {
            pod: format!("nats-{index}"),
            id: format!("S{index}"),
            routes: routes.iter().map(|id| (*id).to_owned()).collect(),
            jetstream: JetStream::On(leader.map(str::to_owned)),
            ..Server::default()
        }
    }

    fn text(health: Option<Health>) -> String {
        match health {
            Some(Health::Waiting {
                reason: Reason::ClusterNotFormed,
                text,
            }) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_full_mesh_with_one_leader_is_formed() {
        let servers = [
            server(0, &["S1", "S2"], Some("nats-1")),
            server(1, &["S0", "S2", "FOREIGN"], Some("nats-1")),
            server(2, &["S0", "S1"], Some("nats-1")),
        ];
        assert_eq!(formed(&shape(true), &servers), None);
    }

    #[test]
    fn a_missing_route_or_leader_is_named() {
        let mut servers = [
            server(0, &["S1"], Some("nats-1")),
            server(1, &[], Some("nats-1")),
        ];
        assert_eq!(
            text(formed(&shape(true), &servers)),
            "nats-1 has no route to nats-0"
        );
        servers[1] = server(1, &["S0"], None);
        assert!(text(formed(&shape(true), &servers)).contains("no leader"));
        servers[1] = server(1, &["S0"], Some("nats-0"));
        assert!(text(formed(&shape(true), &servers)).contains("disagree"));
    }

    #[test]
    fn a_server_that_complains_is_believed() {
        let mut alone = server(0, &[], None);
        assert_eq!(formed(&shape(false), &[alone.clone()]), None);
        alone.complaint = Some("JetStream is not current".to_owned());
        assert_eq!(
            text(formed(&shape(false), &[alone])),
            "nats-0: JetStream is not current"
        );
    }
}
