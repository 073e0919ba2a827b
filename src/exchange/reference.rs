//! Which Kubernetes Secrets the composed values refer to.

use std::collections::BTreeSet;

use serde_json::Value;

use super::desired::SecretKey;

/// Every Secret that has to be there before the pods can start.
pub(super) fn collect(values: &Value) -> BTreeSet<SecretKey> {
    let mut found = BTreeSet::new();
    visit(values, "", &mut found);
    found
}

fn visit(value: &Value, under: &str, found: &mut BTreeSet<SecretKey>) {
    let add = |name: Option<&Value>, key: Option<&Value>, found: &mut BTreeSet<SecretKey>| {
        if let Some(name) = name.and_then(Value::as_str).filter(|name| !name.is_empty()) {
            found.insert(SecretKey {
                name: name.to_owned(),
                key: key.and_then(Value::as_str).map(str::to_owned),
            });
        }
    };
    match value {
        Value::Object(map) => {
            let is = |key: &str, wanted: bool| map.get(key) == Some(&Value::Bool(wanted));
            if is("enabled", false) || is("optional", true) {
                return;
            }
            match under {
                "secretKeyRef" => add(map.get("name"), map.get("key"), found),
                "secretRef" => add(map.get("name"), None, found),
                // Here `key` names a key of the Secret, elsewhere a file of it.
                "creds" | "nkey" => add(map.get("secretName"), map.get("key"), found),
                _ => add(map.get("secretName"), None, found),
            }
            add(map.get("tlsSecretName"), None, found);
            if let Some(Value::Array(names)) = map.get("pullSecretNames") {
                for name in names {
                    add(Some(name), None, found);
                }
            }
            for (key, value) in map {
                visit(value, key, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                visit(item, under, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_collected() {
        let values = json!({
            "container": {"env": {
                "TOKEN": {"valueFrom": {"secretKeyRef": {"name": "auth", "key": "token"}}},
                "MAYBE": {"valueFrom": {"secretKeyRef": {"name": "none", "key": "x", "optional": true}}},
            }},
            "config": {
                "nats": {"tls": {"enabled": true, "secretName": "server-tls"}},
                "cluster": {"tls": {"enabled": false, "secretName": "unused"}},
                "websocket": {"ingress": {"enabled": true, "tlsSecretName": "ingress-tls"}},
            },
            "natsBox": {"contexts": {"sys": {"creds": {"secretName": "sys", "key": "sys.creds"}}}},
        });
        let found = collect(&values);
        let names: Vec<_> = found
            .iter()
            .map(|secret| (secret.name.as_str(), secret.key.as_deref()))
            .collect();
        assert_eq!(
            names,
            [
                ("auth", Some("token")),
                ("ingress-tls", None),
                ("server-tls", None),
                ("sys", Some("sys.creds"))
            ]
        );
    }
}
