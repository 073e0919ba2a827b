//! Which routes, leafnodes and gateways appear or vanish.

use std::collections::BTreeSet;

use serde_json::Value;

use super::stateful::is_on;
use super::values::at;

/// A line for each link that appears (`+`) or vanishes (`-`); `old` is none where nothing ran before. Logins in
/// addresses are left out.
pub(super) fn link_changes(
    old: Option<&Value>,
    new: &Value,
    hidden: &BTreeSet<Vec<String>>,
) -> Vec<String> {
    let lists = ["routes", "remotes", "gateways"];
    let names_links = |path: &Vec<String>| path.iter().any(|key| lists.contains(&key.as_str()));
    if hidden.iter().any(names_links) {
        return vec!["? links were left out of the picture of the world: not compared".to_owned()];
    }
    let before = old.map(links).unwrap_or_default();
    let after = links(new);
    let appear = after.difference(&before).map(|link| format!("+ {link}"));
    let vanish = before.difference(&after).map(|link| format!("- {link}"));
    appear.chain(vanish).collect()
}

fn links(values: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (section, word) in [("leafnodes", "leafnodes"), ("gateway", "gateways")] {
        if is_on(values, &["config", section, "enabled"]) {
            found.insert(format!("{word} are accepted"));
        }
    }
    // The chart merges a section of its own and the whole; routes it makes itself follow the number of servers.
    for (section, list) in [
        ("cluster", "routes"),
        ("leafnodes", "remotes"),
        ("gateway", "gateways"),
    ] {
        let own = is_on(values, &["config", section, "enabled"])
            .then(|| at(values, &["config", section, "merge", list]))
            .flatten();
        let whole = at(values, &["config", "merge", section, list]);
        for item in [own, whole]
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .flatten()
        {
            found.extend(named(section, item));
        }
    }
    if is_on(values, &["config", "cluster", "enabled"]) {
        let patches = at(values, &["config", "cluster", "patch"]).and_then(Value::as_array);
        let added = patches.into_iter().flatten().filter(|patch| {
            let text = |key: &str| patch.get(key).and_then(Value::as_str).unwrap_or_default();
            text("op") == "add" && text("path").starts_with("/routes/")
        });
        let routes = added.filter_map(|patch| patch.get("value"));
        found.extend(routes.flat_map(|route| named("cluster", route)));
    }
    found
}

fn named(section: &str, item: &Value) -> Vec<String> {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    let addresses = addresses(item);
    match section {
        "cluster" => addresses
            .into_iter()
            .map(|address| format!("route {address}"))
            .collect(),
        "leafnodes" => {
            let account = text("account")
                .or_else(|| text("localAccount"))
                .map_or_else(String::new, |account| format!(" (account {account})"));
            addresses
                .into_iter()
                .map(|address| format!("leafnode to {address}{account}"))
                .collect()
        }
        _ => {
            let name = text("name").unwrap_or("without a name");
            if addresses.is_empty() {
                return vec![format!("gateway {name}")];
            }
            addresses
                .into_iter()
                .map(|address| format!("gateway {name} at {address}"))
                .collect()
        }
    }
}

fn addresses(item: &Value) -> Vec<String> {
    let one = |value: &Value| value.as_str().map(without_login);
    match item {
        Value::String(text) => vec![without_login(text)],
        Value::Object(fields) => {
            let single = fields.get("url").and_then(one);
            let many = fields.get("urls").and_then(Value::as_array);
            single
                .into_iter()
                .chain(many.into_iter().flatten().filter_map(one))
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Vec::new(),
    }
}

fn without_login(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    // A password may hold an @ itself.
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{host}"),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn links_appear_and_vanish_without_their_logins() {
        let old = json!({"config": {
            "cluster": {"enabled": true, "merge": {"routes": ["nats://u:p@ss@old:6222", "nats://same:6222"]}},
            "leafnodes": {"enabled": true},
        }});
        let new = json!({"config": {
            "cluster": {
                "enabled": true,
                "merge": {"routes": ["nats://u:other@same:6222"]},
                "patch": [{"op": "add", "path": "/routes/-", "value": "nats://u:p@far:6222"}],
            },
            "gateway": {"enabled": true, "merge": {"gateways": [{"name": "eu", "urls": ["nats://t:k@eu:7222"]}]}},
            "merge": {"leafnodes": {"remotes": [{"url": "tls://hub:7422", "account": "APP", "credentials": "/c"}]}},
        }});
        let lines = link_changes(Some(&old), &new, &BTreeSet::new());
        assert_eq!(
            lines,
            [
                "+ gateway eu at nats://eu:7222",
                "+ gateways are accepted",
                "+ leafnode to tls://hub:7422 (account APP)",
                "+ route nats://far:6222",
                "- leafnodes are accepted",
                "- route nats://old:6222",
            ]
        );
        assert_eq!(
            link_changes(None, &json!({}), &BTreeSet::new()),
            Vec::<String>::new()
        );
    }
}
