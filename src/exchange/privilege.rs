//! Values that are programs, or that reach beyond the exchange's own objects. Who may merge a file
//! must not thereby hold the daemon's rights in every cluster.

use serde_json::Value;

use super::chart_defaults::chart_number;
use super::context::Context;
use super::finding::Findings;
use super::tree::Tree;
use super::written::{Written, is_claim, written};
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
    "hostPort",
    "nodeName",
    "privileged",
    "procMount",
    "runtimeClassName",
    "seLinuxOptions",
    "serviceAccount",
    "serviceAccountName",
    "sysctls",
    "windowsOptions",
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
const NAME_KEYS: &[&str] = &[
    "finalizers",
    "generateName",
    "name",
    "namespace",
    "ownerReferences",
];
/// By which Services, budgets and sets find the pods that are theirs: a pod with another's is another's to them.
const IDENTITY_KEYS: &[&str] = &["app.kubernetes.io/instance", "app.kubernetes.io/name"];
/// What helm does with an object: one that is a hook, or is to be kept, is no part of the release that is watched and removed.
const HELM_KEYS: &str = "helm.sh/";
/// Addresses a Service takes from others, and volumes of others: by their claim, by a copy, or by where they are kept.
const CLAIMING_KEYS: &[&str] = &[
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "claimName",
    "csi",
    "dataSource",
    "dataSourceRef",
    "externalIPs",
    "externalName",
    "fc",
    "flexVolume",
    "gcePersistentDisk",
    "glusterfs",
    "iscsi",
    "loadBalancerIP",
    "nfs",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "selector",
    "storageos",
    "volumeName",
    "vsphereVolume",
];

