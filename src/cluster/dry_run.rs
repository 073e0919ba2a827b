//! Asking the API server whether it would take a `StatefulSet`, before helm changes anything else.

use kube::api::PostParams;
use kube::core::Status;
use serde_json::{Map, Value};

use super::access::Cluster;
use super::error::{ClusterError, is_absence, words};
use crate::id::Namespace;
use crate::observe::manifest::text;
use crate::reason::Reason;

/// What the API server would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryRun {
    /// Take it.
    Accepted,
    /// There is none of that name: helm will create it.
    NotThere,
    /// Refuse it.
    Refused {
        /// `StatefulSetImmutable`, `FieldUnknown` or `DryRunRefused`.
        reason: Reason,
        /// The API server's words.
        text: String,
    },
}

impl Cluster {
    /// Sends the rendered `StatefulSet` as a whole, strictly validated and without effect. A whole replacement finds what
    /// a server-side apply would overlook, such as a removed volume template. It names no resourceVersion: what
    /// matters is whether the fields may change at all.
    pub async fn dry_run_stateful_set(
        &self,
        namespace: &Namespace,
        stateful_set: &Value,
    ) -> Result<DryRun, ClusterError> {
        let name = text(stateful_set, "/metadata/name")
            .ok_or_else(|| self.unexpected("a rendered StatefulSet without a name"))?;
        let params = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let body = serde_json::to_vec(&replacement(namespace, stateful_set))
            .map_err(|error| self.unexpected(error))?;
        let path = format!("/apis/apps/v1/namespaces/{namespace}/statefulsets");
        let mut request = kube::core::Request::new(path)
            .replace(name, &params, body)
            .map_err(|error| self.unexpected(error))?;
        let strict = format!("{}&fieldValidation=Strict", request.uri());
        *request.uri_mut() = strict.parse().map_err(|error| self.unexpected(error))?;
        match self.client().request_text(request).await {
            Ok(_) => Ok(DryRun::Accepted),
            Err(kube::Error::Api(status)) => classify(&status)
                .ok_or_else(|| ClusterError::from_status(&self.inner.host, &status)),
            Err(error) => Err(self.fail(&error)),
        }
    }
}

fn replacement(namespace: &Namespace, stateful_set: &Value) -> Value {
    let mut wanted = stateful_set.clone();
    if let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        metadata.remove("uid");
        metadata.insert("namespace".to_owned(), Value::from(namespace.as_str()));
    }
    if let Some(object) = wanted.as_object_mut() {
        remove_status(object);
    }
    wanted
}

fn remove_status(object: &mut Map<String, Value>) {
    object.remove("status");
}

/// A refusal of the content, or `None` for what says nothing about it (busy, unreachable, no permission).
fn classify(status: &Status) -> Option<DryRun> {
    let reason = match status.code {
        404 if is_absence(status) => return Some(DryRun::NotThere),
        401 | 404 | 429 | 500.. => return None,
        // RBAC and admission webhooks both answer 403; only the latter judge the content.
        403 if !status.message.contains("admission") => return None,
        400 if is_unknown_field(&status.message) => Reason::FieldUnknown,
        422 if is_immutable(status) => Reason::StatefulSetImmutable,
        _ => Reason::DryRunRefused,
    };
    Some(DryRun::Refused {
        reason,
        text: words(status),
    })
}

fn is_unknown_field(message: &str) -> bool {
    message.contains("strict decoding error") || message.contains("unknown field")
}

fn is_immutable(status: &Status) -> bool {
    let forbidden = |message: &str| {
        message.contains("updates to statefulset spec") || message.contains("field is immutable")
    };
    let causes = status.details.as_ref().map(|details| &details.causes);
    match causes {
        Some(causes) if !causes.is_empty() => causes.iter().any(|cause| {
            (cause.reason == "FieldValueForbidden" && cause.field == "spec")
                || forbidden(&cause.message)
        }),
        _ => forbidden(&status.message),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::response::{StatusCause, StatusDetails};
    use rstest::rstest;

    use super::*;

    fn status(code: u16, message: &str) -> Status {
        Status::failure(message, "").with_code(code)
    }

    fn with_cause(reason: &str, field: &str, message: &str) -> Status {
        status(422, message).with_details(StatusDetails {
            name: "nats".to_owned(),
            group: "apps".to_owned(),
            kind: "StatefulSet".to_owned(),
            uid: String::new(),
            causes: vec![StatusCause {
                reason: reason.to_owned(),
                message: message.to_owned(),
                field: field.to_owned(),
            }],
            retry_after_seconds: 0,
        })
    }

    fn reason(status: &Status) -> Reason {
        match classify(status) {
            Some(DryRun::Refused { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_forbidden_change_is_told_from_an_invalid_value() {
        let immutable = "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals' are forbidden";
        assert_eq!(
            reason(&with_cause("FieldValueForbidden", "spec", immutable)),
            Reason::StatefulSetImmutable
        );
        assert_eq!(
            reason(&status(422, immutable)),
            Reason::StatefulSetImmutable
        );
        let invalid = "Invalid value: -1: must be greater than or equal to 0";
        assert_eq!(
            reason(&with_cause("FieldValueInvalid", "spec.replicas", invalid)),
            Reason::DryRunRefused
        );
    }

    #[test]
    fn an_unknown_field_is_named() {
        let message = "StatefulSet in version \"v1\" cannot be handled as a StatefulSet: strict decoding error: unknown field \"spec.foo\"";
        match classify(&status(400, message)) {
            Some(DryRun::Refused { reason, text }) => {
                assert_eq!(reason, Reason::FieldUnknown);
                assert!(text.contains("spec.foo"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case(429)]
    #[case(500)]
    #[case(503)]
    #[case(401)]
    fn a_busy_server_says_nothing_about_the_content(#[case] code: u16) {
        assert_eq!(classify(&status(code, "x")), None);
    }

    #[test]
    fn admission_refuses_and_missing_permission_does_not() {
        let denied = status(403, "admission webhook \"x\" denied the request: no");
        assert_eq!(reason(&denied), Reason::DryRunRefused);
        let rbac = "statefulsets.apps \"nats\" is forbidden: User \"x\" cannot update resource";
        assert_eq!(classify(&status(403, rbac)), None);
        let absent = Status::failure("not found", "NotFound").with_code(404);
        assert_eq!(classify(&absent), Some(DryRun::NotThere));
        assert_eq!(classify(&status(404, "404 page not found")), None);
    }
}
