//! Servers and volumes of a release in numbers: from its objects where they are known, else from its values.

use serde_json::Value;

use super::action::{Figures, PlannedExchange, Servers, Volumes};
use super::stateful::{self, jetstream_claim, resolver_claim};
use super::values::at;
use crate::exchange::quantity;
use crate::observe::observed::{Render, Rendered, StoredRelease};

/// What an install brings.
pub(super) fn of_install(values: &Value, render: Option<&Render>) -> Figures {
    let (servers, volumes) = match render {
        Some(Render::Rendered(Rendered { stateful_sets, .. })) => of_sets(stateful_sets),
        Some(Render::Missing(_) | Render::Refused(_)) | None => of_values(values),
    };
    let (old, new) = (None, Some(servers));
    Figures {
        servers: Some(Servers { old, new }),
        volumes,
    }
}

/// What a removal ends, and the volumes it leaves or deletes.
pub(super) fn of_removal(stored: &StoredRelease) -> Figures {
    let (servers, volumes) = if stored.stateful_sets.is_empty() {
        of_values(&stored.values)
    } else {
        of_sets(&stored.stateful_sets)
    };
    let (old, new) = (Some(servers), None);
    Figures {
        servers: Some(Servers { old, new }),
        volumes,
    }
}

impl PlannedExchange {
    /// The servers before and after an upgrade.
    pub(super) fn count_servers(&mut self, before: u64, after: u64) {
        let (old, new) = (Some(before), Some(after));
        self.figures.servers = Some(Servers { old, new });
    }
}

fn of_values(values: &Value) -> (u64, Vec<Volumes>) {
    let count = stateful::servers(values);
    let claims = [jetstream_claim(values), resolver_claim(values)];
    let sizes = claims
        .iter()
        .flatten()
        .filter_map(|claim| claim.get("size"));
    (count, volumes(count, sizes))
}

fn of_sets(sets: &[Value]) -> (u64, Vec<Volumes>) {
    let mut found = Vec::new();
    for set in sets {
        let templates = at(set, &["spec", "volumeClaimTemplates"]).and_then(Value::as_array);
        let sizes = templates
            .into_iter()
            .flatten()
            .filter_map(|claim| at(claim, &["spec", "resources", "requests", "storage"]));
        found.extend(volumes(
            stateful::replicas(std::slice::from_ref(set)),
            sizes,
        ));
    }
    (stateful::replicas(sets), found)
}

/// What is no size is not told as one: it may be anything that somebody wrote.
fn volumes<'a>(count: u64, sizes: impl Iterator<Item = &'a Value>) -> Vec<Volumes> {
    let told = sizes.filter(|_| count > 0).filter_map(|size| {
        quantity(size)?;
        let size = size
            .as_str()
            .map_or_else(|| size.to_string(), str::to_owned);
        Some(Volumes { count, size })
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(figures: &Figures) -> String {
        let servers = figures.servers.unwrap();
        let volumes: Vec<String> = figures
            .volumes
            .iter()
            .map(|volumes| format!("{}x{}", volumes.count, volumes.size))
            .collect();
        format!("{:?} {:?} {}", servers.old, servers.new, volumes.join(","))
    }

    #[rstest::rstest]
    #[case(json!({}), "None Some(1) ")]
    #[case(json!({"config": {"cluster": {"enabled": true}}}), "None Some(3) ")]
    #[case(json!({"config": {"jetstream": {"enabled": true}}}), "None Some(1) 1x10Gi")]
    #[case(
        json!({"config": {"cluster": {"enabled": true, "replicas": 5}, "resolver": {"enabled": true},
            "jetstream": {"enabled": true, "fileStore": {"pvc": {"size": "20Gi"}}}}}),
        "None Some(5) 5x20Gi,5x1Gi"
    )]
    #[case(
        json!({"config": {"jetstream": {"enabled": true, "fileStore": {"pvc": {"enabled": false}}}}}),
        "None Some(1) "
    )]
    #[case(
        json!({"config": {"jetstream": {"enabled": true, "fileStore": {"pvc": {"size": "hunter2"}}}}}),
        "None Some(1) "
    )]
    fn values_say_what_an_install_brings(#[case] values: Value, #[case] figures: &str) {
        assert_eq!(shown(&of_install(&values, None)), figures);
    }

    #[test]
    fn objects_are_believed_before_values() {
        let claim = json!({"spec": {"resources": {"requests": {"storage": "7Gi"}}}});
        let set = json!({"spec": {"replicas": 4, "volumeClaimTemplates": [claim]}});
        let rendered = Render::Rendered(Rendered {
            stateful_sets: vec![set.clone()],
            ..Rendered::default()
        });
        let figures = of_install(&json!({}), Some(&rendered));
        assert_eq!(shown(&figures), "None Some(4) 4x7Gi");
        let stored = StoredRelease {
            chart: "nats".to_owned(),
            chart_version: "2.14.2".to_owned(),
            values: json!({}),
            stateful_sets: vec![set],
            objects: Vec::new(),
            configuration: Vec::new(),
        };
        assert_eq!(shown(&of_removal(&stored)), "Some(4) None 4x7Gi");
    }
}
