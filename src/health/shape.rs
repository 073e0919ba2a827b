//! What a `StatefulSet` of the stored manifest says about how its servers can be asked. Pure.

use serde_json::Value;
use smol_str::SmolStr;

use crate::cluster::label_selector;
use crate::observe::manifest::text;

/// How the servers of one `StatefulSet` are found and asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) name: SmolStr,
    /// Selects its pods.
    pub(super) selector: String,
    /// None where the monitor is off.
    pub(super) monitor: Option<Monitor>,
    /// The servers are to form a cluster.
    pub(super) clustered: bool,
    /// How many servers were released; somebody may have scaled them since.
    pub(super) released: i32,
}

/// Where a server answers questions about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Monitor {
    pub(super) container: SmolStr,
    pub(super) port: u64,
    pub(super) tls: bool,
}

impl Shape {
    pub(super) fn read(stateful_set: &Value) -> Option<Self> {
        let selector = stateful_set
            .pointer("/spec/selector/matchLabels")?
            .as_object()?;
        let containers = stateful_set
            .pointer("/spec/template/spec/containers")?
            .as_array()?;
        Some(Self {
            name: text(stateful_set, "/metadata/name")?.into(),
            selector: label_selector(selector)?,
            monitor: containers.iter().find_map(monitor),
            clustered: containers
                .iter()
                .any(|container| port(container, "cluster").is_some()),
            released: stateful_set
                .pointer("/spec/replicas")
                .and_then(Value::as_i64)
                .map_or(1, |count| i32::try_from(count).unwrap_or(i32::MAX)),
        })
    }
}

fn monitor(container: &Value) -> Option<Monitor> {
    Some(Monitor {
        container: text(container, "/name")?.into(),
        port: port(container, "monitor")?,
        tls: ["startupProbe", "readinessProbe", "livenessProbe"]
            .iter()
            .any(|probe| text(container, &format!("/{probe}/httpGet/scheme")) == Some("HTTPS")),
    })
}

fn port(container: &Value, name: &str) -> Option<u64> {
    container
        .get("ports")?
        .as_array()?
        .iter()
        .find(|port| text(port, "/name") == Some(name))?
        .get("containerPort")?
        .as_u64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(ports: &Value, scheme: &str) -> Value {
        json!({
            "metadata": {"name": "orders"},
            "spec": {
                "selector": {"matchLabels": {"app": "orders"}},
                "template": {"spec": {"containers": [
                    {"name": "nats", "ports": ports, "startupProbe": {"httpGet": {"port": "monitor", "scheme": scheme}}},
                    {"name": "reloader"},
                ]}},
            },
        })
    }

    #[test]
    fn ports_say_what_can_be_asked() {
        let ports = json!([
            {"name": "nats", "containerPort": 4222}, {"name": "cluster", "containerPort": 6222},
            {"name": "monitor", "containerPort": 8222},
        ]);
        let shape = Shape::read(&set(&ports, "HTTPS")).unwrap();
        assert!(shape.clustered);
        assert_eq!(shape.selector, "app=orders");
        assert_eq!(
            shape.monitor,
            Some(Monitor {
                container: "nats".into(),
                port: 8222,
                tls: true
            })
        );
    }

    #[test]
    fn without_monitor_port_nobody_can_be_asked() {
        let shape = Shape::read(&set(
            &json!([{"name": "nats", "containerPort": 4222}]),
            "HTTP",
        ));
        let shape = shape.unwrap();
        assert_eq!((shape.monitor, shape.clustered), (None, false));
    }
}
