//! What a plan foretells is what the cluster then does: for each effect word a real change that causes it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::world::{US, World, eventually, exchange};

/// What can be compared before and after.
#[derive(Debug, PartialEq)]
struct Seen {
    /// uid of each pod.
    pods: BTreeMap<String, String>,
    /// uid of the StatefulSet.
    set: String,
    /// When each server loaded its configuration.
    loaded: BTreeMap<String, String>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn seen(world: &World, release: &str) -> Seen {
    let selector = format!("app.kubernetes.io/instance={release}");
    let list = world.kubectl(
        US,
        &["-n", "road", "get", "pods", "-l", &selector, "-o", "json"],
    );
    let list: Value = serde_json::from_str(&list).unwrap();
    let pods: BTreeMap<String, String> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pod| {
            (
                text(&pod["metadata"]["name"]),
                text(&pod["metadata"]["uid"]),
            )
        })
        .collect();
    let loaded = pods.keys().map(|pod| {
        let path = format!("/api/v1/namespaces/road/pods/{pod}:8222/proxy/varz");
        let varz = world.kubectl(US, &["get", "--raw", &path]);
        let varz: Value = serde_json::from_str(&varz).unwrap();
        (pod.clone(), text(&varz["config_load_time"]))
    });
    Seen {
        loaded: loaded.collect(),
        set: text(&world.object(US, "statefulset", release).unwrap()["metadata"]["uid"]),
        pods,
    }
}

/// Commits a change; what the plan foretold, and what there was before and is after.
fn change(world: &World, release: &str, more: &str) -> (Value, Seen, Seen) {
    let file = format!("exchanges/{release}.yaml");
    let before = seen(world, release);
    world.commit(&[(&file, Some(&exchange(US, release, more)))]);
    let entry = world
        .plan()
        .expect(0)
        .entry(&format!("{US}/road/{release}"));
    assert_eq!(entry["effects_from"], "rendered", "{entry:#}");
    world.apply().expect(0);
    (entry["effects"].clone(), before, seen(world, release))
}

fn begin(world: &World, release: &str, more: &str) {
    let file = format!("exchanges/{release}.yaml");
    world.commit(&[
        (&file, Some(&exchange(US, release, more))),
        // Something stays when the other goes.
        (
            "exchanges/rest.yaml",
            Some(&exchange(US, &format!("{release}-rest"), "")),
        ),
    ]);
    world.apply().expect(0);
}

#[test]
fn a_reload_leaves_the_pods_and_a_restart_replaces_them() {
    let world = World::new("reload");
    let release = "nats-effects-reload";
    begin(&world, release, "");
    let limit = "  config.merge.max_connections: 77\n";
    let (effects, before, after) = change(&world, release, limit);
    assert_eq!(effects, serde_json::json!(["reloads_config"]));
    assert_eq!(before.pods, after.pods);
    assert_eq!(before.set, after.set);
    assert_ne!(before.loaded, after.loaded);

    let restarting = format!("{limit}  container.env.GOMAXPROCS: \"1\"\n");
    let (effects, before, after) = change(&world, release, &restarting);
    assert_eq!(effects, serde_json::json!(["restarts_pods"]));
    assert_eq!(before.set, after.set);
    assert_ne!(before.pods, after.pods);
    assert!(before.pods.keys().eq(after.pods.keys()));

    // Only what is outside the servers.
    let outside = format!("{restarting}  service.merge.metadata.annotations.seen: \"yes\"\n");
    let (effects, before, after) = change(&world, release, &outside);
    assert_eq!(effects, serde_json::json!([]));
    assert_eq!(before, after);
}

