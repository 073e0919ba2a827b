//! The JSON Schema of exchange files, for editors. A test holds it to the reader: both refuse the same shapes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::desired::{DeletionPolicy, SyncMode};
use super::typed::{Access, Federation};

/// One line that says something.
const LINE: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";
/// As `id::ReleaseName` reads it.
const RELEASE: &str = "^[a-z0-9](?:[-a-z0-9]{0,51}[a-z0-9])?$";
/// As `id::ClusterId` reads it.
const CLUSTER: &str = "^[A-Za-z0-9](?:[-_A-Za-z0-9]{0,61}[A-Za-z0-9])?$";
/// As `id::Namespace` reads it.
const NAMESPACE: &str = "^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$";
/// As `id::ExchangeId` reads it: the three above.
pub(super) const ID: &str = "^[A-Za-z0-9](?:[-_A-Za-z0-9]{0,61}[A-Za-z0-9])?/[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9](?:[-a-z0-9]{0,51}[a-z0-9])?$";
/// As `id::SystemId` reads it: neither `.` nor `..`.
const SYSTEM_ID: &str = r"^[A-Za-z0-9](?:[-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$";
/// An exact version.
const VERSION: &str = r"^(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)(?:-(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$";
/// An owner in a list.
const OWNER: &str =
    r"^\s*[^,\s\x00-\x1f\x7f-\x9f](?:[^,\x00-\x1f\x7f-\x9f]*[^,\s\x00-\x1f\x7f-\x9f])?\s*$";
/// Owners in a text, separated by commas.
const OWNERS: &str = r"^\s*[^,\s\x00-\x1f\x7f-\x9f](?:[^,\x00-\x1f\x7f-\x9f]*[^,\s\x00-\x1f\x7f-\x9f])?\s*(?:,\s*[^,\s\x00-\x1f\x7f-\x9f](?:[^,\x00-\x1f\x7f-\x9f]*[^,\s\x00-\x1f\x7f-\x9f])?\s*)*$";
/// Scheme and host, and no user.
const URL: &str = r"^(?:[Hh][Tt][Tt][Pp][Ss]?|[Ww][Ss][Ss]?|[Nn][Aa][Tt][Ss]|[Tt][Ll][Ss])://[^\s/?#@]+(?:[/?#].*)?$";
/// A point in time with its distance from UTC.
const TIME: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:[Zz]|[-+][0-9]{2}(?::?[0-9]{2})?)$";
/// A dotted key, as `exchange::path` reads it.
const PATH: &str =
    r"^(?:[^.\[\\]|\\[\s\S])+(?:\[[0-9]+\])*(?:\.(?:[^.\[\\]|\\[\s\S])+(?:\[[0-9]+\])*){0,29}$";
/// A place in an object, as `drift::IgnoredPath` reads it.
const PLACE: &str = r"^[^/\x00-\x1f\x7f-\x9f]+(?:/[^/\x00-\x1f\x7f-\x9f]+)+$";
/// A key the registry can keep.
const METADATA_KEY: &str = "^[^.$][^.]*$";

/// The schema an editor can check exchange files with; `natsx-sync validate` checks more.
pub fn schema() -> Value {
    schemars::schema_for!(ExchangeFile).to_value()
}

