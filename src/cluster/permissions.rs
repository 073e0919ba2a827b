//! What natsx-sync needs to be allowed to do, asked of the API server rule by rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use super::access::Cluster;
use super::error::ClusterError;
use super::grant::grant;
use crate::id::Namespace;

const PARALLEL: usize = 16;
const READ: &[&str] = &["get"];
const ALL: &[&str] = &["get", "list", "create", "update", "patch", "delete"];
/// What others do to them is seen as it happens; without the right to watch, at the interval.
const ALL_AND_WATCH: &[&str] = &[
    "get", "list", "watch", "create", "update", "patch", "delete",
];

/// What is needed of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// API group; empty = core.
    pub(super) group: &'static str,
    /// With its subresource.
    pub(super) resource: &'static str,
    pub(super) verbs: &'static [&'static str],
}

const fn rule(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Rule {
    Rule {
        group,
        resource,
        verbs,
    }
}

/// Within every namespace of exchanges. The chart's own objects are helm's work in our name.
const NAMESPACED: &[Rule] = &[
    rule("", "secrets", ALL_AND_WATCH),
    rule("", "configmaps", ALL),
    rule("", "services", ALL),
    rule("", "serviceaccounts", ALL),
    rule("apps", "statefulsets", ALL_AND_WATCH),
    rule("apps", "deployments", ALL),
    rule("policy", "poddisruptionbudgets", ALL),
    rule("", "pods", &["get", "list"]),
    rule("", "pods/proxy", READ),
    rule("", "pods/log", READ),
    rule("", "events", &["list"]),
    rule("", "persistentvolumeclaims", &["get", "list", "delete"]),
    // What keeps one writer per instance; without it everything else works.
    rule(
        "coordination.k8s.io",
        "leases",
        &["get", "create", "update"],
    ),
];

/// Of the cluster itself; needed only where the settings do not limit us to namespaces.
const CLUSTER_WIDE: &[Rule] = &[rule("", "namespaces", &["get", "list", "create"])];

/// What is needed in one place.
pub(super) fn needed(everywhere: bool) -> Vec<Rule> {
    let wide = if everywhere { CLUSTER_WIDE } else { &[] };
    [NAMESPACED, wide].concat()
}

/// What we may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// What we may not, and should.
    pub missing: Vec<MissingRule>,
    /// Roles and bindings that allow it, for `kubectl apply`; empty when nothing is missing.
    pub grant: String,
}

/// A rule that is missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingRule {
    /// Where; none = in the whole cluster.
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
        write!(f, "{} {}", verbs.join(", "), self.resource)?;
        if !self.api_group.is_empty() {
            write!(f, ".{}", self.api_group)?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => f.write_str(" in every namespace"),
        }
    }
}

struct Question {
    namespace: Option<Namespace>,
    group: &'static str,
    resource: &'static str,
    verb: &'static str,
}

impl Cluster {
    /// What is missing in the namespaces the settings limit us to, or else in the whole cluster.
    pub async fn permissions(&self) -> Result<Permissions, ClusterError> {
        let denied: Vec<Question> = stream::iter(questions(self.namespaces()).into_iter().map(
            |question| async move {
                let allowed = self.may(&question).await?;
                Ok::<_, ClusterError>((!allowed).then_some(question))
            },
        ))
        .buffer_unordered(PARALLEL)
        .try_filter_map(|denied| async move { Ok(denied) })
        .try_collect()
        .await?;
        let missing = rules(denied);
        let places: BTreeSet<_> = missing.iter().map(|rule| rule.namespace.as_ref()).collect();
        let user = if places.is_empty() {
            None
        } else {
            self.username().await
        };
        let grant = grant(places, user.as_deref());
        Ok(Permissions { missing, grant })
    }

    /// Who we are to the API server, if it tells.
    async fn username(&self) -> Option<String> {
        let api: Api<SelfSubjectReview> = Api::all(self.client().clone());
        let asked = SelfSubjectReview::default();
        let answer = api.create(&PostParams::default(), &asked).await.ok()?;
        answer.status?.user_info?.username
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
fn questions(limit: Option<&BTreeSet<Namespace>>) -> Vec<Question> {
    let places: Vec<Option<Namespace>> = match limit {
        None => vec![None],
        Some(namespaces) => namespaces.iter().cloned().map(Some).collect(),
    };
    let mut questions = Vec::new();
    for place in places {
        for rule in needed(place.is_none()) {
            questions.extend(rule.verbs.iter().map(|verb| Question {
                namespace: place.clone(),
                group: rule.group,
                resource: rule.resource,
                verb,
            }));
        }
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
    fn missing_verbs_of_a_resource_make_one_rule() {
        let asked = questions(Some(&BTreeSet::from(["a".parse().unwrap()])));
        let denied = asked
            .into_iter()
            .filter(|question| {
                question.resource == "pods/proxy" || question.resource == "statefulsets"
            })
            .collect();
        let rules = rules(denied);
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0].to_string(), "get pods/proxy in namespace a");
        assert_eq!(
            rules[1].to_string(),
            "create, delete, get, list, patch, update, watch statefulsets.apps in namespace a"
        );
    }

    #[test]
    fn only_an_unlimited_cluster_needs_cluster_wide_rules() {
        let limit = BTreeSet::from(["a".parse().unwrap(), "b".parse().unwrap()]);
        let limited = questions(Some(&limit));
        assert!(limited.iter().all(|question| question.namespace.is_some()));
        let all = questions(None);
        assert!(all.iter().all(|question| question.namespace.is_none()));
        assert!(all.len() < limited.len());
    }
}
