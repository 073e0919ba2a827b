//! What the chart takes where nobody says anything.

use super::chart_values::{Kind, VALUES, find};

/// What stands at `path`.
fn kind_at<'p>(path: impl IntoIterator<Item = &'p str>) -> Option<Kind> {
    let mut steps = path.into_iter().peekable();
    let mut keys = VALUES;
    loop {
        let kind = find(keys, steps.next()?)?.kind;
        if steps.peek().is_none() {
            return Some(kind);
        }
        keys = match kind {
            Kind::Map(keys) | Kind::FreeWith(keys) => keys,
            Kind::Named(keys) => {
                steps.next()?;
                keys
            }
            Kind::Flag(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::List
            | Kind::Free
            | Kind::Variables => return None,
        };
    }
}

/// The chart's default at `path`, where every version has the same.
pub fn chart_default(path: &[String]) -> Option<String> {
    match kind_at(path.iter().map(String::as_str))? {
        Kind::Flag(default) => default.map(|on| on.to_string()),
        Kind::Number(default) => Some(default.to_string()),
        Kind::Text(default) => default.map(str::to_owned).filter(|text| !text.is_empty()),
        Kind::List
        | Kind::Free
        | Kind::FreeWith(_)
        | Kind::Variables
        | Kind::Map(_)
        | Kind::Named(_) => None,
    }
}

/// Whether every version of the chart has this switched on by default.
pub fn chart_switch(path: &[&str]) -> bool {
    matches!(kind_at(path.iter().copied()), Some(Kind::Flag(Some(true))))
}

/// The default of a number of the chart; none where there is no such number.
pub fn chart_number(path: &[&str]) -> Option<u64> {
    match kind_at(path.iter().copied()) {
        Some(Kind::Number(default)) => Some(default),
        _ => None,
    }
}

/// The default of a text of the chart, such as a size; none where there is none, or not the same in every version.
pub fn chart_text(path: &[&str]) -> Option<&'static str> {
    match kind_at(path.iter().copied()) {
        Some(Kind::Text(default)) => default,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default(path: &str) -> Option<String> {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        chart_default(&path)
    }

    #[test]
    fn defaults_have_the_type_of_their_value() {
        let of = |path: &str| {
            let path: Vec<&str> = path.split('.').collect();
            (chart_switch(&path), chart_number(&path), chart_text(&path))
        };
        assert_eq!(of("config.monitor.enabled"), (true, None, None));
        assert_eq!(of("config.cluster.enabled"), (false, None, None));
        assert_eq!(
            of("podTemplate.configChecksumAnnotation"),
            (false, None, None)
        );
        assert_eq!(of("config.resolver.pvc.size"), (false, None, Some("1Gi")));
        assert_eq!(
            of("config.jetstream.memoryStore.maxSize"),
            (false, None, Some("1Gi"))
        );
        let ports = [
            "nats",
            "leafnodes",
            "websocket",
            "mqtt",
            "cluster",
            "gateway",
        ];
        let ports = ports.map(|name| chart_number(&["config", name, "port"]));
        assert_eq!(ports, [4222, 7422, 8080, 1883, 6222, 7222].map(Some));
        assert_eq!(of("nothing.of.it"), (false, None, None));
    }

    #[test]
    fn defaults_are_found_at_every_depth() {
        for (path, wanted) in [
            ("config.cluster.replicas", Some("3")),
            ("config.jetstream.fileStore.pvc.size", Some("10Gi")),
            ("config.resolver.pvc.size", Some("1Gi")),
            ("natsBox.enabled", Some("true")),
            ("natsBox.contexts.mine.tls.cert", Some("tls.crt")),
            ("promExporter.port", Some("7777")),
            ("config.merge.max_payload", None),
            ("podTemplate.configChecksumAnnotation", None),
            ("config.serverNamePrefix", None),
            ("nothing.of.it", None),
            ("config", None),
        ] {
            assert_eq!(default(path).as_deref(), wanted, "{path}");
        }
    }
}
