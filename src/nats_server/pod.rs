//! What a rendered `StatefulSet` says about the servers it runs. Pure.

use serde_json::Value;

use crate::observe::manifest::text;

/// How a server of the set reads its configuration.
#[derive(Debug, Clone)]
pub(super) struct Pod {
    /// Its name.
    name: String,
    /// The variables of its container.
    variables: Vec<Value>,
    /// More of them come from objects that are not seen.
    has_more: bool,
}

/// A variable of a server's environment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// With this value.
    Known(String),
    /// With a value of a Secret, of a field or of the image.
    Elsewhere,
    /// Without one.
    Missing,
}

/// Major and minor version of a server.
pub(super) type Line = (u64, u64);

/// The servers of one `StatefulSet`.
pub(super) struct Servers<'m> {
    set: &'m Value,
    container: &'m Value,
}

impl<'m> Servers<'m> {
    /// Finds the server among the containers; none where there is no such container.
    pub(super) fn of(set: &'m Value) -> Option<Self> {
        let containers = set.pointer("/spec/template/spec/containers")?.as_array()?;
        let named = |name: &str| {
            let mut all = containers.iter();
            all.find(|container| text(container, "/name") == Some(name))
        };
        let container = named("nats").or_else(|| containers.first())?;
        Some(Self { set, container })
    }

    /// The version its image is of, else the one its label says.
    pub(super) fn line(&self) -> Option<Line> {
        let image = text(self.container, "/image")?;
        let name = image.rsplit('/').next()?;
        let tag = name.split('@').next()?.split_once(':').map(|(_, tag)| tag);
        tag.and_then(line).or_else(|| {
            let label = "/metadata/labels/app.kubernetes.io~1version";
            line(text(self.set, label)?)
        })
    }

    /// The names of its pods.
    pub(super) fn pods(&self) -> impl Iterator<Item = Pod> + use<'m> {
        let count = self.set.pointer("/spec/replicas").and_then(Value::as_u64);
        let name = text(self.set, "/metadata/name").unwrap_or_default();
        let variables = self.container.get("env").and_then(Value::as_array);
        let variables = variables.cloned().unwrap_or_default();
        let has_more = self.container.get("envFrom").is_some();
        (0..count.unwrap_or(1)).map(move |ordinal| Pod {
            name: format!("{name}-{ordinal}"),
            variables: variables.clone(),
            has_more,
        })
    }
}

/// `2.14` of `v2.14.2-alpine`.
pub(super) fn line(version: &str) -> Option<Line> {
    let mut parts = version
        .trim()
        .trim_start_matches('v')
        .split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl Pod {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What the server sees under this name.
    pub(super) fn variable(&self, name: &str) -> Variable {
        // The last one of a name holds.
        let mut all = self.variables.iter().rev();
        let Some(found) = all.find(|variable| text(variable, "/name") == Some(name)) else {
            return if self.has_more || is_of_the_image(name) {
                Variable::Elsewhere
            } else {
                Variable::Missing
            };
        };
        if text(found, "/valueFrom/fieldRef/fieldPath") == Some("metadata.name") {
            return Variable::Known(self.name.clone());
        }
        let Some(value) = text(found, "/value") else {
            return if found.get("valueFrom").is_some() {
                Variable::Elsewhere
            } else {
                Variable::Known(String::new())
            };
        };
        // Kubernetes puts other variables in; only the pod's name is known here.
        let value = value.replace("$(POD_NAME)", &self.name);
        if value.contains("$(") {
            Variable::Elsewhere
        } else {
            Variable::Known(value)
        }
    }
}

fn is_of_the_image(name: &str) -> bool {
    ["HOME", "HOSTNAME", "PATH", "PWD"].contains(&name) || name.starts_with("KUBERNETES_")
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    fn set(image: &str) -> Value {
        json!({
            "metadata": {"name": "nats", "labels": {"app.kubernetes.io/version": "2.11.0"}},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [
                {"name": "reloader"},
                {"name": "nats", "image": image, "env": [
                    {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "SERVER_NAME", "value": "$(POD_NAME)"},
                    {"name": "SIZE", "value": "2MB"},
                    {"name": "EMPTY"},
                    {"name": "OTHER", "value": "$(SIZE)"},
                    {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}},
                ]},
            ]}}},
        })
    }

    impl Pod {
        pub(in crate::nats_server) fn with(name: &str, value: &str) -> Self {
            Self {
                name: "nats-0".to_owned(),
                variables: vec![json!({"name": name, "value": value})],
                has_more: false,
            }
        }
    }

    pub(in crate::nats_server) fn pod() -> Pod {
        let set = set("nats:2.14.2-alpine");
        Servers::of(&set).unwrap().pods().next().unwrap()
    }

    #[test]
    fn the_image_says_the_version_and_else_the_label() {
        for (image, wanted) in [
            ("nats:2.14.2-alpine", (2, 14)),
            ("registry.example.org:5000/mirror/nats:v2.12.1", (2, 12)),
            ("registry.example.org:5000/nats", (2, 11)),
            ("nats@sha256:ab", (2, 11)),
            ("nats:latest", (2, 11)),
        ] {
            let set = set(image);
            assert_eq!(Servers::of(&set).unwrap().line(), Some(wanted), "{image}");
        }
    }

    #[test]
    fn variables_are_known_as_far_as_the_manifest_says() {
        let known = |value: &str| Variable::Known(value.to_owned());
        for (name, wanted) in [
            ("SERVER_NAME", known("nats-0")),
            ("POD_NAME", known("nats-0")),
            ("SIZE", known("2MB")),
            ("EMPTY", known("")),
            ("OTHER", Variable::Elsewhere),
            ("TOKEN", Variable::Elsewhere),
            ("HOME", Variable::Elsewhere),
            ("NOBODY", Variable::Missing),
        ] {
            assert_eq!(pod().variable(name), wanted, "{name}");
        }
    }

    #[test]
    fn every_pod_has_its_own_name() {
        let set = set("nats:2.14.2");
        let names: Vec<_> = Servers::of(&set)
            .unwrap()
            .pods()
            .map(|pod| pod.name)
            .collect();
        assert_eq!(names, ["nats-0", "nats-1"]);
    }
}
