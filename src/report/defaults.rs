//! What the official chart takes where a value is not set. Only what has been the same since its version 1.0.

const DEFAULTS: [(&str, &str); 27] = [
    ("config.cluster.enabled", "false"),
    ("config.cluster.port", "6222"),
    ("config.cluster.replicas", "3"),
    ("config.gateway.enabled", "false"),
    ("config.gateway.port", "7222"),
    ("config.jetstream.enabled", "false"),
    ("config.jetstream.fileStore.dir", "/data"),
    ("config.jetstream.fileStore.enabled", "true"),
    ("config.jetstream.fileStore.pvc.enabled", "true"),
    ("config.jetstream.fileStore.pvc.size", "10Gi"),
    ("config.jetstream.memoryStore.enabled", "false"),
    ("config.jetstream.memoryStore.maxSize", "1Gi"),
    ("config.leafnodes.enabled", "false"),
    ("config.leafnodes.port", "7422"),
    ("config.monitor.enabled", "true"),
    ("config.monitor.port", "8222"),
    ("config.mqtt.enabled", "false"),
    ("config.mqtt.port", "1883"),
    ("config.nats.port", "4222"),
    ("config.nats.tls.enabled", "false"),
    ("config.resolver.enabled", "false"),
    ("config.websocket.enabled", "false"),
    ("config.websocket.port", "8080"),
    ("natsBox.enabled", "true"),
    ("podDisruptionBudget.enabled", "true"),
    ("promExporter.enabled", "false"),
    ("reloader.enabled", "true"),
];

/// The chart's default at `path`, where it is known.
pub(super) fn chart_default(path: &[String]) -> Option<&'static str> {
    let path = path.join(".");
    DEFAULTS
        .iter()
        .find(|(known, _)| *known == path)
        .map(|(_, default)| *default)
}
