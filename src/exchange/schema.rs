//! The JSON Schema of exchange files, for editors.

use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::desired::{DeletionPolicy, Suspend, SyncMode};
use super::typed::{Access, Federation};
use crate::id::ExchangeId;

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
    /// `Exchange`, also when absent.
    kind: Option<Kind>,
    /// 1, also when absent.
    #[schemars(range(min = 1, max = 1))]
    format: Option<u8>,
    /// For people.
    name: String,
    /// The Helm release; part of the identity.
    #[schemars(regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), length(max = 53))]
    release_name: String,
    /// Key of the operator's cluster inventory; part of the identity.
    #[schemars(
        regex(pattern = "^[A-Za-z0-9]([-_A-Za-z0-9]*[A-Za-z0-9])?$"),
        length(max = 63)
    )]
    cluster_id: String,
    /// The Kubernetes namespace, `communication` when absent; part of the identity.
    #[schemars(regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), length(max = 63))]
    namespace: Option<String>,
    /// Owners: a list, or a comma-separated text.
    org_ids: OrgIds,
    /// Chart values; dotted keys and nested maps may be mixed.
    helm_values: Option<Map<String, Value>>,
    /// Free form, kept in the registry record; keys without dots, `natsx` is reserved.
    metadata: Option<Map<String, Value>>,
    /// The exact chart version; the settings have a default.
    chart_version: Option<String>,
    /// Values files of the repository (`profiles/NAME.yaml`), layered in this order.
    profiles: Option<Vec<String>>,
    /// Exchanges (`cluster/namespace/release`) that are installed before this one.
    #[schemars(with = "Option<Vec<String>>")]
    depends_on: Option<Vec<ExchangeId>>,
    /// How the exchange is kept.
    sync_mode: Option<SyncMode>,
    /// Never uninstalled until an earlier commit took this away.
    protect: Option<bool>,
    /// What becomes of the volumes when the exchange is removed.
    deletion_policy: Option<DeletionPolicy>,
    /// Holds every action, keeps observing.
    suspend: Option<Suspend>,
    /// What the registry gets; `https://HOST/nats/RELEASE` when absent.
    #[schemars(url)]
    public_url: Option<String>,
    /// Adopts the registry record of this id.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]{1,128}$"))]
    system_id: Option<String>,
    /// Users and subject permissions.
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
    List(Vec<String>),
    Text(String),
}

#[cfg(test)]
mod tests {
    use super::super::fields::FIELDS;
    use super::*;

    #[test]
    fn schema_and_reader_know_the_same_fields() {
        let schema = schema();
        let properties = schema["properties"].as_object().unwrap();
        let mut described: Vec<_> = properties.keys().map(String::as_str).collect();
        let mut read = FIELDS.to_vec();
        described.sort_unstable();
        read.sort_unstable();
        assert_eq!(described, read);
        assert_eq!(
            schema["required"],
            serde_json::json!(["name", "release_name", "cluster_id", "org_ids"])
        );
        assert_eq!(schema["additionalProperties"], false);
    }
}
