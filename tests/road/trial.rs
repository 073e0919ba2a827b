//! Configurations are tested with a real server before they are applied.

use natsx_sync::nats_server::NatsServer;
use natsx_sync::observe::manifest::{configuration, stateful_sets};
use natsx_sync::observe::observed::{Rendered, Trial};
use serde_json::{Value, json};

use crate::world::{EU, US, World, exchange, template};

fn tools() -> fleet::Tools {
    let cache = fleet::cache::Cache::open().unwrap();
    fleet::Tools::install(&cache).unwrap()
}

fn rendered(values: &Value) -> Rendered {
    let objects = template(&tools().helm3, "nats-trial", values);
    Rendered {
        stateful_sets: stateful_sets(&objects),
        configuration: configuration(&objects),
        trial: Trial::Untried,
    }
}

fn judged(values: &Value) -> Trial {
    let server = NatsServer::find(tools().nats_server_old.to_str().unwrap()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(server.test(&rendered(values)))
}

fn secret(name: &str) -> Value {
    json!({"valueFrom": {"secretKeyRef": {"name": name, "key": "a"}}})
}

#[test]
fn what_works_in_a_pod_is_never_refused() {
    for values in [
        json!({}),
        json!({"config": {"cluster": {"enabled": true}, "jetstream": {"enabled": true}}}),
        // Certificates of Secrets and of a common authority, client certificates wanted.
        json!({
            "tlsCA": {"enabled": true, "secretName": "ca"},
            "config": {
                "nats": {"tls": {"enabled": true, "secretName": "a", "merge": {"verify": true, "timeout": 2}}},
                "leafnodes": {"enabled": true, "tls": {"enabled": true, "secretName": "b"}},
                "websocket": {"enabled": true, "tls": {"enabled": true, "secretName": "c"}},
                "monitor": {"tls": {"enabled": true}},
            },
        }),
        // Passwords of Secrets.
        json!({
            "container": {"env": {"TOKEN": secret("a"), "SIZE": "2MB"}},
            "config": {"merge": {"authorization": {"token": "<< $TOKEN >>"}, "max_payload": "<< $SIZE >>"}},
        }),
        // The server makes the folder of its resolver while it reads the configuration.
        json!({"config": {"resolver": {"enabled": true, "merge": {"type": "full", "interval": "2m"}}}}),
    ] {
        assert_eq!(judged(&values), Trial::Taken, "{values}");
    }
    assert!(!std::path::Path::new("/data/resolver").exists());
}

#[test]
fn what_only_the_pod_knows_is_not_held_against_it() {
    for (values, unknown) in [
        // A text where the server wants a number, because it stands for one.
        (
            json!({
                "container": {"env": {"SIZE": secret("a")}},
                "config": {"merge": {"max_payload": "<< $SIZE >>"}},
            }),
            "$SIZE",
        ),
        // A user of the included file.
        (
            json!({"config": {"merge": {"00$include": "users.conf", "no_auth_user": "somebody", "authorization": {"users": [{"user": "a", "password": "<< $P >>"}]}}}, "container": {"env": {"P": secret("a")}}}),
            "users.conf",
        ),
        (
            json!({"config": {"merge": {"operator": "/etc/nats/operator.jwt"}}}),
            "the operator's token",
        ),
    ] {
        let found = judged(&values);
        match &found {
            Trial::Open(why) => assert!(why.contains(unknown), "{why}"),
            // The server leaves some of it for its start.
            Trial::Taken => {}
            Trial::Untried | Trial::Refused(_) => panic!("{values}: {found:?}"),
        }
    }
}

/// Values that ask the server for a file or a folder of this host.
#[test]
fn nothing_of_this_host_is_read_or_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kv.conf");
    std::fs::write(&file, "token: s3cr3t-of-host\n").unwrap();
    let made = folder.path().join("made/deep");
    // From any temporary folder to the root.
    let there = format!("../../../../../../..{}", file.display());
    let made_there = made.to_str().unwrap();
    for values in [
        json!({"config": {"merge": {"x": format!("<< 1; \u{130}nclude {there} ; write_deadline: $token >>")}}}),
        json!({"config": {"nats": {"tls": {"enabled": true, "secretName": "s", "dir": "<< 1",
            "cert": format!("x; \u{130}nclude {there} ; write_deadline: $token >>")}}}}),
        json!({"config": {"merge": {format!("a\": 1, x: 1; include {there} ; write_deadline: $token, y: \""): 1}}}),
        json!({
            "container": {"env": {"X": format!("{{include {there}}}")}},
            "config": {"merge": {"write_deadline": "<< $X >>"}},
        }),
        json!({"config": {"merge": {"RESOLVER": {"type": "full", "dir": made_there}}}}),
        json!({
            "container": {"env": {"X": made_there}},
            "config": {"merge": {"R": {"type": "full", "Dir": "<< $X >>", "dir": made_there}, "resolver": "<< $R >>"}},
        }),
        json!({"config": {"merge": {"TLS": {"CERT_FILE": "/etc/hostname", "KEY_FILE": "/etc/hostname"}}}}),
        json!({"config": {"merge": {"root_operator": file}}}),
        json!({"config": {"leafnodes": {"enabled": true, "merge": {"remotes": [{"url": "nats://h:1", "tls": {"Ca_File": "/etc/hostname"}}]}}}}),
    ] {
        let found = format!("{:?}", judged(&values));
        let leaks = ["s3cr3t", "hostname", "PEM", "root ca"];
        assert!(
            !leaks.iter().any(|leak| found.contains(leak)),
            "{values}: {found}"
        );
        assert!(!folder.path().join("made").exists(), "{values}");
    }
}

