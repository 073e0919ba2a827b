//! The room around a program that misbehaves; real servers are asked in `tests/programs`.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::*;

/// A program that says it is a nats-server, and does this when it is to test.
fn fake(folder: &Path, does: &str) -> NatsServer {
    let path = folder.join("nats-server");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'nats-server: v2.14.2'; exit; fi\n{does}\n"
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    NatsServer::find(path.to_str().unwrap()).unwrap()
}

fn rendered(image: &str) -> Rendered {
    Rendered {
        stateful_sets: vec![json!({
            "metadata": {"name": "nats"},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "nats", "image": image, "env": [
                {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "SERVER_NAME", "value": "$(POD_NAME)"},
            ]}]}}},
        })],
        configuration: vec![json!({"nats.conf": "{\n  \"server_name\": $SERVER_NAME\n}\n"})],
        trial: Trial::Untried,
    }
}

async fn trial(does: &str) -> Trial {
    let folder = tempfile::tempdir().unwrap();
    fake(folder.path(), does)
        .test(&rendered("nats:2.14.9"))
        .await
}

#[tokio::test]
async fn a_program_that_misbehaves_holds_nothing_back() {
    for does in [
        "echo garbage >&2",
        "echo garbage >&2; exit 1",
        "head -c 10000000 /dev/zero | tr '\\0' 'x' >&2; exit 1",
        "kill -9 $$",
        "exit 3",
    ] {
        let found = trial(does).await;
        assert!(matches!(found, Trial::Open(_)), "{does}: {found:?}");
    }
}

#[tokio::test]
async fn a_huge_answer_is_cut() {
    let does = "yes 'nats-server: nats.conf:2:4: no' | head -c 3000000 >&2; exit 1";
    let Trial::Refused(complaints) = trial(does).await else {
        panic!("not refused");
    };
    assert_eq!(complaints.len(), 5);
    assert_eq!(complaints[0].path, ["server_name"]);
}

#[tokio::test]
async fn a_program_that_hangs_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = fake(folder.path(), "exec sleep 100");
    server.patience = Duration::from_millis(300);
    let began = std::time::Instant::now();
    let found = server.test(&rendered("nats:2.14.9")).await;
    assert_eq!(
        found,
        Trial::Open("nats-server did not answer in time".to_owned())
    );
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn nothing_of_this_host_reaches_the_program() {
    let does = "set | grep -c -E '^(HOME|PATH_|USER|CARGO)=' >&2; ls -A >&2; env >&2; exit 9";
    let folder = tempfile::tempdir().unwrap();
    let server = fake(folder.path(), does);
    let prepared = prepare("a: 1\n", &pod::tests::pod());
    let made = server.folder(&prepared).unwrap();
    let args = vec!["-t".into()];
    let done = server
        .run(args, made.path(), &prepared.environment)
        .await
        .unwrap();
    let said = done.error_text();
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("0"));
    let rest: Vec<&str> = lines
        .filter(|line| {
            !line.starts_with("PWD=")
                && !line.starts_with("_=")
                && !line.starts_with("SHLVL=")
                && !line.starts_with("OLDPWD")
        })
        .collect();
    assert_eq!(rest, ["included.conf", "nats.conf"]);
}

#[tokio::test]
async fn a_server_of_another_version_is_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("asked");
    let server = fake(folder.path(), &format!("touch {}", marker.display()));
    for image in ["nats:2.15.0-alpine", "nats:latest"] {
        assert_eq!(server.test(&rendered(image)).await, Trial::Untried);
        let found = rendered(image);
        let digests = server
            .digests(&found.stateful_sets, &found.configuration)
            .await;
        assert!(digests.is_empty());
    }
    assert!(!marker.exists());
    assert!(server.is_like("2.14.0").await.unwrap());
    assert!(!server.is_like("2.15.0").await.unwrap());
}

#[tokio::test]
async fn what_is_no_nats_server_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other");
    std::fs::write(&path, "#!/bin/sh\necho v1.2.3\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = NatsServer::find(path.to_str().unwrap()).unwrap();
    let error = server.version().await.unwrap_err();
    assert!(matches!(error, ServerError::Version(_)), "{error}");
    assert_eq!(server.test(&rendered("nats:1.2.3")).await, Trial::Untried);
    let missing = NatsServer::find("/nowhere/nats-server").unwrap_err();
    assert!(matches!(missing, ServerError::Missing { .. }));
}

#[tokio::test]
async fn each_pod_has_a_digest_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let does = "[ $NATSX_SERVER_NAME = nats-0 ] && d=aa || d=bb; echo \"nats-server: configuration file nats.conf is valid (sha256:$d)\" >&2";
    let server = fake(folder.path(), does);
    let found = rendered("nats:2.14.2");
    let digests = server
        .digests(&found.stateful_sets, &found.configuration)
        .await;
    let digests: Vec<_> = digests.into_iter().collect();
    assert_eq!(
        digests,
        [
            ("nats-0".to_owned(), "aa".to_owned()),
            ("nats-1".to_owned(), "bb".to_owned())
        ]
    );
}
