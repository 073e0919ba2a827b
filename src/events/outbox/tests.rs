use serde_json::json;

use super::*;
use crate::id::Instance;
use crate::state::journal::{Line, Phase};

struct World {
    folder: tempfile::TempDir,
    state: State,
    journal: Journal,
    outbox: Outbox,
}

fn origin() -> Origin {
    Origin::new(
        Instance::default(),
        "/srv/x",
        "exchanges",
        "natsx.v1".to_owned(),
    )
}

fn done(name: &str) -> Line {
    Line {
        pass: 1,
        commit: None,
        id: Some(format!("us/ns/{name}").parse().unwrap()),
        step: "finished".to_owned(),
        phase: Phase::Done,
        detail: json!({"action": "install"}),
    }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let journal = Journal::open(&state.private("journal").unwrap(), "test").unwrap();
        journal.append(done("before")).unwrap();
        let outbox = Outbox::open(&state, "nats", &journal).unwrap();
        Self {
            folder,
            state,
            journal,
            outbox,
        }
    }

    fn written(&self) -> Written {
        *self.journal.written().borrow()
    }

    /// The releases of the events that wait.
    fn waiting(&mut self) -> Vec<String> {
        let written = self.written();
        let waiting = self.outbox.next(written, &origin()).unwrap();
        let ids = waiting.events.iter().map(|(event, _)| release(event));
        ids.collect()
    }

    fn reopened(&self) -> Outbox {
        Outbox::open(&self.state, "nats", &self.journal).unwrap()
    }
}

fn release(event: &Event) -> String {
    event.json()["data"]["release"].as_str().unwrap().to_owned()
}

#[test]
fn everything_from_its_making_on_waits_until_it_is_taken() {
    let mut world = World::new();
    assert!(world.waiting().is_empty(), "what was before is no news");
    world
        .journal
        .append_all(vec![done("a"), done("b")])
        .unwrap();
    assert_eq!(world.waiting(), ["a", "b"]);
    let written = world.written();
    let waiting = world.outbox.next(written, &origin()).unwrap();
    let (first, behind) = &waiting.events[0];
    world.outbox.advance(behind.clone());
    assert_eq!(world.waiting(), ["b"]);
    // It was killed before it was written down: the same again, with the same id.
    let again = world.reopened().next(written, &origin()).unwrap();
    assert_eq!(again.events[0].0.id, first.id);
    world.outbox.keep().unwrap();
    let after = world.reopened().next(written, &origin()).unwrap();
    assert_eq!(after.events.len(), 1);
}

#[test]
fn too_much_is_dropped_from_the_oldest_on_and_counted() {
    let mut world = World::new();
    let text = "x".repeat(1000);
    let mut line = done("old");
    line.detail = json!({"action": "install", "text": text});
    for _ in 0..600 {
        world.journal.append(line.clone()).unwrap();
    }
    world.journal.append(done("new")).unwrap();
    let written = world.written();
    let most = 300 << 10;
    let dropped = world.outbox.bound(most, written, &origin()).unwrap();
    assert!(dropped > 200, "{dropped}");
    assert!(world.outbox.backlog(written).unwrap() <= most);
    let mut left = 0;
    loop {
        let waiting = world.outbox.next(written, &origin()).unwrap();
        let Some(behind) = waiting.behind else { break };
        left += waiting.events.len() as u64;
        world.outbox.advance(behind);
    }
    assert_eq!(dropped + left, 601, "each is sent or counted");
    assert_eq!(world.outbox.bound(most, written, &origin()).unwrap(), 0);
    world.outbox.keep().unwrap();
    assert_eq!(world.reopened().dropped(), dropped);
}

#[test]
fn a_journal_that_was_begun_anew_is_told_from_its_beginning() {
    let mut world = World::new();
    for _ in 0..3 {
        world.journal.append(done("lost")).unwrap();
    }
    let folder = world.folder.path().join("journal");
    std::fs::rename(&folder, world.folder.path().join("away")).unwrap();
    world.journal = Journal::open(&world.state.private("journal").unwrap(), "test").unwrap();
    world.journal.append(done("a")).unwrap();
    assert_eq!(world.waiting(), ["a"]);
    for name in ["b", "c", "d", "e", "f"] {
        world.journal.append(done(name)).unwrap();
    }
    assert_eq!(world.waiting(), ["a", "b", "c", "d", "e", "f"]);
}

#[test]
fn what_is_not_on_the_disk_is_not_told() {
    let mut world = World::new();
    let written = world.written();
    world.journal.append(done("a")).unwrap();
    let waiting = world.outbox.next(written, &origin()).unwrap();
    assert!(waiting.events.is_empty());
    assert_eq!(world.waiting(), ["a"]);
}