#[test]
fn what_a_server_refuses_is_named() {
    for (values, option, words) in [
        (
            json!({"config": {"merge": {"max_payload": "2MB"}}}),
            "max_payload",
            "string",
        ),
        (
            json!({"config": {"merge": {"max_paylod": 2}}}),
            "max_paylod",
            "unknown field",
        ),
        (
            json!({"config": {"cluster": {"enabled": true, "merge": {"prt": 2}}}}),
            "cluster.prt",
            "unknown field",
        ),
        // Values of variables count, where the manifest has them: a number where a text is wanted.
        (
            json!({"container": {"env": {"WORD": "123456"}}, "config": {"merge": {"authorization": {"token": "<< $WORD >>"}}}}),
            "authorization.token",
            "int64",
        ),
        (
            json!({"config": {"merge": {"debug": "<< $NOBODY >>"}}}),
            "debug",
            "can not be found",
        ),
        // Something unknown elsewhere is no excuse.
        (
            json!({"container": {"env": {"TOKEN": secret("a")}}, "config": {"merge": {"authorization": {"token": "<< $TOKEN >>"}, "max_payload": "2MB"}}}),
            "max_payload",
            "string",
        ),
    ] {
        let Trial::Refused(complaints) = judged(&values) else {
            panic!("{values} is not refused");
        };
        assert_eq!(complaints[0].path.join("."), option);
        assert!(complaints[0].text.contains(words), "{complaints:?}");
    }
}

fn settings(world: &World, server: &std::path::Path) {
    let more = format!("nats_server: {{path: {}}}\n", server.display());
    world.settings(&world.repository.url_file(), &more);
}

#[test]
fn a_configuration_the_server_refuses_reaches_no_cluster() {
    let world = World::new("trial");
    settings(&world, &world.fleet.tools().nats_server_old);
    let id = format!("{US}/road/nats-trial");
    let file = "exchanges/trial.yaml";
    let good = exchange(US, "nats-trial", "  config.merge.max_connections: 50\n");
    world.commit(&[(file, Some(&good))]);
    world.apply().expect(0);

    let bad = exchange(US, "nats-trial", "  config.merge.max_conections: 60\n");
    world.commit(&[(file, Some(&bad))]);
    let plan = world.plan().expect(3);
    let entry = plan.entry(&id);
    assert_eq!(entry["reason"], "ConfigRefused", "{entry:#}");
    let text = entry["text"].as_str().unwrap();
    assert!(text.contains("unknown field \"max_conections\""), "{text}");
    let found = &entry["diagnostics"].as_array().unwrap()[..];
    let found = found
        .iter()
        .find(|found| found["reason"] == "ConfigRefused")
        .unwrap();
    let line = 1 + bad
        .lines()
        .position(|line| line.contains("max_conections"))
        .unwrap();
    assert_eq!(
        (&found["file"], &found["line"]),
        (&json!(file), &json!(line))
    );

    let before = world.configuration(US, "nats-trial");
    world.apply().expect(3);
    assert_eq!(world.configuration(US, "nats-trial"), before);
    assert!(!world.helm_calls().contains(&"upgrade".to_owned()));

    // Programs may be forbidden, and a server of another version is not believed.
    let without = [
        "plan",
        "--revision",
        "main",
        "--no-programs",
        "--format",
        "json",
    ];
    assert_eq!(
        world.run(&without).expect(0).entry(&id)["action"],
        "upgrade"
    );
    settings(&world, &world.fleet.tools().nats_server_new);
    assert_eq!(world.plan().expect(0).entry(&id)["action"], "upgrade");
}

