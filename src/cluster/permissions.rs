//! What natsx-sync needs to be allowed to do, asked of the API server rule by rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use super::access::Cluster;
use super::error::ClusterError;
use crate::id::Namespace;

const PARALLEL: usize = 16;
const READ: &[&str] = &["get"];
const ALL: &[&str] = &["get", "list", "create", "update", "patch", "delete"];

/// Within every namespace of exchanges: API group, resource, verbs. The chart's own objects are helm's work in our name.
const NAMESPACED: &[(&str, &str, &[&str])] = &[
    ("", "secrets", ALL),
    ("", "configmaps", ALL),
    ("", "services", ALL),
    ("", "serviceaccounts", ALL),
    (
        "apps",
        "statefulsets",
        &[
            "get", "list", "watch", "create", "update", "patch", "delete",
        ],
    ),
    ("apps", "deployments", ALL),
    ("policy", "poddisruptionbudgets", ALL),
    ("", "pods", &["get", "list"]),
    ("", "pods/proxy", READ),
    ("", "pods/log", READ),
    ("", "events", &["list"]),
    ("", "persistentvolumeclaims", &["get", "list", "delete"]),
    (
        "coordination.k8s.io",
        "leases",
        &["get", "create", "update", "patch"],
    ),
];

/// Of the cluster itself; asked only where the settings do not limit us to namespaces.
const CLUSTER_WIDE: &[(&str, &str, &[&str])] = &[("", "namespaces", &["get", "list", "create"])];

/// A rule that is missing. `Display` is the YAML of the rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingRule {
    /// Where: a Role there; none = a `ClusterRole`.
    pub namespace: Option<Namespace>,
    /// Its API group; empty = core.
    pub api_group: String,
    /// The resource, with its subresource.
    pub resource: String,
    /// The verbs that are missing.
    pub verbs: BTreeSet<String>,
}

impl fmt::Display for MissingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verbs: Vec<&str> = self.verbs.iter().map(String::as_str).collect();
        write!(
            f,
            "- apiGroups: [\"{}\"]\n  resources: [{}]\n  verbs: [{}]",
            self.api_group,
            self.resource,
            verbs.join(", ")
        )
    }
}

struct Question {
    namespace: Option<Namespace>,
    group: &'static str,
    resource: &'static str,
    verb: &'static str,
}

impl Cluster {
    /// The rules that are missing for these namespaces (empty: for all of the cluster); empty when nothing is.
    pub async fn permissions(
        &self,
        namespaces: &BTreeSet<Namespace>,
    ) -> Result<Vec<MissingRule>, ClusterError> {
        let everywhere = self.namespaces().is_none();
        let questions = questions(namespaces, everywhere);
        let denied: Vec<Question> =
            stream::iter(questions.into_iter().map(|question| async move {
                let allowed = self.may(&question).await?;
                Ok::<_, ClusterError>((!allowed).then_some(question))
            }))
            .buffer_unordered(PARALLEL)
            .try_filter_map(|denied| async move { Ok(denied) })
            .try_collect()
            .await?;
        Ok(rules(denied))
    }

    async fn may(&self, question: &Question) -> Result<bool, ClusterError> {
        let (resource, subresource) = match question.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (question.resource, None),
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    namespace: question.namespace.as_ref().map(ToString::to_string),
                    group: Some(question.group.to_owned()),
                    resource: Some(resource.to_owned()),
                    subresource,
                    verb: Some(question.verb.to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client().clone());
        let answer = api
            .create(&PostParams::default(), &review)
            .await
            .map_err(|error| self.fail(&error))?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

/// Without a limit the releases are listed cluster-wide, so the rules must hold cluster-wide: one answer for all.
fn questions(namespaces: &BTreeSet<Namespace>, everywhere: bool) -> Vec<Question> {
    let places: Vec<Option<Namespace>> = if everywhere {
        vec![None]
    } else {
        namespaces.iter().cloned().map(Some).collect()
    };
    let mut questions = Vec::new();
    let mut ask = |place: &Option<Namespace>,
                   rules: &[(&'static str, &'static str, &[&'static str])]| {
        for (group, resource, verbs) in rules {
            for verb in *verbs {
                questions.push(Question {
                    namespace: place.clone(),
                    group,
                    resource,
                    verb,
                });
            }
        }
    };
    for place in &places {
        ask(place, NAMESPACED);
    }
    if everywhere {
        ask(&None, CLUSTER_WIDE);
    }
    questions
}

fn rules(denied: Vec<Question>) -> Vec<MissingRule> {
    let mut grouped: BTreeMap<(Option<Namespace>, &str, &str), BTreeSet<String>> = BTreeMap::new();
    for question in denied {
        grouped
            .entry((question.namespace, question.group, question.resource))
            .or_default()
            .insert(question.verb.to_owned());
    }
    grouped
        .into_iter()
        .map(|((namespace, group, resource), verbs)| MissingRule {
            namespace,
            api_group: group.to_owned(),
            resource: resource.to_owned(),
            verbs,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_verbs_of_a_resource_make_one_rule_in_yaml() {
        let asked = questions(&BTreeSet::from(["a".parse().unwrap()]), false);
        let denied = asked
            .into_iter()
            .filter(|question| question.resource == "pods/proxy" || question.resource == "leases")
            .collect();
        let rules = rules(denied);
        assert_eq!(rules.len(), 2);
        let text = rules[0].to_string();
        assert_eq!(
            text,
            "- apiGroups: [\"\"]\n  resources: [pods/proxy]\n  verbs: [get]"
        );
        assert_eq!(rules[1].verbs.len(), 4);
    }

    #[test]
    fn only_an_unlimited_cluster_needs_cluster_wide_rules() {
        let namespaces = BTreeSet::from(["a".parse().unwrap(), "b".parse().unwrap()]);
        assert!(
            questions(&namespaces, false)
                .iter()
                .all(|question| question.namespace.is_some())
        );
        assert!(
            questions(&namespaces, true)
                .iter()
                .all(|question| question.namespace.is_none())
        );
    }
}
