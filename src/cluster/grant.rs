//! What natsx-sync needs to be allowed, as objects for `kubectl apply`. All of it, not what is missing: applied again it
//! takes nothing away.

use serde_json::{Value, json};

use super::permissions::{Rule, needed};
use crate::id::Namespace;

const NAME: &str = "natsx-sync";
const GROUP: &str = "rbac.authorization.k8s.io";

/// Role and binding for each place (none: the cluster), one YAML document each. Without a user the binding is left to the
/// reader.
pub(super) fn grant<'a>(
    places: impl IntoIterator<Item = Option<&'a Namespace>>,
    user: Option<&str>,
) -> String {
    let objects = places.into_iter().flat_map(|place| {
        let role = role(place);
        [Some(role), user.map(|user| binding(place, user))]
    });
    let mut text = String::new();
    for document in objects.flatten() {
        if let Ok(document) = serde_yaml::to_string(&document) {
            text.push_str("---\n");
            text.push_str(&document);
        }
    }
    text
}

fn role(place: Option<&Namespace>) -> Value {
    let rules = grouped(needed(place.is_none()));
    object(place, "", [("rules", rules.into())])
}

fn binding(place: Option<&Namespace>, user: &str) -> Value {
    let role = json!({"apiGroup": GROUP, "kind": kind(place), "name": NAME});
    let subject = json!({"apiGroup": GROUP, "kind": "User", "name": user});
    let fields = [("roleRef", role), ("subjects", json!([subject]))];
    object(place, "Binding", fields)
}

fn kind(place: Option<&Namespace>) -> &'static str {
    if place.is_some() {
        "Role"
    } else {
        "ClusterRole"
    }
}

fn object<const N: usize>(
    place: Option<&Namespace>,
    what: &str,
    fields: [(&str, Value); N],
) -> Value {
    let metadata = match place {
        Some(namespace) => json!({"name": NAME, "namespace": namespace.as_str()}),
        None => json!({"name": NAME}),
    };
    let head = [
        ("apiVersion", format!("{GROUP}/v1").into()),
        ("kind", format!("{}{what}", kind(place)).into()),
        ("metadata", metadata),
    ];
    let all = head.into_iter().chain(fields);
    all.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Resources of one group with the same verbs share a rule.
fn grouped(rules: Vec<Rule>) -> Vec<Value> {
    let mut grouped: Vec<(Rule, Vec<&str>)> = Vec::new();
    for rule in rules {
        let same = grouped
            .iter_mut()
            .find(|(first, _)| first.group == rule.group && first.verbs == rule.verbs);
        match same {
            Some((_, resources)) => resources.push(rule.resource),
            None => grouped.push((rule, vec![rule.resource])),
        }
    }
    let each = grouped.into_iter();
    each.map(|(rule, resources)| {
        json!({"apiGroups": [rule.group], "resources": resources, "verbs": rule.verbs})
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_gets_a_role_and_the_cluster_a_cluster_role() {
        let namespace: Namespace = "a".parse().unwrap();
        let text = grant([Some(&namespace), None], Some("system:serviceaccount:x:y"));
        let objects: Vec<Value> = serde_yaml::from_multiple(&text).unwrap();
        let kinds: Vec<_> = objects.iter().map(|object| &object["kind"]).collect();
        assert_eq!(
            kinds,
            ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]
        );
        assert_eq!(objects[0]["metadata"]["namespace"], "a");
        assert_eq!(
            objects[1]["subjects"][0]["name"],
            "system:serviceaccount:x:y"
        );
        assert_eq!(objects[3]["roleRef"]["kind"], "ClusterRole");
        let namespaces = |role: &Value| role["rules"].to_string().contains("\"namespaces\"");
        assert!(!namespaces(&objects[0]) && namespaces(&objects[2]));
        assert!(grant([None], None).matches("---").count() == 1);
    }

    #[test]
    fn every_needed_verb_is_granted() {
        for (role, everywhere) in [
            (role(Some(&"a".parse().unwrap())), false),
            (role(None), true),
        ] {
            let rules = role["rules"].as_array().unwrap();
            for Rule {
                group,
                resource,
                verbs,
            } in needed(everywhere)
            {
                let has = |rule: &Value, key: &str, wanted: &str| {
                    rule[key]
                        .as_array()
                        .unwrap()
                        .iter()
                        .any(|one| one == wanted)
                };
                let grants = |verb: &str| {
                    rules.iter().any(|rule| {
                        has(rule, "apiGroups", group)
                            && has(rule, "resources", resource)
                            && has(rule, "verbs", verb)
                    })
                };
                assert!(verbs.iter().all(|verb| grants(verb)), "{group} {resource}");
            }
        }
    }
}
