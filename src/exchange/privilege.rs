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
/// Rights of a pod, wherever one is described.
const POD_KEYS: &[&str] = &[
    "allowPrivilegeEscalation",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostPath",
    "nodeName",
    "privileged",
    "procMount",
    "serviceAccount",
    "serviceAccountName",
];
/// What makes another object of an object. Any `merge` or `patch` of the chart can say so: a Service becomes a
/// `ClusterRoleBinding`, or one of another namespace.
const OBJECT_KEYS: &[&str] = &[
    "aggregationRule",
    "apiVersion",
    "kind",
    "roleRef",
    "rules",
    "subjects",
];
/// What an object may not be called, or where it may not be.
const NAME_KEYS: &[&str] = &["generateName", "name", "namespace", "ownerReferences"];
/// Addresses a Service takes from others, and volumes of others.
const CLAIMING_KEYS: &[&str] = &["externalIPs", "externalName", "volumeName"];

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
    if is_nats(path) {
        // Within `<< >>` the chart writes text into the configuration as it stands.
        let raw = |text: &str| text.contains("<<") && includes(text);
        return (raw(name) || part.text().is_some_and(raw)).then_some("include");
    }
    // Saying `privileged: false` takes a right away.
    if nothing || part.leaf() == Some(&Value::Bool(false)) {
        return None;
    }
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["serviceAccount", "name"] | [.., "capabilities", "add"] => return Some(name),
        // Whether the chart makes an account of its own, and what that is like.
        ["serviceAccount"] => return None,
        _ => {}
    }
    if POD_KEYS.contains(&name) || CLAIMING_KEYS.contains(&name) {
        return Some(name);
    }
    if name == "path" || name == "from" {
        return part.text().and_then(pointed);
    }
    let within = path
        .iter()
        .rposition(|step| *step == "merge" || *step == "value")?;
    match path.get(within + 1..)? {
        [key] if OBJECT_KEYS.contains(key) => Some(name),
        ["metadata", key] if NAME_KEYS.contains(key) => Some(name),
        _ => None,
    }
}

/// Whether a part is NATS configuration, where people choose the names; the volume claims within are objects.
fn is_nats(path: &[String]) -> bool {
    path.first().is_some_and(|first| first == "config") && !path.iter().any(|step| step == "pvc")
}

fn includes(text: &str) -> bool {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '$')
        .any(|word| word.eq_ignore_ascii_case("include"))
}

/// A JSON patch names the same keys in its pointers; one that replaces the whole, or all of the metadata, may hold any.
fn pointed(pointer: &str) -> Option<&str> {
    let steps: Vec<&str> = pointer.split('/').collect();
    match steps.as_slice() {
        [""] | ["", ""] => return Some("patch"),
        ["", key, ..] if OBJECT_KEYS.contains(key) => return Some(key),
        ["", key @ "metadata"] => return Some(key),
        ["", "metadata", key, ..] if NAME_KEYS.contains(key) => return Some(key),
        [.., "capabilities", key @ "add"] | [.., "capabilities", key @ "add", _] => {
            return Some(key);
        }
        _ => {}
    }
    steps
        .into_iter()
        .find(|step| POD_KEYS.contains(step) || CLAIMING_KEYS.contains(step))
}

#[cfg(test)]
mod tests {
    use crate::exchange::tests::{exchange, resolved};
    use crate::reason::Reason;

    fn is_refused(values: &str) -> bool {
        let file = exchange("nats", &format!("helm_values: {values}\n"));
        let desired = resolved(&[("exchanges/a.yaml", &file)]);
        let refused = |one: &crate::diagnostic::Diagnostic| one.reason == Reason::PrivilegedValue;
        desired
            .broken
            .iter()
            .flat_map(|file| &file.diagnostics)
            .any(refused)
    }

