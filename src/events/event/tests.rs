use serde_json::json;

use super::*;
use crate::reason::Reason;

fn origin() -> Origin {
    let instance = Instance::default();
    Origin::new(
        instance,
        "/srv/exchanges",
        "exchanges",
        "natsx.v1".to_owned(),
    )
}

fn entry(step: &str, phase: Phase, detail: Value) -> Entry {
    Entry {
        seq: 7,
        prev: Digest::of(b"before"),
        actor: None,
        begins: false,
        time: "2026-01-01T12:00:00Z".parse().unwrap(),
        pass: 3,
        commit: Some("0123456789".repeat(4).parse().unwrap()),
        id: Some("us-east/communication/nats".parse().unwrap()),
        step: step.to_owned(),
        phase,
        detail,
    }
}

fn told(entry: &Entry) -> Option<Event> {
    event_of(entry, &Digest::of(b"this"), &origin())
}

fn of_notice(place: Place, aspect: Aspect, reason: Option<Reason>, text: &str) -> Event {
    let notice = Notice {
        place,
        aspect,
        reason,
        text: text.to_owned(),
    };
    let line = notice.line(3, None);
    let entry = Entry {
        id: line.id,
        commit: line.commit,
        ..entry(&line.step, line.phase, line.detail)
    };
    told(&entry).unwrap()
}

#[test]
fn an_event_is_a_cloudevent_with_an_id_that_stays() {
    let done = json!({"action": "upgrade", "reason": "ValuesChanged"});
    let event = told(&entry("finished", Phase::Done, done)).unwrap();
    assert_eq!(event.subject, "natsx.v1.us-east.communication.nats.applied");
    assert_eq!(
        event.json(),
        json!({
            "specversion": "1.0",
            // Whoever keeps ids knows them again after any upgrade of ours.
            "id": "e0b42c08-60fa-5c09-ba7e-646e742a4cab",
            "source": "file:///srv/exchanges#exchanges",
            "type": "natsx.v1.applied",
            "subject": "us-east/communication/nats",
            "time": "2026-01-01T12:00:00Z",
            "datacontenttype": "application/json",
            "data": {
                "instance": "default",
                "cluster": "us-east",
                "namespace": "communication",
                "release": "nats",
                "action": "upgrade",
                "reason": "ValuesChanged",
                "commit": "0123456789".repeat(4),
                "pass": 3,
                "seq": 7,
            },
        })
    );
    let other = Origin {
        instance: "other".parse().unwrap(),
        ..origin()
    };
    let entry = entry("finished", Phase::Done, json!({"action": "install"}));
    let theirs = event_of(&entry, &Digest::of(b"this"), &other).unwrap();
    assert_ne!(theirs.id, event.id, "two instances share a stream");
}

#[test]
fn deeds_are_told_when_they_begin_and_when_they_end() {
    let why = |count: u32| json!({"action": "install", "count": count, "why": {"reason": "HelmFailed", "text": "no"}, "until": null});
    for (step, phase, detail, kind) in [
        (
            "helm_install",
            Phase::Intent,
            json!({}),
            Some(Kind::Applying),
        ),
        ("helm_install", Phase::Done, json!({}), None),
        (
            "helm_uninstall",
            Phase::Intent,
            json!({}),
            Some(Kind::Applying),
        ),
        ("register", Phase::Intent, json!({}), None),
        ("register", Phase::Done, json!({}), None),
        ("set_state", Phase::Done, json!({"state": "degraded"}), None),
        (
            "finished",
            Phase::Done,
            json!({"action": "register"}),
            Some(Kind::Applied),
        ),
        (
            "finished",
            Phase::Done,
            json!({"action": "uninstall"}),
            Some(Kind::Removed),
        ),
        (
            "finished",
            Phase::Done,
            json!({"action": "deregister"}),
            Some(Kind::Removed),
        ),
        ("finished", Phase::Failed, why(1), Some(Kind::Failed)),
        ("finished", Phase::Failed, why(2), None),
        ("observed", Phase::Done, Value::Null, None),
    ] {
        let event = told(&entry(step, phase, detail.clone()));
        assert_eq!(
            event.map(|event| event.kind),
            kind,
            "{step} {phase:?} {detail}"
        );
    }
    let failed = told(&entry("finished", Phase::Failed, why(1)))
        .unwrap()
        .json();
    assert_eq!(failed["data"]["reason"], "HelmFailed");
    assert_eq!(failed["data"]["text"], "no");
    assert_eq!(failed["data"]["action"], "install");
}

#[test]
fn what_was_noticed_has_a_subject_of_the_same_depth() {
    let exchange = Place::Exchange("us-east/communication/nats".parse().unwrap());
    let held = of_notice(exchange, Aspect::Hold, Some(Reason::MassRemoval), "many");
    assert_eq!(held.subject, "natsx.v1.us-east.communication.nats.blocked");
    assert_eq!(held.json()["data"]["reason"], "MassRemoval");
    let cluster = Place::Cluster("us-east".parse().unwrap());
    let away = of_notice(
        cluster.clone(),
        Aspect::Trouble,
        Some(Reason::ClusterUnreachable),
        "",
    );
    assert_eq!(away.subject, "natsx.v1.us-east._._.troubled");
    let back = of_notice(cluster, Aspect::Trouble, None, "");
    assert_eq!(back.kind, Kind::Recovered);
    let daemon = Place::Daemon("pass".to_owned());
    let stuck = of_notice(daemon, Aspect::Trouble, Some(Reason::SourceUnreadable), "");
    assert_eq!(stuck.subject, "natsx.v1._._.default.troubled");
    assert_eq!(stuck.json()["data"]["part"], "pass");
    assert_eq!(stuck.json()["subject"], "pass");
}

#[test]
fn no_text_is_long_and_none_holds_a_secret() {
    let place = Place::Daemon("pass".to_owned());
    let text = format!(
        "https://bot:s3cret-s3cret@git.example.org {}",
        "ü".repeat(9000)
    );
    let event = of_notice(
        place,
        Aspect::Trouble,
        Some(Reason::SourceUnreadable),
        &text,
    );
    let told = event.json().to_string();
    assert!(!told.contains("s3cret"), "{told}");
    assert!(told.len() < 5000, "{}", told.len());
}

#[test]
fn the_page_of_events_has_every_event() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.md");
    let page = std::fs::read_to_string(page).unwrap();
    let wanted = Kind::ALL
        .iter()
        .map(|kind| format!("| `{}` | {} |", kind.word(), kind.story()));
    let rows = page
        .lines()
        .skip_while(|line| !line.starts_with("| event |"));
    let events: Vec<_> = rows
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert_eq!(events, wanted.collect::<Vec<_>>());
}