/// Some of what a server reads it takes at its start only; it says so in its log, and nowhere else.
#[test]
fn a_refused_reload_is_named_and_not_forgotten() {
    let world = World::new("unloaded");
    let release = "nats-effects-unloaded";
    begin(&world, release, "");
    let file = format!("exchanges/{release}.yaml");
    let more = "  config.merge.lame_duck_duration: 45s\n";
    world.commit(&[(&file, Some(&exchange(US, release, more)))]);
    // The second time nothing is left to be done but to wait, and what was changed is known from what helm stored alone.
    for _ in 0..2 {
        let ran = world.apply().expect(1);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("ReloadRefused"), "{said}");
        assert!(said.contains("LameDuckDuration"), "{said}");
    }
    // Another upgrade that leaves the configuration as it is makes it no better.
    let outside = format!("{more}  service.merge.metadata.annotations.seen: \"yes\"\n");
    world.commit(&[(&file, Some(&exchange(US, release, &outside)))]);
    let ran = world.apply().expect(1);
    assert!(ran.stderr.contains("ReloadRefused") || ran.stdout.contains("ReloadRefused"));
    world.commit(&[(&file, Some(&exchange(US, release, "")))]);
    world.apply().expect(0);
}

#[test]
fn scaling_keeps_the_pods_that_stay() {
    let world = World::new("scale");
    let release = "nats-effects-scale";
    let replicas =
        |count: u8| format!("  config.cluster.enabled: true\n  config.cluster.replicas: {count}\n");
    begin(&world, release, &replicas(2));
    let (effects, before, after) = change(&world, release, &replicas(3));
    assert_eq!(effects, serde_json::json!(["reloads_config", "scales_up"]));
    assert_eq!((before.pods.len(), after.pods.len()), (2, 3));
    assert_eq!(before.set, after.set);
    for (pod, uid) in &before.pods {
        assert_eq!(after.pods.get(pod), Some(uid));
        assert_ne!(before.loaded.get(pod), after.loaded.get(pod));
    }
    let (effects, before, after) = change(&world, release, &replicas(2));
    assert_eq!(
        effects,
        serde_json::json!(["reloads_config", "scales_down"])
    );
    for (pod, uid) in &after.pods {
        assert_eq!(before.pods.get(pod), Some(uid));
    }
}

#[test]
fn what_would_recreate_the_stateful_set_is_refused_and_nothing_is_touched() {
    let world = World::new("recreate");
    let release = "nats-effects-volume";
    let size = |size: &str| {
        format!("  config.jetstream.enabled: true\n  config.jetstream.fileStore.pvc.size: {size}\n")
    };
    begin(&world, release, &size("1Gi"));
    let generation =
        || world.object(US, "statefulset", release).unwrap()["metadata"]["generation"].clone();
    let (before, first) = (seen(&world, release), generation());
    let file = format!("exchanges/{release}.yaml");
    world.commit(&[(&file, Some(&exchange(US, release, &size("2Gi"))))]);
    let id = format!("{US}/road/{release}");
    let entry = world.plan().expect(3).entry(&id);
    assert_eq!(entry["reason"], "StatefulSetImmutable", "{entry:#}");
    assert_eq!(
        entry["effects"],
        serde_json::json!(["recreates_statefulset"])
    );
    assert!(
        text(&entry["text"]).contains("--cascade=orphan"),
        "{entry:#}"
    );
    world.apply().expect(3);
    assert_eq!((before, first), (seen(&world, release), generation()));

    // Removed, its volumes stay; purged, they go.
    let claim = format!("{release}-js-{release}-0");
    world.commit(&[(&file, None)]);
    let entry = world.plan().expect(0).entry(&id);
    assert_eq!(entry["effects"], serde_json::json!(["keeps_volumes"]));
    world.apply().expect(0);
    assert!(world.object(US, "pvc", &claim).is_some());
    let purged = format!(
        "deletion_policy: purge\n{}",
        exchange(US, release, &size("1Gi"))
    );
    world.commit(&[(&file, Some(&purged))]);
    world.apply().expect(0);
    world.commit(&[(&file, None)]);
    let entry = world.plan().expect(0).entry(&id);
    assert_eq!(entry["effects"], serde_json::json!(["deletes_volumes"]));
    world.apply().expect(0);
    // Kubernetes lets go of a claim when no pod uses it any more.
    eventually(&claim, Duration::from_secs(60), || {
        world.object(US, "pvc", &claim).is_none()
    });
}