/// What a server says about itself.
fn varz(world: &World, cluster: &str, pod: &str) -> Value {
    let path = format!("/api/v1/namespaces/road/pods/{pod}:8222/proxy/varz");
    serde_json::from_str(&world.kubectl(cluster, &["get", "--raw", &path])).unwrap()
}

#[test]
fn a_digest_is_what_the_servers_say_they_have_loaded() {
    let world = World::new("digests");
    let more = "  config.cluster: {enabled: true, replicas: 2}\n  config.serverNamePrefix: us-\n  container.env: {SIZE: 2MB}\n  config.merge.max_payload: << $SIZE >>\n";
    let text = exchange(US, "nats-digests", more);
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    world.apply().expect(0);
    let manifest = world.helm(US, &["get", "manifest", "nats-digests"]);
    let objects = natsx_sync::observe::manifest::parse_objects(&manifest).unwrap();
    let server = NatsServer::find(tools().nats_server_old.to_str().unwrap()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found =
        runtime.block_on(server.digests(&stateful_sets(&objects), &configuration(&objects)));
    assert_eq!(found.len(), 2);
    for (pod, digest) in found {
        let said = varz(&world, US, &pod)["config_digest"].clone();
        assert_eq!(said, format!("sha256:{digest}"), "{pod}");
    }
}

#[test]
fn what_is_put_back_is_loaded_when_apply_says_so() {
    let world = World::new("trial-drift");
    settings(&world, &world.fleet.tools().nats_server_old);
    let text = exchange(
        EU,
        "nats-trial-drift",
        "  config.merge.max_connections: 50\n",
    );
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    world.apply().expect(0);
    let chart = world.fleet.chart();
    let chart = chart.to_string_lossy();
    for connections in [51, 52] {
        let change = format!("--set=config.merge.max_connections={connections}");
        let upgrade = [
            "upgrade",
            "nats-trial-drift",
            &chart,
            "--reuse-values",
            &change,
        ];
        world.helm(EU, &upgrade);
        world.apply().expect(0);
        // No waiting: whichever of them the server saw, and in whatever second.
        let said = varz(&world, EU, "nats-trial-drift-0");
        assert_eq!(said["max_connections"], 50, "{}", said["config_load_time"]);
    }
}

#[test]
fn doctor_says_whether_configurations_are_tested() {
    let world = World::new("trial-doctor");
    let told = |server: &std::path::Path| {
        settings(&world, server);
        let told = world.run(&["doctor"]).stdout;
        told.lines()
            .find(|line| line.contains("nats-server"))
            .unwrap()
            .to_owned()
    };
    world.commit(&[("exchanges/a.yaml", Some(&exchange(US, "nats-doctor", "")))]);
    let tools = world.fleet.tools();
    let good = told(&tools.nats_server_old);
    assert!(good.starts_with("ok    nats-server: 2.14.2 at "), "{good}");
    let other = told(&tools.nats_server_new);
    assert!(
        other.starts_with("note  ") && other.contains("another minor version"),
        "{other}"
    );
    let missing = told(std::path::Path::new("/nowhere/nats-server"));
    assert!(
        missing.starts_with("note  ") && missing.contains("/nowhere/nats-server"),
        "{missing}"
    );
}
