use super::*;
use crate::cluster::stamp_labels;
use crate::observe::observed::Stamp;

fn secret(namespace: &str, release: &str, revision: u32, status: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(format!("{PREFIX}{release}.v{revision}")),
        namespace: Some(namespace.to_owned()),
        uid: Some(format!("uid-{revision}")),
        resource_version: Some(format!("{}", 100 + revision)),
        labels: Some(BTreeMap::from([
            ("owner".to_owned(), "helm".to_owned()),
            ("name".to_owned(), release.to_owned()),
            ("version".to_owned(), revision.to_string()),
            ("status".to_owned(), status.to_owned()),
        ])),
        ..ObjectMeta::default()
    }
}

fn key(text: &str) -> ReleaseKey {
    ReleaseKey::try_from(text.to_owned()).unwrap()
}

#[test]
fn the_highest_revision_wins_whatever_the_order() {
    let releases = latest_releases([
        secret("a", "nats", 10, "failed"),
        secret("a", "nats", 9, "deployed"),
        secret("a", "nats", 2, "deployed"),
        secret("b", "nats", 1, "deployed"),
    ]);
    let view = &releases[&key("a/nats")];
    assert_eq!((view.revision, view.status), (10, ReleaseStatus::Failed));
    assert_eq!(view.last_deployed, Some(9));
    assert_eq!(view.secret.uid, "uid-10");
    assert_eq!(releases[&key("b/nats")].last_deployed, None);
}

#[test]
fn the_stamp_is_read_from_the_labels() {
    let stamp = Stamp {
        instance: "default".parse().unwrap(),
        system_id: "x".parse().unwrap(),
        digest: "a".repeat(40),
        chart: None,
        commit: None,
        revision: 3,
    };
    let mut meta = secret("a", "nats", 4, "deployed");
    meta.labels.as_mut().unwrap().extend(stamp_labels(&stamp));
    let releases = latest_releases([meta]);
    assert_eq!(releases[&key("a/nats")].stamp, Some(stamp));
}

#[test]
fn unusable_labels_are_unreadable_and_foreign_names_are_passed_over() {
    let mut unlabelled = secret("a", "nats", 4, "deployed");
    unlabelled.labels.as_mut().unwrap().remove("version");
    let mut lying = secret("a", "other", 4, "deployed");
    lying
        .labels
        .as_mut()
        .unwrap()
        .insert("name".to_owned(), "third".to_owned());
    let mut foreign = secret("a", "x", 1, "deployed");
    foreign.name = Some("something-else".to_owned());
    let releases = latest_releases([
        unlabelled,
        lying,
        foreign,
        secret("a", "with.dot", 1, "deployed"),
    ]);
    assert_eq!(releases.len(), 2);
    assert!(releases[&key("a/nats")].undecodable.is_some());
    assert!(releases[&key("a/other")].undecodable.is_some());
}

#[test]
fn an_unknown_status_stays_visible() {
    let releases = latest_releases([secret("a", "nats", 1, "half-done")]);
    assert_eq!(releases[&key("a/nats")].status, ReleaseStatus::Unknown);
}
