//! Which value of the chart reaches which part of a running exchange: what effects are estimated from where nothing is
//! rendered. A test renders every row with helm and compares.

use serde_json::Value;

use super::stateful::is_on;

/// How far a changed value gets; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// No server.
    Nothing,
    /// The servers' configuration.
    Config,
    /// The template of the pods.
    Pods,
}

/// A row of the table: `*` at the front of a key stands for any beginning, `**` for any number of keys.
pub type Row = (&'static str, Reach);

/// The first row that fits decides; whatever fits none is taken to reach the pods.
pub const TABLE: &[Row] = &[
    // The reloader is told in its arguments which files to watch.
    ("config.**.*$include", Reach::Pods),
    ("config.**.ca_file", Reach::Pods),
    ("config.**.cert_file", Reach::Pods),
    ("config.**.key_file", Reach::Pods),
    ("config.websocket.ingress.**", Reach::Nothing),
    ("config.**.merge.**", Reach::Config),
    ("config.**.patch", Reach::Config),
    ("config.cluster.replicas", Reach::Config),
    ("config.cluster.noAdvertise", Reach::Config),
    ("config.cluster.routeURLs.**", Reach::Config),
    // With a claim it cannot change at all; without one it is configuration alone.
    ("config.jetstream.enabled", Reach::Config),
    ("config.jetstream.memoryStore.**", Reach::Config),
    ("config.jetstream.fileStore.maxSize", Reach::Config),
    ("config.**", Reach::Pods),
    ("promExporter.podMonitor.**", Reach::Nothing),
    ("headlessService.merge.**", Reach::Nothing),
    ("statefulSet.merge.metadata.**", Reach::Nothing),
    ("statefulSet.merge.spec.updateStrategy.**", Reach::Nothing),
    ("configMap.merge.metadata.**", Reach::Nothing),
    ("configMap.merge.data.**", Reach::Config),
    ("serviceAccount.merge.**", Reach::Nothing),
    ("natsBox.**", Reach::Nothing),
    ("podDisruptionBudget.**", Reach::Nothing),
    ("service.**", Reach::Nothing),
    ("extraResources", Reach::Nothing),
    ("container.**", Reach::Pods),
    ("reloader.**", Reach::Pods),
    ("promExporter.**", Reach::Pods),
    ("podTemplate.**", Reach::Pods),
    ("serviceAccount.**", Reach::Pods),
    ("statefulSet.merge.spec.template.**", Reach::Pods),
    ("configMap.name", Reach::Pods),
    ("tlsCA.**", Reach::Pods),
    ("global.**", Reach::Pods),
];

/// The chart's sections that have a switch: nothing below one that is off is rendered.
const SWITCHES: [&[&str]; 24] = [
    &["config", "nats", "tls"],
    &["config", "cluster"],
    &["config", "cluster", "tls"],
    &["config", "jetstream"],
    &["config", "jetstream", "fileStore"],
    &["config", "jetstream", "fileStore", "pvc"],
    &["config", "jetstream", "memoryStore"],
    &["config", "leafnodes"],
    &["config", "leafnodes", "tls"],
    &["config", "gateway"],
    &["config", "gateway", "tls"],
    &["config", "websocket"],
    &["config", "websocket", "tls"],
    &["config", "mqtt"],
    &["config", "mqtt", "tls"],
    &["config", "monitor"],
    &["config", "monitor", "tls"],
    &["config", "profiling"],
    &["config", "resolver"],
    &["config", "resolver", "pvc"],
    &["reloader"],
    &["promExporter"],
    &["serviceAccount"],
    &["tlsCA"],
];

/// The row that decides for a value; none where the table does not know it.
pub fn row_of(path: &[String]) -> Option<&'static Row> {
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    TABLE.iter().find(|(pattern, _)| {
        let wanted: Vec<&str> = pattern.split('.').collect();
        fits(&wanted, &keys)
    })
}

/// How far a changed value gets.
pub fn of(path: &[String]) -> Reach {
    row_of(path).map_or(Reach::Pods, |(_, reach)| *reach)
}

/// Whether a value is below a switch that is off before and after.
pub fn is_dormant(path: &[String], old: &Value, new: &Value) -> bool {
    SWITCHES.iter().any(|section| {
        let below = path.len() > section.len()
            && section
                .iter()
                .zip(path)
                .all(|(wanted, key)| *wanted == key.as_str());
        let switch: Vec<&str> = section.iter().copied().chain(["enabled"]).collect();
        below && !is_on(old, &switch) && !is_on(new, &switch)
    })
}

fn fits(pattern: &[&str], keys: &[&str]) -> bool {
    match (pattern.split_first(), keys.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), None) => fits(rest, keys),
        (Some((&"**", rest)), Some((_, fewer))) => fits(rest, keys) || fits(pattern, fewer),
        (None, Some(_)) | (Some(_), None) => false,
        (Some((wanted, rest)), Some((key, fewer))) => {
            let same = match wanted.strip_prefix('*') {
                Some(end) => key.ends_with(end),
                None => wanted == key,
            };
            same && fits(rest, fewer)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[rstest::rstest]
    #[case("config.merge.max_payload", Reach::Config)]
    #[case("config.cluster.merge.authorization.timeout", Reach::Config)]
    #[case("config.merge.00$include", Reach::Pods)]
    #[case("config.nats.port", Reach::Pods)]
    #[case("service.ports.monitor.enabled", Reach::Nothing)]
    #[case("somethingNew.enabled", Reach::Pods)]
    fn the_first_row_that_fits_decides(#[case] text: &str, #[case] reach: Reach) {
        assert_eq!(of(&path(text)), reach);
    }

    #[test]
    fn the_chart_has_every_switch_and_one_default_for_it() {
        for section in SWITCHES {
            let path = path(&format!("{}.enabled", section.join(".")));
            let default = crate::exchange::chart_default(&path);
            assert!(
                matches!(default.as_deref(), Some("true" | "false")),
                "{path:?}"
            );
        }
    }

    #[test]
    fn what_is_switched_off_reaches_nobody() {
        let port = path("config.leafnodes.port");
        let (off, on) = (
            json!({}),
            json!({"config": {"leafnodes": {"enabled": true}}}),
        );
        assert!(is_dormant(&port, &off, &off));
        assert!(!is_dormant(&port, &off, &on));
        assert!(!is_dormant(&path("config.leafnodes"), &off, &off));
    }
}
