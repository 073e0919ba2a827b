use crate::status::{Kept, Unread};

use super::*;
use crate::state::journal::{Journal, Line, Phase as LinePhase};

/// A journal in which what is noticed is written down, and a status to change.
struct World {
    _folder: tempfile::TempDir,
    journal: Journal,
    status: Status,
}

impl World {
    /// After a complete pass over one exchange that is ready.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "test").unwrap();
        let mut status = Status::new(1, jiff::Timestamp::UNIX_EPOCH);
        status.pass = 1;
        status.complete = true;
        status.exchanges = vec![ready("us/ns/nats")];
        Self {
            _folder: folder,
            journal,
            status,
        }
    }

    fn entry(&mut self) -> &mut StatusEntry {
        &mut self.status.exchanges[0]
    }

    /// What is told now: place, aspect and reason of each.
    fn told(&mut self) -> Vec<String> {
        let found = notices(&self.journal.noticed(), &self.status);
        let lines = found.iter().map(|notice| notice.line(1, None)).collect();
        self.journal.append_all(lines).unwrap();
        assert_eq!(
            notices(&self.journal.noticed(), &self.status),
            [],
            "told once"
        );
        let each = found.iter().map(|notice| {
            let place = match &notice.place {
                Place::Exchange(id) => id.to_string(),
                Place::Cluster(id) => id.to_string(),
                Place::Daemon(part) => part.clone(),
            };
            let reason = notice.reason.map_or("over", Reason::name);
            format!("{place} {:?} {reason}", notice.aspect)
        });
        each.collect()
    }
}

fn ready(id: &str) -> StatusEntry {
    serde_json::from_value(serde_json::json!({
        "id": id, "name": "x", "file": "exchanges/x.yaml", "action": "none", "planned": "UpToDate",
        "phase": "ready", "reason": "Ready", "text": "", "revision": 1, "chart_version": null,
        "health": "healthy", "commit": null, "since": "2026-01-01T00:00:00Z", "public_url": null,
        "client_urls": [], "system_id": null,
    }))
    .unwrap()
}

#[test]
fn health_is_told_when_it_changes_and_not_when_it_is_not_known() {
    let mut world = World::new();
    assert_eq!(world.told(), ["us/ns/nats Health Ready"]);
    world.entry().phase = Phase::Unknown;
    world.entry().reason = Reason::HealthUnknown;
    assert!(world.told().is_empty());
    world.entry().phase = Phase::Waiting;
    world.entry().reason = Reason::RollingOut;
    world.entry().health = "waiting".to_owned();
    assert!(world.told().is_empty(), "a pod that is moved is no news");
    world.entry().degraded = true;
    assert_eq!(world.told(), ["us/ns/nats Health RollingOut"]);
    world.entry().reason = Reason::ClusterNotFormed;
    assert_eq!(world.told(), ["us/ns/nats Health ClusterNotFormed"]);
    *world.entry() = ready("us/ns/nats");
    assert_eq!(world.told(), ["us/ns/nats Health Ready"]);
}

#[test]
fn holds_are_told_when_they_begin_change_and_end() {
    let mut world = World::new();
    world.told();
    world.entry().action = Action::Blocked;
    world.entry().phase = Phase::Blocked;
    world.entry().reason = Reason::SecretMissing;
    assert_eq!(world.told(), ["us/ns/nats Hold SecretMissing"]);
    world.entry().phase = Phase::Unknown;
    world.entry().action = Action::Unreadable;
    assert!(world.told().is_empty(), "nobody knows");
    world.entry().action = Action::Conflict;
    world.entry().phase = Phase::Blocked;
    world.entry().reason = Reason::NotOurs;
    assert_eq!(world.told(), ["us/ns/nats Hold NotOurs"]);
    *world.entry() = ready("us/ns/nats");
    assert_eq!(world.told(), ["us/ns/nats Hold over"]);
    world.entry().action = Action::Blocked;
    world.entry().phase = Phase::Progressing;
    world.entry().reason = Reason::ReleaseLocked;
    assert!(world.told().is_empty(), "it is locked by what we do");
    *world.entry() = ready("us/ns/nats");
    world.entry().phase = Phase::Suspended;
    world.entry().reason = Reason::Suspended;
    assert_eq!(world.told(), ["us/ns/nats Hold Suspended"]);
}

#[test]
fn what_is_tried_again_later_is_not_held() {
    let mut world = World::new();
    world.told();
    world.entry().action = Action::Upgrade;
    world.entry().phase = Phase::Blocked;
    world.entry().reason = Reason::HealthTimeout;
    assert!(world.told().is_empty());
    world.entry().reason = Reason::HaltedByFailures;
    assert_eq!(world.told(), ["us/ns/nats Hold HaltedByFailures"]);
    world.entry().phase = Phase::Progressing;
    assert!(world.told().is_empty(), "each pass hands it over anew");
    *world.entry() = ready("us/ns/nats");
    assert_eq!(world.told(), ["us/ns/nats Hold over"]);
}