#[test]
fn a_new_name_is_written_to_the_registry_alone() {
    let world = World::new("named");
    let release = "nats-effects-named";
    begin(&world, release, "");
    let before = seen(&world, release);
    let renamed = exchange(US, release, "").replace("name: Exchange", "name: The Exchange");
    let file = format!("exchanges/{release}.yaml");
    world.commit(&[(&file, Some(&renamed))]);
    let entry = world
        .plan()
        .expect(0)
        .entry(&format!("{US}/road/{release}"));
    assert_eq!(entry["effects"], serde_json::json!(["registry_only"]));
    world.apply().expect(0);
    assert_eq!(before, seen(&world, release));
    assert_eq!(world.latest(US, release), Some((1, "deployed".to_owned())));
    assert_eq!(
        world.record(release).unwrap()["name"],
        format!("The Exchange {release}")
    );
}

#[test]
fn only_changes_are_rendered_and_only_where_programs_may_run() {
    let world = World::new("rendered");
    let release = "nats-effects-programs";
    begin(&world, release, "");
    let id = format!("{US}/road/{release}");
    let file = format!("exchanges/{release}.yaml");
    let calls = world.helm_calls();
    world.plan().expect(0);
    assert_eq!(world.helm_calls(), calls, "nothing to do starts no helm");

    let limited = exchange(US, release, "  config.merge.max_connections: 7\n");
    world.commit(&[(&file, Some(&limited))]);
    let arguments = [
        "plan",
        "--revision",
        "main",
        "--format",
        "json",
        "--no-programs",
    ];
    let entry = world.run(&arguments).expect(0).entry(&id);
    assert_eq!(entry["effects_from"], "table");
    assert_eq!(entry["effects"], serde_json::json!(["reloads_config"]));
    assert_eq!(world.helm_calls(), calls, "no program may be started");

    let entry = world.plan().expect(0).entry(&id);
    assert_eq!(entry["effects_from"], "rendered");
    assert_eq!(world.helm_calls().len(), calls.len() + 1, "one is rendered");

    // The upgrade takes what the plan before it rendered.
    world.apply().expect(0);
    let all = world.helm_calls();
    assert_eq!(all[calls.len() + 1..], ["template", "upgrade"]);

    // A plan fetches no chart.
    std::fs::remove_dir_all(world.state().join("charts")).unwrap();
    world.commit(&[(&file, Some(&exchange(US, release, "")))]);
    let entry = world.plan().expect(0).entry(&id);
    assert!(
        text(&entry["text"]).ends_with("effects estimated: chart not at hand"),
        "{entry:#}"
    );
    world.apply().expect(0);
}

#[test]
fn values_helm_cannot_render_are_refused_in_its_own_words_without_secrets() {
    let world = World::new("refused");
    let release = "nats-effects-refused";
    begin(&world, release, "");
    let wrong = "  container.patch: [{op: nonsense, path: /args}]\n";
    let file = format!("exchanges/{release}.yaml");
    world.commit(&[
        (&file, Some(&exchange(US, release, wrong))),
        (
            "exchanges/new.yaml",
            Some(&exchange(US, "nats-effects-new", wrong)),
        ),
    ]);
    let plan = world.plan().expect(3);
    for release in [release, "nats-effects-new"] {
        let entry = plan.entry(&format!("{US}/road/{release}"));
        assert_eq!(entry["reason"], "RenderFailed", "{entry:#}");
        assert!(
            text(&entry["text"]).contains("operation nonsense is not supported"),
            "{entry:#}"
        );
    }
    world.commit(&[
        (&file, Some(&exchange(US, release, ""))),
        ("exchanges/new.yaml", None),
    ]);
    world.plan().expect(0);
}
