//! Values that are programs, or that reach beyond the exchange's own objects. Who may merge a file
//! must not thereby hold the daemon's rights in every cluster.

use serde_json::Value;

use super::context::Context;
use super::finding::Findings;
use super::tree::Tree;
use crate::reason::Reason;
use crate::yaml::Place;

const OUTERMOST: &[&str] = &[
    "extraResources",
    "fullnameOverride",
    "nameOverride",
    "namespaceOverride",
];
const POD_PARTS: &[&str] = &[
    "container",
    "natsBox",
    "podTemplate",
    "promExporter",
    "reloader",
    "statefulSet",
];
const POD_KEYS: &[&str] = &[
    "hostNetwork",
    "hostPID",
    "hostPath",
    "privileged",
    "serviceAccountName",
];

/// Refuses privileged values the operator does not let through.
pub(super) fn refuse(tree: &Tree, context: &Context, findings: &mut Findings<'_>) {
    let mut found: Vec<(Place, String, String)> = Vec::new();
    tree.walk(&mut Vec::new(), &mut |path, part| {
        let Some(name) = path.last() else {
            return;
        };
        let key = privileged(path, name, part);
        if let Some(key) = key
            && !context.allows(key, &path.join("."))
        {
            found.push((part.origin.place, path.join("."), key.to_owned()));
        }
    });
    for (place, path, key) in found {
        findings.error(
            Reason::PrivilegedValue,
            place,
            format!("{path} is a program, or reaches beyond the exchange's own objects"),
            format!("take it away, put it into the repository's values.yaml, or ask the operator to list {key:?} in policy.allow_values"),
        );
    }
}

/// The key that makes a part privileged.
fn privileged<'k>(path: &'k [String], name: &'k str, part: &'k Tree) -> Option<&'k str> {
    let nothing = part.leaf() == Some(&Value::Null);
    let program = name == "$tplYaml" || name == "$tplYamlSpread" || name.ends_with("$include");
    if program || (path.len() == 1 && OUTERMOST.contains(&name) && !nothing) {
        return Some(name);
    }
    if !path
        .first()
        .is_some_and(|first| POD_PARTS.contains(&first.as_str()))
    {
        return None;
    }
    if POD_KEYS.contains(&name) {
        // Saying `privileged: false` takes a right away.
        let harmless = nothing || part.leaf() == Some(&Value::Bool(false));
        return (!harmless).then_some(name);
    }
    // A JSON patch names the same keys in its pointers.
    let pointer = part
        .text()
        .filter(|text| name == "path" && text.starts_with('/'))?;
    pointer.split('/').find(|step| POD_KEYS.contains(step))
}
