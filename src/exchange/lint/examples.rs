//! What is meant by lints and by refusals of values, shown: the tests hold each example to what it says.

use crate::reason::Reason;

/// Every reason a lint has: those the operator's settings may lower, raise or switch off.
pub const LINTS: &[Reason] = &[
    Reason::UnknownValue,
    Reason::RenamedValue,
    Reason::StringForBoolean,
    Reason::WrongType,
    Reason::VariableNotText,
    Reason::PlainSize,
    Reason::ReplicasWithoutCluster,
    Reason::JetStreamClusterOfOne,
    Reason::EvenReplicas,
    Reason::MemoryStoreTooLarge,
    Reason::InvalidQuantity,
    Reason::RequestAboveLimit,
    Reason::NeedsOther,
    Reason::OpenExchange,
    Reason::InvalidSubject,
];

/// Values that are found fault with, and what to write instead.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Why.
    pub reason: Reason,
    /// Below `helm_values`.
    pub wrong: &'static str,
    /// Below `helm_values`.
    pub right: &'static str,
}

const fn example(reason: Reason, wrong: &'static str, right: &'static str) -> Example {
    Example {
        reason,
        wrong,
        right,
    }
}

/// At least one for each lint.
pub const EXAMPLES: &[Example] = &[
    example(
        Reason::UnknownValue,
        "config.max_payload: 1024",
        "config.merge.max_payload: 1024",
    ),
    example(
        Reason::RenamedValue,
        "nats.jetstream.fileStorage.size: 20Gi",
        "config.jetstream.fileStore.pvc.size: 20Gi",
    ),
    example(
        Reason::StringForBoolean,
        "config.jetstream.enabled: \"false\"",
        "config.jetstream.enabled: false",
    ),
    example(
        Reason::WrongType,
        "config.cluster: true",
        "config.cluster.enabled: true",
    ),
    example(
        Reason::VariableNotText,
        "container.env.GOMAXPROCS: 2",
        "container.env.GOMAXPROCS: \"2\"",
    ),
    example(
        Reason::PlainSize,
        "config.merge.max_payload: 2MB",
        "config.merge.max_payload: << 2MB >>",
    ),
    example(
        Reason::ReplicasWithoutCluster,
        "config.cluster.replicas: 3",
        "config.cluster: {enabled: true, replicas: 3}",
    ),
    example(
        Reason::JetStreamClusterOfOne,
        "config.jetstream.enabled: true\nconfig.cluster: {enabled: true, replicas: 1}",
        "config.jetstream.enabled: true\nconfig.cluster: {enabled: true, replicas: 3}",
    ),
    example(
        Reason::EvenReplicas,
        "config.jetstream.enabled: true\nconfig.cluster: {enabled: true, replicas: 4}",
        "config.jetstream.enabled: true\nconfig.cluster: {enabled: true, replicas: 5}",
    ),
    example(
        Reason::MemoryStoreTooLarge,
        "config.jetstream: {enabled: true, memoryStore: {enabled: true, maxSize: 2Gi}}\ncontainer.resources.limits.memory: 1Gi",
        "config.jetstream: {enabled: true, memoryStore: {enabled: true, maxSize: 2Gi}}\ncontainer.resources.limits.memory: 3Gi",
    ),
    example(
        Reason::InvalidQuantity,
        "config.jetstream.enabled: true\nconfig.jetstream.fileStore.pvc.size: 20GB",
        "config.jetstream.enabled: true\nconfig.jetstream.fileStore.pvc.size: 20Gi",
    ),
    example(
        Reason::RequestAboveLimit,
        "container.resources: {requests: {cpu: \"2\"}, limits: {cpu: 1500m}}",
        "container.resources: {requests: {cpu: \"1\"}, limits: {cpu: 1500m}}",
    ),
    example(
        Reason::NeedsOther,
        "config.mqtt.enabled: true",
        "config.mqtt.enabled: true\nconfig.jetstream.enabled: true",
    ),
    example(
        Reason::OpenExchange,
        "config.merge.max_payload: 1024",
        "config.merge.authorization.token: << $TOKEN >>\ncontainer.env.TOKEN.valueFrom.secretKeyRef: {name: nats-auth, key: token}",
    ),
    example(
        Reason::InvalidSubject,
        "config.merge.authorization.default_permissions.publish: orders.>.eu",
        "config.merge.authorization.default_permissions.publish: orders.*.eu",
    ),
    example(
        Reason::SecretInFile,
        "config.merge.authorization.token: s3cr3t-of-mine",
        "config.merge.authorization.token: << $TOKEN >>\ncontainer.env.TOKEN.valueFrom.secretKeyRef: {name: nats-auth, key: token}",
    ),
    example(
        Reason::NumericPassword,
        "config.merge.authorization.token: \"123456\"",
        "config.merge.authorization.token: << $TOKEN >>\ncontainer.env.TOKEN.valueFrom.secretKeyRef: {name: nats-auth, key: token}",
    ),
    example(
        Reason::PrivilegedValue,
        "podTemplate.merge.spec.hostNetwork: true",
        "podTemplate.merge.spec.priorityClassName: messaging",
    ),
    example(
        Reason::AmbiguousScalar,
        "config.jetstream.enabled: yes",
        "config.jetstream.enabled: true",
    ),
    example(
        Reason::IntegerTooLarge,
        "config.jetstream.merge.max_file_store: 9007199254740993",
        "config.jetstream.merge.max_file_store: << 9007199254740993 >>",
    ),
    example(
        Reason::ValueConflict,
        "config.cluster.enabled: true\nconfig: {cluster: {enabled: false}}",
        "config: {cluster: {enabled: true}}",
    ),
];