#[test]
fn drift_is_told_and_that_it_is_over() {
    let mut world = World::new();
    world.told();
    world.entry().action = Action::Upgrade;
    world.entry().phase = Phase::Progressing;
    world.entry().planned = Some(Reason::ChangedByOthers);
    assert_eq!(world.told(), ["us/ns/nats Drift ChangedByOthers"]);
    world.entry().planned = Some(Reason::ObjectsDrifted);
    assert_eq!(world.told(), ["us/ns/nats Drift ObjectsDrifted"]);
    world.entry().action = Action::None;
    world.entry().planned = Some(Reason::UpToDate);
    assert!(world.told().is_empty(), "helm is done, the servers are not");
    *world.entry() = ready("us/ns/nats");
    assert_eq!(world.told(), ["us/ns/nats Drift over"]);
    world.entry().action = Action::Install;
    world.entry().phase = Phase::Progressing;
    world.entry().planned = Some(Reason::FileAdded);
    assert_eq!(world.told(), ["us/ns/nats Drift ReleaseGone"]);
    let mut new = World::new();
    new.entry().action = Action::Install;
    new.entry().phase = Phase::Progressing;
    assert!(new.told().is_empty(), "what never ran has not gone");
    new.entry().action = Action::Register;
    new.entry().planned = Some(Reason::RecordMissing);
    assert!(new.told().is_empty(), "its record is still to come");
    *new.entry() = ready("us/ns/nats");
    new.told();
    new.entry().planned = Some(Reason::RecordMissing);
    assert_eq!(new.told(), ["us/ns/nats Drift RecordMissing"]);
}

#[test]
fn what_was_seen_amid_our_own_work_is_no_drift() {
    let mut world = World::new();
    world.told();
    for (action, planned) in [
        (Action::Register, Reason::RecordMissing),
        (Action::Install, Reason::FileAdded),
        (Action::Upgrade, Reason::ChangedByOthers),
    ] {
        world.entry().action = action;
        world.entry().planned = Some(planned);
        world.entry().midway = true;
        assert!(world.told().is_empty(), "{planned}");
        world.entry().midway = false;
        assert_eq!(world.told().len(), 1, "{planned}");
        world.entry().midway = true;
        assert!(world.told().is_empty(), "nor is it over: {planned}");
        *world.entry() = ready("us/ns/nats");
        assert_eq!(world.told(), ["us/ns/nats Drift over"]);
    }
}

#[test]
fn what_is_removed_is_forgotten_and_what_is_not_seen_is_not() {
    let mut world = World::new();
    world.told();
    world.entry().action = Action::Blocked;
    world.entry().phase = Phase::Blocked;
    world.entry().reason = Reason::MassRemoval;
    world.told();
    world.status.exchanges.clear();
    world.status.complete = false;
    assert!(world.told().is_empty());
    world.status.complete = true;
    assert_eq!(world.told(), ["us/ns/nats Hold over"]);
    world
        .journal
        .append(Line {
            pass: 1,
            commit: None,
            id: Some("us/ns/nats".parse().unwrap()),
            step: "finished".to_owned(),
            phase: LinePhase::Done,
            detail: serde_json::json!({"action": "uninstall"}),
        })
        .unwrap();
    assert_eq!(world.journal.noticed(), Noticed::default());
}

#[test]
fn troubles_of_clusters_and_of_the_daemon_begin_and_end() {
    let mut world = World::new();
    world.told();
    let trouble = |reason| Trouble {
        reason,
        text: "no answer".to_owned(),
    };
    world.status.complete = false;
    for cluster in [Some("us".parse().unwrap()), None] {
        let reason = if cluster.is_some() {
            Reason::ClusterUnreachable
        } else {
            Reason::RegistryUnreadable
        };
        let why = trouble(reason);
        world.status.unreadable.push(Unread { cluster, why });
    }
    assert_eq!(
        world.told(),
        [
            "us Trouble ClusterUnreachable",
            "registry Trouble RegistryUnreadable"
        ]
    );
    world.status.trouble = Some(trouble(Reason::SourceUnreadable));
    world.status.settings = Some(trouble(Reason::SettingsInvalid));
    assert_eq!(
        world.told(),
        [
            "pass Trouble SourceUnreadable",
            "settings Trouble SettingsInvalid"
        ]
    );
    // The daemon is started anew and has made no pass.
    let status = std::mem::replace(
        &mut world.status,
        Status::new(2, jiff::Timestamp::UNIX_EPOCH),
    );
    assert_eq!(world.told(), ["settings Trouble over"]);
    world.status = status;
    world.status.trouble = None;
    world.status.settings = None;
    world.status.unreadable.clear();
    assert_eq!(
        world.told(),
        [
            "us Trouble over",
            "pass Trouble over",
            "registry Trouble over"
        ]
    );
    let (cluster, why) = ("us".parse().unwrap(), trouble(Reason::KubeconfigInvalid));
    world.status.kubeconfigs.push(Kept { cluster, why });
    assert_eq!(world.told(), ["us Trouble KubeconfigInvalid"]);
    world.status.kubeconfigs.clear();
    assert_eq!(world.told(), ["us Trouble over"]);
}
