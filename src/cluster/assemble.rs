//! From the metadata of Helm's Secrets to the latest revision of each release.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::stamp::parse_stamp;
use crate::observe::observed::{ReleaseKey, ReleaseStatus, ReleaseView, SecretIdentity};

/// The prefix of the Secrets Helm stores releases in.
pub(super) const PREFIX: &str = "sh.helm.release.v1.";

/// The latest revision of each release, undecoded. Secrets that carry Helm's owner label but cannot belong to a release
/// we could name are passed over; one that does belong to one and has unusable labels is unreadable, never absent.
pub fn latest_releases(
    secrets: impl IntoIterator<Item = ObjectMeta>,
) -> BTreeMap<ReleaseKey, ReleaseView> {
    let mut releases: BTreeMap<ReleaseKey, Vec<ReleaseView>> = BTreeMap::new();
    for secret in secrets {
        if let Some((key, view)) = read(secret) {
            releases.entry(key).or_default().push(view);
        }
    }
    releases
        .into_iter()
        .filter_map(|(key, revisions)| latest(revisions).map(|view| (key, view)))
        .collect()
}

fn latest(revisions: Vec<ReleaseView>) -> Option<ReleaseView> {
    let last_deployed = revisions
        .iter()
        .filter(|view| view.status == ReleaseStatus::Deployed)
        .map(|view| view.revision)
        .max();
    let mut latest = revisions.into_iter().max_by_key(|view| view.revision)?;
    if latest.status != ReleaseStatus::Deployed {
        latest.last_deployed = last_deployed;
    }
    Some(latest)
}

fn read(secret: ObjectMeta) -> Option<(ReleaseKey, ReleaseView)> {
    let name = secret.name?;
    let labels = secret.labels.unwrap_or_default();
    let (named, numbered) = name.strip_prefix(PREFIX)?.rsplit_once(".v")?;
    let key = ReleaseKey {
        namespace: secret.namespace?.parse().ok()?,
        release: named.parse().ok()?,
    };
    let revision: u32 = numbered.parse().ok()?;
    let status = labels.get("status").map(String::as_str);
    let undecodable = complaint(&labels, named, revision);
    let view = ReleaseView {
        revision,
        status: status.map_or(ReleaseStatus::Unknown, parse_status),
        secret: SecretIdentity {
            name: name.into(),
            uid: secret.uid.unwrap_or_default().into(),
            resource_version: secret.resource_version.unwrap_or_default().into(),
            created: secret.creation_timestamp.map(|time| time.0),
        },
        stamp: parse_stamp(&labels),
        stored: None,
        undecodable,
        last_deployed: None,
    };
    Some((key, view))
}

/// Helm finds releases by these labels; where they contradict the Secret's name, helm and we would see different things.
fn complaint(labels: &BTreeMap<String, String>, name: &str, revision: u32) -> Option<String> {
    match labels.get("version") {
        Some(version) if *version == revision.to_string() => {}
        Some(_) => return Some("the label `version` contradicts the Secret's name".to_owned()),
        None => return Some("the label `version` is missing".to_owned()),
    }
    match labels.get("name") {
        Some(label) if label == name => None,
        Some(_) => Some("the label `name` contradicts the Secret's name".to_owned()),
        None => Some("the label `name` is missing".to_owned()),
    }
}

fn parse_status(text: &str) -> ReleaseStatus {
    match text {
        "deployed" => ReleaseStatus::Deployed,
        "failed" => ReleaseStatus::Failed,
        "pending-install" => ReleaseStatus::PendingInstall,
        "pending-upgrade" => ReleaseStatus::PendingUpgrade,
        "pending-rollback" => ReleaseStatus::PendingRollback,
        "uninstalling" => ReleaseStatus::Uninstalling,
        "uninstalled" => ReleaseStatus::Uninstalled,
        "superseded" => ReleaseStatus::Superseded,
        _ => ReleaseStatus::Unknown,
    }
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
