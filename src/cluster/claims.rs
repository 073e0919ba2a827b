//! The volume claims of a release: those its `StatefulSet`s made from their templates, and no others.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Preconditions};
use serde_json::Value;

use super::access::{Cluster, absent_is_none};
use super::error::ClusterError;
use super::view::collect_metadata;
use crate::id::Namespace;
use crate::observe::manifest::text;
use crate::observe::observed::StoredRelease;

/// A claim of a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// Of the object, so that only this very claim is deleted.
    pub uid: String,
}

/// How the claims of one `StatefulSet` are recognised.
#[derive(Debug, PartialEq, Eq)]
struct Pattern {
    selector: String,
    prefixes: Vec<String>,
}

impl Cluster {
    /// The claims of the release's `volumeClaimTemplates`.
    pub async fn claims(
        &self,
        namespace: &Namespace,
        stored: &StoredRelease,
    ) -> Result<BTreeSet<Claim>, ClusterError> {
        let api: Api<PersistentVolumeClaim> = self.namespaced(namespace);
        let mut claims = BTreeSet::new();
        for pattern in stored.stateful_sets.iter().filter_map(pattern) {
            let params = ListParams::default().labels(&pattern.selector);
            for meta in collect_metadata(self, &api, &params).await? {
                if let (Some(name), Some(uid)) = (meta.name, meta.uid)
                    && pattern.fits(&name)
                {
                    claims.insert(Claim { name, uid });
                }
            }
        }
        Ok(claims)
    }

    /// Deletes these claims; one that is gone already is no error.
    pub async fn delete_claims(
        &self,
        namespace: &Namespace,
        claims: &BTreeSet<Claim>,
    ) -> Result<(), ClusterError> {
        let api: Api<PersistentVolumeClaim> = self.namespaced(namespace);
        for claim in claims {
            let params = DeleteParams::default().preconditions(Preconditions {
                uid: Some(claim.uid.clone()),
                resource_version: None,
            });
            let deleted = api.delete(&claim.name, &params).await;
            absent_is_none(deleted.map_err(|error| self.fail(&error)))?;
        }
        Ok(())
    }
}

fn pattern(stateful_set: &Value) -> Option<Pattern> {
    let name = text(stateful_set, "/metadata/name")?;
    let labels = stateful_set
        .pointer("/spec/selector/matchLabels")?
        .as_object()?;
    let selector = label_selector(labels)?;
    let templates = stateful_set
        .pointer("/spec/volumeClaimTemplates")?
        .as_array()?;
    let prefixes: Vec<String> = templates
        .iter()
        .filter_map(|template| text(template, "/metadata/name"))
        .map(|template| format!("{template}-{name}-"))
        .collect();
    (!prefixes.is_empty()).then_some(Pattern { selector, prefixes })
}

/// A selector of nothing would select everything, so it is none.
pub(crate) fn label_selector(labels: &serde_json::Map<String, Value>) -> Option<String> {
    let terms: Vec<String> = labels
        .iter()
        .filter_map(|(key, value)| value.as_str().map(|value| format!("{key}={value}")))
        .collect();
    (!terms.is_empty()).then(|| terms.join(","))
}

impl Pattern {
    /// `template-set-ordinal`; the labels alone would take a person's claim with the same labels for one of these.
    fn fits(&self, name: &str) -> bool {
        self.prefixes.iter().any(|prefix| {
            name.strip_prefix(prefix.as_str()).is_some_and(|ordinal| {
                !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit())
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_claims_of_the_templates_fit() {
        let pattern = pattern(&json!({
            "metadata": {"name": "nats"},
            "spec": {
                "selector": {"matchLabels": {"app": "nats", "part": "a"}},
                "volumeClaimTemplates": [{"metadata": {"name": "nats-js"}}],
            },
        }))
        .unwrap();
        assert_eq!(pattern.selector, "app=nats,part=a");
        assert!(pattern.fits("nats-js-nats-0"));
        assert!(pattern.fits("nats-js-nats-12"));
        for other in [
            "nats-js-nats-",
            "nats-js-nats-x",
            "nats-js-nats-b-0",
            "data",
        ] {
            assert!(!pattern.fits(other), "{other}");
        }
    }

    #[test]
    fn no_selector_means_no_claims() {
        let set = json!({
            "metadata": {"name": "nats"},
            "spec": {
                "selector": {"matchLabels": {}},
                "volumeClaimTemplates": [{"metadata": {"name": "js"}}],
            },
        });
        assert_eq!(pattern(&set), None);
    }
}
