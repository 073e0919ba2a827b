//! A saved plan is applied exactly, or not at all.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::readme::blocks;
use crate::world::{EU, Ran, US, World, exchange};

/// A line of the README that begins like this, as arguments.
fn line(beginning: &str) -> Vec<String> {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks = blocks::blocks(&readme);
    let lines = blocks.iter().flat_map(|block| block.text.lines());
    // The first exchange has commands of the same beginning.
    let mut lines = lines.filter(|line| line.contains(".json"));
    let line = lines.find(|line| line.starts_with(beginning));
    let words = line.unwrap().split('#').next().unwrap().split_whitespace();
    words.skip(1).map(str::to_owned).collect()
}

/// The helms that changed something: planning renders.
fn changing(world: &World) -> Vec<String> {
    let mut calls = world.helm_calls();
    calls.retain(|verb| verb != "template");
    calls
}

impl World {
    fn say(&self, beginning: &str, more: &[&str]) -> Ran {
        let line = line(beginning);
        let mut words: Vec<&str> = line.iter().map(String::as_str).collect();
        words.extend(more);
        self.run(&words)
    }

    /// Saves a plan of the branch's head, as the README says.
    fn save(&self) -> Value {
        let ran = self.say("natsx-sync plan --revision", &["--format", "json"]);
        ran.expect(0).json()
    }

    fn apply_saved(&self, more: &[&str]) -> Ran {
        let all = [&["--yes", "--format", "json"], more].concat();
        self.say("natsx-sync apply", &all)
    }
}

