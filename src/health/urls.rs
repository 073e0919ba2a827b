//! Where clients inside the cluster find an exchange. Pure.

use serde_json::Value;

use crate::id::Namespace;
use crate::observe::manifest::{of_kind, parse_objects, text};

/// `nats://SERVICE.NAMESPACE.svc:PORT` of each Service of the manifest that serves clients; headless ones are for the servers.
/// An unreadable manifest has none.
pub fn client_urls(namespace: &Namespace, manifest: &str) -> Vec<String> {
    let Ok(objects) = parse_objects(manifest) else {
        return Vec::new();
    };
    let mut urls: Vec<String> = of_kind(&objects, "Service")
        .filter(|service| text(service, "/spec/clusterIP") != Some("None"))
        .filter_map(|service| url(namespace, service))
        .collect();
    // One, mostly, and kept for as long as the exchange runs.
    urls.shrink_to_fit();
    urls
}

fn url(namespace: &Namespace, service: &Value) -> Option<String> {
    let name = text(service, "/metadata/name")?;
    let within = text(service, "/metadata/namespace").unwrap_or(namespace.as_str());
    let ports = service.pointer("/spec/ports")?.as_array()?;
    let port = ports
        .iter()
        .find(|port| text(port, "/name") == Some("nats"))?
        .get("port")?
        .as_u64()?;
    Some(format!("nats://{name}.{within}.svc:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_services_for_clients_count() {
        let manifest = "
apiVersion: v1
kind: Service
metadata: {name: orders}
spec: {ports: [{name: monitor, port: 8222}, {name: nats, port: 4222}]}
---
apiVersion: v1
kind: Service
metadata: {name: orders-headless}
spec: {clusterIP: None, ports: [{name: nats, port: 4222}]}
";
        let namespace = "shop".parse().unwrap();
        assert_eq!(
            client_urls(&namespace, manifest),
            ["nats://orders.shop.svc:4222"]
        );
    }
}