/// Refuses privileged values the operator does not let through.
pub(super) fn refuse(tree: &Tree, context: &Context, findings: &mut Findings<'_>) {
    let mut found: Vec<(Place, String, String, Option<Written>)> = Vec::new();
    tree.walk(&mut Vec::new(), &mut |path, part| {
        let Some(name) = path.last() else {
            return;
        };
        let joined = path.join(".");
        let privileged = privileged(path, name, part).map(|key| (key, None));
        let written = written(path, name, part).map(|written| match written {
            Written::Configuration => ("<<", Some(written)),
            Written::Template => (name.as_str(), Some(written)),
        });
        for (key, written) in [privileged, written].into_iter().flatten() {
            if !context.allows(key, &joined) {
                found.push((part.origin.place, joined.clone(), key.to_owned(), written));
            }
        }
    });
    for (place, path, key, written) in found {
        let (text, hint) = match written {
            None => (
                format!("{path} is a program, or reaches beyond the exchange's own objects"),
                "take it away",
            ),
            Some(Written::Configuration) => (
                format!("{path} writes directives into the servers' configuration"),
                "write a value, `<< $NAME >>`, or one word such as `<< 2MB >>`, and no quotes, backslashes or `<<` into a key",
            ),
            Some(Written::Template) => (
                format!("{path} has signs with which the chart would write more than a text"),
                "leave away quotes, brackets, commas and line breaks",
            ),
        };
        findings.error(
            Reason::PrivilegedValue,
            place,
            text,
            format!("{hint}, put it into the repository's values.yaml, or ask the operator to list {key:?} in policy.allow_values"),
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
    // In a server's configuration people choose the names.
    if path.first().is_some_and(|first| first == "config") && !is_claim(path) {
        return None;
    }
    // Saying `privileged: false` takes a right away.
    if nothing || part.leaf() == Some(&Value::Bool(false)) {
        return None;
    }
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["serviceAccount", "name"] | [.., "capabilities", "add"] => return Some(name),
        ["container", "ports", server, "hostPort"] if is_usual(server, part) => return None,
        // Whether the chart makes an account of its own, and what that is like.
        ["serviceAccount"] => return None,
        _ => {}
    }
    if reaches_beyond(name) {
        return Some(name);
    }
    // Those of the cluster's own servers.
    if name == "priorityClassName"
        && part
            .text()
            .is_some_and(|class| class.starts_with("system-"))
    {
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

/// Whether a port of the node is the one that everybody knows a server's port by: no other program is kept from its own.
fn is_usual(name: &str, port: &Tree) -> bool {
    const USUAL: [&str; 6] = [
        "nats",
        "leafnodes",
        "websocket",
        "mqtt",
        "cluster",
        "gateway",
    ];
    let port = port.leaf().and_then(Value::as_u64);
    USUAL.contains(&name) && port.is_some() && port == chart_number(&["config", name, "port"])
}

/// A JSON patch names the same keys in its pointers; one that replaces the whole, or all of the metadata, may hold any.
fn pointed(pointer: &str) -> Option<&str> {
    let steps: Vec<&str> = pointer.split('/').collect();
    match steps.as_slice() {
        [""] | ["", ""] => return Some("patch"),
        ["", key, ..] if OBJECT_KEYS.contains(key) => return Some(key),
        ["", "metadata", key, ..] if NAME_KEYS.contains(key) => return Some(key),
        ["", key @ "metadata"]
        | [.., key @ "capabilities"]
        | [.., "capabilities", key @ "add"]
        | [.., "capabilities", key @ "add", _] => return Some(key),
        _ => {}
    }
    let plain = |step: &str| step.replace("~1", "/").replace("~0", "~");
    steps.into_iter().find(|step| reaches_beyond(&plain(step)))
}

/// Whether a key of this name reaches beyond the exchange's own objects wherever it stands.
fn reaches_beyond(key: &str) -> bool {
    let listed = [POD_KEYS, CLAIMING_KEYS, IDENTITY_KEYS];
    listed.iter().any(|keys| keys.contains(&key)) || key.starts_with(HELM_KEYS)
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
    #[case::claim_of_others(
        "{podTemplate.merge.spec.volumes: [{name: x, persistentVolumeClaim: {claimName: nats-b-js-0}}]}"
    )]
    #[case::copy_of_others(
        "{config.jetstream.fileStore.pvc.merge.spec.dataSource: {kind: PersistentVolumeClaim, name: nats-b-js-0}}"
    )]
    #[case::copy_by_reference("{config.resolver.pvc.merge.spec.dataSourceRef: {name: x}}")]
    #[case::store_of_others(
        "{podTemplate.merge.spec.volumes: [{name: x, nfs: {server: h, path: /}}]}"
    )]
    #[case::host_port("{container.merge.ports: [{containerPort: 1, hostPort: 22}]}")]
    #[case::host_port_of_another_program("{container.ports.nats.hostPort: 22}")]
    #[case::other_runtime("{podTemplate.merge.spec.runtimeClassName: bare}")]
    #[case::balancer("{service.merge.spec.loadBalancerIP: 10.0.0.1}")]
    #[case::patched_claim(
        "{podTemplate.patch: [{op: add, path: /spec/volumes/-, value: {name: x, persistentVolumeClaim: {claimName: b}}}]}"
    )]
    #[case::patched_claim_alone(
        "{podTemplate.patch: [{op: replace, path: /spec/volumes/0/persistentVolumeClaim/claimName, value: b}]}"
    )]
    #[case::patched_copy(
        "{config.jetstream.fileStore.pvc.patch: [{op: add, path: /spec/dataSource, value: {name: b}}]}"
    )]
    #[case::patched_port("{container.patch: [{op: add, path: /ports/0/hostPort, value: 22}]}")]
    #[case::patched_capabilities(
        "{container.patch: [{op: add, path: /securityContext/capabilities, value: {add: [SYS_ADMIN]}}]}"
    )]
    #[case::hook(
        "{statefulSet: {merge: {metadata: {annotations: {helm.sh/hook: 'post-install'}}}}}"
    )]
    #[case::kept("{configMap.merge.metadata.annotations: {helm.sh/resource-policy: keep}}")]
    #[case::hook_of_all("{global.labels: {helm.sh/hook: pre-install}}")]
    #[case::patched_hook(
        "{service.patch: [{op: add, path: /metadata/annotations/helm.sh~1hook, value: pre-install}]}"
    )]
    #[case::never_gone("{service.merge.metadata.finalizers: [example.org/x]}")]
    #[case::pods_of_others(
        "{podTemplate: {merge: {metadata: {labels: {app.kubernetes.io/instance: nats-b}}}}}"
    )]
    #[case::selected_of_others("{podDisruptionBudget.merge.spec.selector.matchLabels: {app: b}}")]
    #[case::before_the_clusters_own(
        "{podTemplate.merge.spec.priorityClassName: system-node-critical}"
    )]
    #[case::raw_include("{config.merge.x: '<< 1; include /etc/passwd >>'}")]
    #[case::raw_folded("{config.merge.x: \"<< 1; \u{130}nclude /etc/passwd >>\"}")]
    #[case::raw_in_two_parts("{config: {merge: {\"<< a: '\": \"'; include /etc/passwd >>\"}}}")]
    #[case::raw_begun_elsewhere("{config.merge: {a: \"<< '\"}}")]
    #[case::raw_block("{config.merge.x: '<< authorization { user: a } >>'}")]
    #[case::raw_reference_with_more("{config.merge.x: '<< $X; include /etc/passwd >>'}")]
    #[case::raw_in_a_list("{config.merge.x: ['<< 1; include /etc/passwd >>']}")]
    #[case::key_called_pvc(
        "{config.merge.accounts.pvc.users: [{user: '<< a; include \"/etc/passwd\" >>'}]}"
    )]
    #[case::quote_in_a_key("{config.merge: {'a\": 1; include /etc/passwd; \"b': 1}}")]
    #[case::quote_in_a_patched_key(
        "{config.patch: [{op: add, path: '/a\": 1; include /etc/passwd; \"b', value: 1}]}"
    )]
    #[case::patched_include("{config.patch: [{op: add, path: /a$include, value: /etc/passwd}]}")]
    #[case::size_of_files("{config.jetstream.fileStore.maxSize: '1GB; include /etc/passwd'}")]
    #[case::size_of_memory("{config.jetstream.memoryStore.maxSize: '1GB, include /etc/passwd'}")]
    #[case::size_of_a_claim("{config.jetstream.fileStore.pvc.size: '1Gi include /etc/passwd'}")]
    #[case::authorities(
        "{tlsCA: {enabled: true, dir: '<< 1; include ../../etc', key: 'passwd >>'}}"
    )]
    #[case::certificates(
        "{config.nats.tls: {enabled: true, secretName: s, dir: '<< 1', cert: 'x; include /etc/passwd >>'}}"
    )]
    #[case::template_of_configuration("{config.nats.port: \"4222\\n00$include: /etc/passwd\"}")]
    #[case::template_in_braces("{config.nats.port: '{a$include: /etc/passwd}'}")]
    #[case::template_of_an_object(
        "{container.image.tag: \"2\\n  securityContext: {privileged: true}\"}"
    )]
    #[case::template_on_one_line("{promExporter.port: '1, hostPort: 22'}")]
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
    #[case(
        "{config.merge: {max_payload: << 2MB >>, debug: << true >>, listen: '<< 0.0.0.0:4222 >>'}}"
    )]
    #[case("{config.cluster.port: << $PORT >>, config.merge.a: ['<< $B >>', 'x, {y}']}")]
    #[case(
        "{config.jetstream.fileStore: {maxSize: 1GB, pvc: {size: 10Gi, storageClassName: a-b}}}"
    )]
    #[case("{config.merge.accounts: {Büro: {users: [{user: a b}]}}}")]
    #[case(
        "{container.image: {repository: 'h:5000/nats', tag: 2.12.1-alpine}, tlsCA: {enabled: true, dir: /etc/ca, key: ca.crt}}"
    )]
    #[case("{container.ports.nats.hostPort: 4222}")]
    #[case("{container.env: {A: \"a, {b}\\n\"}, container.merge.args: [-c, 'a; b']}")]
    fn what_stays_within_is_not(#[case] values: &str) {
        assert!(!is_refused(values));
    }
}