#[test]
fn a_change_by_hand_spoils_its_own_entry_and_all_or_the_rest_is_left() {
    let world = World::new("kept");
    let (us, eu) = (
        "us-east-cluster/road/nats-kept",
        "eu-edge-cluster/road/nats-kept",
    );
    let files = |more: &str| {
        [
            exchange(US, "nats-kept", more),
            exchange(EU, "nats-kept", more),
        ]
    };
    let commit = |more: &str| {
        let [a, b] = files(more);
        world.commit(&[
            ("exchanges/a.yaml", Some(&a)),
            ("exchanges/b.yaml", Some(&b)),
        ])
    };
    commit("");
    world.save();
    let mode = fs::metadata(world.path("plan.json")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    world.apply_saved(&[]).expect(0);
    assert_eq!(
        world.latest(US, "nats-kept"),
        Some((1, "deployed".to_owned()))
    );
    let again = world.apply_saved(&[]).expect(4);
    assert_eq!(again.json()["stale"].as_array().unwrap().len(), 2);

    let planned = commit("  config.merge.max_connections: 7\n");
    world.save();
    // By hand, in one cluster.
    let release = world.fleet.chart();
    let values = ["--reuse-values", "--set", "config.merge.max_connections=9"];
    let upgrade = ["upgrade", "nats-kept", release.to_str().unwrap()];
    world.helm(US, &[&upgrade[..], &values].concat());
    let helms = changing(&world);
    let stale = world.apply_saved(&[]).expect(4);
    let told = &stale.json()["stale"];
    assert_eq!(told.as_array().unwrap().len(), 1);
    assert_eq!(
        (&told[0]["id"], &told[0]["changes"][0]["part"]),
        (&us.into(), &"release".into())
    );
    assert!(
        stale.stderr.contains("was at revision 1, is at 2"),
        "{}",
        stale.stderr
    );
    assert_eq!(changing(&world), helms, "nothing was applied");

    // Neither a commit that touches nothing of it nor the state of another exchange matters.
    world.commit(&[
        ("README.md", Some("more")),
        (
            "exchanges/c.yaml",
            Some(&exchange(EU, "nats-kept-more", "")),
        ),
    ]);
    let rest = world.apply_saved(&["--fresh-only"]).expect(3);
    assert_eq!(rest.entry(eu)["result"], "done");
    assert_eq!(rest.json()["exchanges"].as_array().unwrap().len(), 1);
    assert_eq!(
        world.latest(US, "nats-kept"),
        Some((2, "deployed".to_owned()))
    );
    let labels = world.revisions(EU, "nats-kept").pop().unwrap();
    assert_eq!(
        (&labels["version"], &labels["natsx-sync/commit"]),
        (&"2".into(), &planned.trim().into())
    );
    assert_eq!(world.latest(EU, "nats-kept-more"), None);
}

#[test]
fn a_branch_that_went_on_matters_where_it_touches_the_exchange() {
    let world = World::new("went-on");
    let text = exchange(EU, "nats-went-on", "");
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    let digest = world.save()["digest"].as_str().unwrap().to_owned();
    // Moved within the repository: the same file.
    world.commit(&[
        ("exchanges/a.yaml", None),
        ("exchanges/eu/a.yaml", Some(&text)),
    ]);
    world.apply_saved(&["--expect", &"0".repeat(64)]).expect(4);
    assert_eq!(world.latest(EU, "nats-went-on"), None);
    world.apply_saved(&["--expect", &digest]).expect(0);
    assert_eq!(
        world.latest(EU, "nats-went-on"),
        Some((1, "deployed".to_owned()))
    );

    let changed = |more: &str| exchange(EU, "nats-went-on", more);
    world.commit(&[(
        "exchanges/eu/a.yaml",
        Some(&changed("  config.merge.max_connections: 7\n")),
    )]);
    world.save();
    world.commit(&[(
        "exchanges/eu/a.yaml",
        Some(&changed("  config.merge.max_connections: 8\n")),
    )]);
    let stale = world.apply_saved(&[]).expect(4).json();
    assert_eq!(stale["stale"][0]["changes"][0]["part"], "file", "{stale}");

    let plan = fs::read_to_string(world.path("plan.json")).unwrap();
    let commit = serde_json::from_str::<Value>(&plan).unwrap()["source"]["commit"].clone();
    fs::write(
        world.path("plan.json"),
        plan.replace(commit.as_str().unwrap(), &"0".repeat(40)),
    )
    .unwrap();
    let edited = world.apply_saved(&[]).expect(1);
    assert!(edited.stderr.contains("checksum"), "{}", edited.stderr);
}

#[test]
fn a_removal_is_applied_as_saved_unless_the_file_comes_back() {
    let world = World::new("leaves");
    let text = exchange(EU, "nats-leaves", "");
    let other = exchange(EU, "nats-leaves-other", "");
    world.commit(&[
        ("exchanges/a.yaml", Some(&text)),
        ("exchanges/b.yaml", Some(&other)),
    ]);
    world.apply().expect(0);
    world.commit(&[("exchanges/a.yaml", None)]);
    world.save();
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    let stale = world.apply_saved(&[]).expect(4);
    assert!(
        stale.stderr.contains("declares it again"),
        "{}",
        stale.stderr
    );
    assert_eq!(
        world.latest(EU, "nats-leaves"),
        Some((1, "deployed".to_owned()))
    );
    world.commit(&[("exchanges/a.yaml", None)]);
    world.apply_saved(&[]).expect(0);
    assert_eq!(world.latest(EU, "nats-leaves"), None);
    assert_eq!(world.record("nats-leaves"), None);
}

#[test]
fn a_picture_is_planned_with_as_if_the_clusters_were_asked_and_holds_no_secret() {
    let world = World::new("pictured");
    let text = |more: &str| exchange(EU, "nats-pictured", more);
    let note = "  config.merge.server_tags: [blue]\n";
    world.commit(&[("exchanges/a.yaml", Some(&text(note)))]);
    world.apply().expect(0);
    world.commit(&[
        (
            "exchanges/a.yaml",
            Some(&text("  config.merge.max_connections: 7\n")),
        ),
        (
            "exchanges/b.yaml",
            Some(&exchange(US, "nats-pictured-more", "")),
        ),
    ]);
    world
        .say("natsx-sync snapshot", &["--revision", "main"])
        .expect(0);
    let picture = fs::read_to_string(world.path("world.json")).unwrap();
    assert!(
        picture.contains("nats-pictured") && !picture.contains("BEGIN"),
        "{picture}"
    );

    let live = world.plan().expect(0).json();
    // Nothing of the settings but where the repository is.
    fs::write(
        world.path("config.yaml"),
        format!("source: {{url: {}}}\n", world.repository.url_file()),
    )
    .unwrap();
    let more = ["--revision", "main", "--format", "json"];
    let again = world
        .say("natsx-sync plan --snapshot", &more)
        .expect(0)
        .json();
    assert_eq!(again["truth"], "snapshot");
    for key in ["summary", "unreadable"] {
        assert_eq!(again[key], live[key], "{key}");
    }
    // How sure an effect is differs: nothing is rendered here.
    for key in [
        "id",
        "action",
        "reason",
        "steps",
        "values",
        "registry",
        "effects",
        "fingerprint",
    ] {
        for number in 0..2 {
            let (again, live) = (&again["exchanges"][number], &live["exchanges"][number]);
            assert_eq!(again[key], live[key], "{key} of {number}");
        }
    }
    assert_eq!(again["summary"]["upgrade"], 1, "{again}");
}

#[test]
fn a_plan_of_a_branch_that_was_rewritten_or_of_another_digest_is_not_applied() {
    let world = World::new("rewritten-plan");
    let files = |release: &str| exchange(EU, release, "");
    let first = world.commit(&[("README.md", Some("x")), ("exchanges/.keep", Some(""))]);
    world.commit(&[("exchanges/a.yaml", Some(&files("nats-rewritten-plan")))]);
    world.save();
    let other = world
        .run(&["apply", "--yes", "--expect", &"0".repeat(64)])
        .expect(4);
    assert!(
        other.stderr.contains("the digest of the plan is"),
        "{}",
        other.stderr
    );
    world.repository.rewrite_to(first.trim()).unwrap();
    world.commit(&[
        ("exchanges/a.yaml", Some(&files("nats-rewritten-plan"))),
        ("README.md", Some("y")),
    ]);
    let refused = world.apply_saved(&[]).expect(4);
    assert!(
        refused.stderr.contains("not in the history"),
        "{}",
        refused.stderr
    );
    assert!(changing(&world).is_empty());
    // Of another repository.
    let elsewhere = world.host.create("elsewhere").unwrap();
    elsewhere
        .commit(
            &[("exchanges/a.yaml", Some(&files("nats-rewritten-plan")))],
            "x",
        )
        .unwrap();
    let source = elsewhere.url_file();
    let refused = world
        .apply_saved(&["--source", &source, "--state", "other"])
        .expect(1);
    assert!(
        refused.stderr.contains("which cannot be read"),
        "{}",
        refused.stderr
    );
}
