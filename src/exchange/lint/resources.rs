//! What containers request, and values that need another one.

use serde_json::Value;

use super::Bench;
use crate::exchange::tree::Tree;
use crate::exchange::{is_quantity, quantity};
use crate::reason::Reason;

/// Containers of the chart whose resources can be set.
const CONTAINERS: &[&[&str]] = &[
    &["container"],
    &["reloader"],
    &["promExporter"],
    &["natsBox", "container"],
];

/// Sizes of the chart's volumes.
const VOLUMES: &[&[&str]] = &[
    &["config", "jetstream", "fileStore", "pvc", "size"],
    &["config", "resolver", "pvc", "size"],
];

pub(super) fn examine(bench: &mut Bench<'_>) {
    amounts(bench);
    for container in CONTAINERS {
        for resource in ["cpu", "memory"] {
            requests(bench, container, resource);
        }
    }
    partners(bench);
}

/// The chart merges `merge.resources` over `resources`.
pub(super) fn of_container<'t>(
    bench: &Bench<'t>,
    container: &[&str],
    kind: &str,
    resource: &str,
) -> Option<&'t Tree> {
    let below = |middle: &[&str]| bench.get(&[container, middle, &[kind, resource]].concat());
    below(&["merge", "resources"]).or_else(|| below(&["resources"]))
}

/// Each is read by Kubernetes alone, and not before helm has made half of the release.
fn amounts(bench: &mut Bench<'_>) {
    let volumes = VOLUMES.iter().map(|path| path.to_vec());
    let mut found: Vec<(Vec<&str>, &Tree)> = Vec::new();
    found.extend(volumes.filter_map(|path| Some((path.clone(), bench.get(&path)?))));
    for container in CONTAINERS {
        for below in [&["resources"][..], &["merge", "resources"]] {
            for kind in ["requests", "limits"] {
                let path = [*container, below, &[kind]].concat();
                let each = bench.get(&path).into_iter().flat_map(Tree::children);
                found.extend(each.map(|(name, amount)| {
                    (
                        path.iter().copied().chain([name.as_str()]).collect(),
                        amount,
                    )
                }));
            }
        }
    }
    let wrong = found.into_iter().filter_map(|(path, amount)| {
        let value = amount.leaf().filter(|value| !value.is_null())?;
        (!is_quantity(value)).then(|| (path.join("."), value.clone(), amount.origin))
    });
    for (path, value, origin) in wrong.collect::<Vec<_>>() {
        bench.error(
            Reason::InvalidQuantity,
            origin,
            format!("{path} is {value}, which Kubernetes does not read"),
            "write a number, or one with a unit: 500m of a core; 512Mi, 20Gi of bytes",
        );
    }
}

fn requests(bench: &mut Bench<'_>, container: &[&str], resource: &str) {
    let request = of_container(bench, container, "requests", resource);
    let limit = of_container(bench, container, "limits", resource);
    let (Some(request), Some(limit)) = (request, limit) else {
        return;
    };
    let amount = |part: &Tree| part.leaf().and_then(thousandths);
    if let (Some(wanted), Some(most)) = (amount(request), amount(limit))
        && wanted > most
    {
        bench.error(
            Reason::RequestAboveLimit,
            request.origin,
            format!(
                "{} requests more {resource} than its limit; Kubernetes makes no such pod",
                container.join(".")
            ),
            "raise the limit, or lower the request to it",
        );
    }
}

/// Thousandths of a core, or of a byte.
fn thousandths(value: &Value) -> Option<u128> {
    if let Some(text) = value.as_str().and_then(|text| text.strip_suffix('m')) {
        return text.parse().ok();
    }
    if let Some(number) = value.as_f64().filter(|number| number.fract() != 0.0) {
        return thousandths(&Value::from(number.to_string()));
    }
    // `0.5` is half a core.
    if let Some(number) = value.as_str().and_then(|text| text.parse::<f64>().ok()) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, and nothing less than nothing is requested"
        )]
        return Some((number * 1000.0) as u128);
    }
    Some(u128::from(quantity(value)?) * 1000)
}

/// Values that work only with another one.
fn partners(bench: &mut Bench<'_>) {
    let on = |path: &[&str]| bench.is_on(path);
    let jetstream = on(&["config", "jetstream", "enabled"]);
    let clustered = on(&["config", "cluster", "enabled"]);
    let leaf = on(&["config", "leafnodes", "enabled"])
        || bench
            .get(&["config", "merge"])
            .is_some_and(|merge| merge.get(&["leafnodes"]).is_some());
    let tls = on(&["config", "nats", "tls", "enabled"]);
    let monitor = on(&["config", "monitor", "enabled"]);
    let cases: [(&[&str], bool, &str, &str); 5] = [
        (
            &["config", "mqtt", "enabled"],
            !jetstream && !clustered && !leaf,
            "a single server with MQTT does not start without JetStream",
            "add `config.jetstream.enabled: true`",
        ),
        (
            &["config", "monitor", "tls", "enabled"],
            !tls,
            "the monitor takes its certificates from config.nats.tls, which is off",
            "add `config.nats.tls`, or take config.monitor.tls away",
        ),
        (
            &["promExporter", "enabled"],
            !monitor,
            "the exporter asks the monitor, which is off",
            "take `config.monitor.enabled: false` away",
        ),
        (
            &["config", "websocket", "ingress", "enabled"],
            !on(&["config", "websocket", "enabled"]),
            "an ingress for websockets, which are off",
            "add `config.websocket.enabled: true`",
        ),
        (
            &["config", "gateway", "enabled"],
            on(&["config", "leafnodes", "enabled"]) && !has_system_account(bench),
            "a server that takes both leafnodes and gateways does not start without a system account",
            "add an account to config.merge.accounts and name it in config.merge.system_account",
        ),
    ];
    let found: Vec<_> = cases
        .into_iter()
        .filter(|(path, wrong, _, _)| *wrong && on(path))
        .filter_map(|(path, _, text, hint)| Some((bench.get(path)?.origin, text, hint)))
        .collect();
    for (origin, text, hint) in found {
        bench.error(Reason::NeedsOther, origin, text, hint);
    }
}

/// An operator may name one in its JWT.
fn has_system_account(bench: &Bench<'_>) -> bool {
    bench.may_configure(&["system_account", "system", "operator", "resolver"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_compared_in_thousandths() {
        for (value, wanted) in [
            (json!("500m"), Some(500)),
            (json!("1"), Some(1000)),
            (json!(2), Some(2000)),
            (json!(0.5), Some(500)),
            (json!("0.5"), Some(500)),
            (json!("1Ki"), Some(1_024_000)),
            (json!("much"), None),
        ] {
            assert_eq!(thousandths(&value), wanted, "{value}");
        }
    }
}