    #[rstest::rstest]
    #[case::another_kind(
        "{service.merge: {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding}}"
    )]
    #[case::anothers_rights("{service: {merge: {roleRef: {name: cluster-admin}}}}")]
    #[case::another_place("{podDisruptionBudget.merge.metadata.namespace: kube-system}")]
    #[case::another_name("{configMap: {merge: {metadata: {name: y}}}}")]
    #[case::patched_kind("{configMap.patch: [{op: replace, path: /kind, value: Pod}]}")]
    #[case::patched_whole("{configMap.patch: [{op: replace, path: '', value: {}}]}")]
    #[case::patched_metadata("{configMap.patch: [{op: replace, path: /metadata, value: {}}]}")]
    #[case::patched_place("{service.patch: [{op: add, path: /metadata/namespace, value: x}]}")]
    #[case::old_alias("{podTemplate.merge.spec: {serviceAccount: powerful}}")]
    #[case::ipc("{podTemplate.merge.spec.hostIPC: true}")]
    #[case::account("{serviceAccount: {enabled: true, name: powerful}}")]
    #[case::capability("{container.merge.securityContext.capabilities.add: [SYS_ADMIN]}")]
    #[case::patched_right("{podTemplate.patch: [{op: add, path: /spec/hostIPC, value: true}]}")]
    #[case::patched_part("{podTemplate.patch: [{op: add, path: /spec, value: {hostPID: true}}]}")]
    #[case::volume("{config.jetstream.fileStore.pvc.merge.spec.volumeName: pv-of-others}")]
    #[case::claim("{config.jetstream.fileStore.pvc.merge.metadata.namespace: kube-system}")]
    #[case::address("{service.merge.spec.externalIPs: [10.0.0.1]}")]
    #[case::raw_include("{config.merge.x: '<< 1; include /etc/passwd >>'}")]
    #[case::raw_include_in_a_key("{config.merge: {'<< include /etc/passwd >>': 1}}")]
    fn what_reaches_beyond_the_exchange_is_refused(#[case] values: &str) {
        assert!(is_refused(values));
    }

    #[rstest::rstest]
    #[case(
        "access: {users: [{user: '<< a; include /etc/passwd >>', password: {secretKeyRef: {name: a, key: b}}}]}"
    )]
    #[case("access: {users: [{nkey: '<< include /etc/passwd >>'}]}")]
    #[case("access: {accounts: {'x$include': {users: [{nkey: U}]}}}")]
    #[case("federation: {leafnodes: [{url: 'nats://h:1', account: '<< include /etc/passwd >>'}]}")]
    #[case("federation: {gateways: [{url: 'nats://h:1', name: '<< include /etc/passwd >>'}]}")]
    #[case("federation: {routes: [{url: 'nats://h:1/<< include /etc/passwd >>'}]}")]
    fn a_typed_block_is_no_way_around_it(#[case] block: &str) {
        let file = exchange("nats", &format!("{block}\n"));
        let desired = resolved(&[("exchanges/a.yaml", &file)]);
        let mut found = desired.broken.iter().flat_map(|file| &file.diagnostics);
        assert!(
            found.any(|one| one.reason == Reason::PrivilegedValue),
            "{:?}",
            desired.exchanges
        );
    }

    #[rstest::rstest]
    #[case("{serviceAccount.enabled: true}")]
    #[case(
        "{container.merge.securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}"
    )]
    #[case("{service.merge.metadata.annotations: {kind: x}}")]
    #[case(
        "{config.merge: {authorization: {users: [{user: a, permissions: {publish: [a.b]}}]}, name: x}}"
    )]
    #[case("{config.merge.mappings: {subjects: a, kind: b}}")]
    #[case(
        "{container.merge.env: [{name: A, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}}]}"
    )]
    #[case("{podTemplate.patch: [{op: add, path: /spec/tolerations, value: []}]}")]
    fn what_stays_within_is_not(#[case] values: &str) {
        assert!(!is_refused(values));
    }
}