/// An exchange: one NATS deployment from the official Helm chart in one Kubernetes cluster, with its record in the Backbone Registry.
#[derive(JsonSchema)]
#[schemars(title = "Exchange", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "describes the file; reading needs positions that serde cannot give"
)]
struct ExchangeFile {
    /// What the file is: `Exchange`, also when absent.
    kind: Option<Kind>,
    /// The format of the file: 1, also when absent.
    #[schemars(range(min = 1, max = 1), extend("default" = 1))]
    format: Option<u8>,
    /// The name for people, on one line.
    #[schemars(regex(pattern = LINE), example = "Global Event Bus")]
    name: String,
    /// The Helm release: lower-case letters, digits and `-`, at most 53. Part of the identity.
    #[schemars(regex(pattern = RELEASE), example = "nats-global-exchange")]
    release_name: String,
    /// A cluster of the operator's inventory. Part of the identity.
    #[schemars(regex(pattern = CLUSTER), example = "us-east-cluster")]
    cluster_id: String,
    /// The Kubernetes namespace of the release. Part of the identity.
    #[schemars(regex(pattern = NAMESPACE), extend("default" = "communication"))]
    namespace: Option<String>,
    /// The owners: a list, or a text separated by commas.
    #[schemars(example = ["org001", "org002"])]
    org_ids: OrgIds,
    /// Values of the nats chart. Dotted keys and nested maps may be mixed; a dot that belongs to a key is written `\.`, an element of a list `[0]`. Values keep their YAML type.
    helm_values: Option<HelmValues>,
    /// Free form, kept in the registry record. No dots in keys; the key `natsx` is natsx-sync's own.
    metadata: Option<Metadata>,
    /// The exact version of the chart, all three numbers. The operator's settings have a default.
    #[schemars(regex(pattern = VERSION), example = "2.14.2")]
    chart_version: Option<String>,
    /// Values files of the repository, `profiles/NAME.yaml`, layered in this order below `helm_values`.
    #[schemars(extend("uniqueItems" = true), example = ["production"])]
    profiles: Option<Vec<String>>,
    /// Exchanges, `cluster/namespace/release`, that are installed before this one.
    #[schemars(inner(regex(pattern = ID)), extend("uniqueItems" = true), example = ["us-east-cluster/communication/nats-core"])]
    depends_on: Option<Vec<String>>,
    /// How the exchange is kept.
    #[schemars(extend("default" = "continuous"))]
    sync_mode: Option<SyncMode>,
    /// Places where live objects may differ from the release in the mode `continuous_with_drift_detection`: `KIND/KEY/KEY`, with everything below. `*` is any kind or key; elements of lists go by their name, or number; a `/` within a key is `~1`.
    #[schemars(inner(regex(pattern = PLACE)), extend("uniqueItems" = true), example = ["StatefulSet/spec/replicas"])]
    drift_ignore: Option<Vec<String>>,
    /// Never uninstalled until an earlier commit took this away.
    #[schemars(extend("default" = false))]
    protect: Option<bool>,
    /// What becomes of the volumes when the exchange is removed.
    #[schemars(extend("default" = "retain"))]
    deletion_policy: Option<DeletionPolicy>,
    /// Holds every action; the exchange is still observed.
    suspend: Option<Suspension>,
    /// Where services find it; `https://HOST/nats/RELEASE` when absent.
    #[schemars(regex(pattern = URL), example = "https://nats.example.org/global")]
    public_url: Option<String>,
    /// The key of the registry record: set it to take over an existing record. Derived from the identity when absent.
    #[schemars(regex(pattern = SYSTEM_ID), example = "89d4c61a-b35f-4fd0-8097-1aa58a77ec9f")]
    system_id: Option<String>,
    /// Who may connect, and what they may do. Written below `helm_values` it wins.
    access: Option<Access>,
    /// Links to other exchanges.
    federation: Option<Federation>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the file")]
enum Kind {
    Exchange,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes the file")]
enum OrgIds {
    List(
        #[schemars(
            inner(regex(pattern = OWNER)),
            length(min = 1),
            extend("uniqueItems" = true)
        )]
        Vec<String>,
    ),
    Text(#[schemars(regex(pattern = OWNERS))] String),
}

/// Why, and until when.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file")]
struct Suspension {
    /// Why, on one line: shown wherever the exchange is.
    #[schemars(regex(pattern = LINE), example = "migration of the hub")]
    reason: String,
    /// When it ends by itself; until it is taken away when absent.
    #[schemars(regex(pattern = TIME), example = "2026-12-01T00:00:00Z")]
    until: Option<String>,
}

struct HelmValues;

impl JsonSchema for HelmValues {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HelmValues".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": {"pattern": PATH},
            "examples": [{
                "config.cluster.enabled": true,
                "config.cluster.replicas": 3,
                "config.jetstream": {"enabled": true, "fileStore": {"pvc": {"size": "10Gi"}}},
                "container.env.PASS.valueFrom.secretKeyRef": {"name": "nats-auth", "key": "password"},
            }],
        })
    }
}

struct Metadata;

impl JsonSchema for Metadata {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Metadata".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": {"pattern": METADATA_KEY, "not": {"const": "natsx"}},
            "additionalProperties": generator.subschema_for::<MetadataValue>(),
            "examples": [{"team": "infra", "region": "us-east"}],
        })
    }
}

struct MetadataValue;

impl JsonSchema for MetadataValue {
    fn schema_name() -> Cow<'static, str> {
        "MetadataValue".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let inner = generator.subschema_for::<Self>();
        json_schema!({
            "description": "Anything; maps in it have keys without dots that do not begin with a dollar.",
            "propertyNames": {"pattern": METADATA_KEY},
            "additionalProperties": inner,
            "items": inner,
        })
    }
}
