use std::io::Write as _;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{access, connect, kubeconfig, list};
use crate::cluster::{Cluster, ClusterAccess, ClusterError, ViewWants};
use crate::reason::Reason;

#[tokio::test]
async fn a_dead_cluster_is_unreachable_and_says_where() {
    let file = kubeconfig("http://127.0.0.1:9", &json!({}));
    let cluster = Cluster::connect(&access(&file)).await.unwrap();
    let unreadable = cluster.view(&ViewWants::default()).await.unwrap_err();
    assert_eq!(unreadable.reason, Reason::ClusterUnreachable);
    assert!(
        unreadable.text.starts_with("127.0.0.1:9: "),
        "{}",
        unreadable.text
    );
    assert!(unreadable.text.contains("refused"), "{}", unreadable.text);
}

/// An API server that never ends its answer; it counts what it could say.
fn endless() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use std::io::Read as _;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let said = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&said);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, count) = (connection.unwrap(), std::sync::Arc::clone(&count));
            std::thread::spawn(move || {
                let _request = connection.read(&mut [0; 8192]);
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"items\": [\"";
                let mut sent = connection.write_all(head.as_bytes());
                let block = vec![b'x'; 1 << 20];
                while sent.is_ok() {
                    sent = connection.write_all(&block);
                    count.fetch_add(block.len(), Ordering::Relaxed);
                }
            });
        }
    });
    (address, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_given_up() {
    let (address, said) = endless();
    let exec = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "interactiveMode": "Never", "args": ["-c",
        "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"t\"}}'"]}});
    for user in [json!({"token": "t0ken"}), exec] {
        let file = kubeconfig(&address, &user);
        let cluster = Cluster::connect(&access(&file)).await.unwrap();
        let before = said.load(std::sync::atomic::Ordering::Relaxed);
        let unreadable = cluster.view(&ViewWants::default()).await.unwrap_err();
        let after = said.load(std::sync::atomic::Ordering::Relaxed);
        assert!(unreadable.text.contains("limit"), "{}", unreadable.text);
        // Some requests are sent at once, and what is on the way counts as said.
        assert!(after - before < 1 << 30, "{}", after - before);
    }
}

#[tokio::test]
async fn the_host_has_no_port_and_keeps_its_brackets() {
    for (server, host) in [
        ("https://api.example.org:6443", "api.example.org"),
        ("https://[2001:db8::1]:6443", "[2001:db8::1]"),
    ] {
        let file = kubeconfig(server, &json!({}));
        let cluster = Cluster::connect(&access(&file)).await.unwrap();
        assert_eq!(cluster.host(), host);
    }
}

#[tokio::test]
async fn an_unusable_kubeconfig_names_file_and_context_and_no_secret() {
    let file = kubeconfig("https://a", &json!({}));
    let wrong = ClusterAccess {
        context: Some("other".to_owned()),
        ..access(&file)
    };
    let text = Cluster::connect(&wrong).await.unwrap_err().to_string();
    assert!(text.contains(file.path().to_str().unwrap()), "{text}");
    assert!(text.contains("no context other"), "{text}");

    let mut broken = NamedTempFile::new().unwrap();
    broken
        .write_all(b"users:\n- name: u\n  user: {token: very-secret\n")
        .unwrap();
    let error = Cluster::connect(&access(&broken)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::KubeconfigInvalid);
    assert!(!format!("{error} {error:?}").contains("very-secret"));

    let absent = ClusterAccess {
        kubeconfig: "/nowhere/kubeconfig".into(),
        ..access(&file)
    };
    let text = Cluster::connect(&absent).await.unwrap_err().to_string();
    assert!(text.contains("/nowhere/kubeconfig"), "{text}");
}

#[tokio::test]
async fn helm_gets_the_answer_of_the_credential_program_and_not_the_program() {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/secrets"))
        .and(header("authorization", "Bearer from-program"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list(&[], "")))
        .mount(&server)
        .await;
    let answer = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"from-program"}}"#;
    let user = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", format!("echo '{answer}'")], "interactiveMode": "Never",
    }});
    let file = kubeconfig(&server.uri(), &user);
    let cluster = Cluster::connect(&access(&file)).await.unwrap();
    let text = cluster.helm_kubeconfig().await.unwrap();
    assert!(!text.contains("exec"), "{text}");
    let helm: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(helm["users"][0]["user"]["token"], "from-program");
    assert_eq!(helm["current-context"], "east");
    let server_url = helm["clusters"][0]["cluster"]["server"].as_str().unwrap();
    assert_eq!(server_url.trim_end_matches('/'), server.uri());
}

pub(super) fn program(script: &str) -> Value {
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", script], "interactiveMode": "Never",
    }})
}

#[tokio::test]
async fn a_token_that_runs_out_is_renewed_and_one_that_cannot_be_is_told() {
    let server = MockServer::start().await;
    for token in ["first", "second"] {
        Mock::given(path("/api/v1/secrets"))
            .and(header("authorization", format!("Bearer {token}")))
            .respond_with(ResponseTemplate::new(200).set_body_json(list(&[], "")))
            .expect(1)
            .mount(&server)
            .await;
    }
    let api = |cluster: &Cluster| {
        kube::Api::<k8s_openapi::api::core::v1::Secret>::all(cluster.client().clone())
    };
    let answer = NamedTempFile::new().unwrap();
    let say = |token: &str| {
        let status = json!({"token": token, "expirationTimestamp": "2020-01-01T00:00:00Z"});
        std::fs::write(answer.path(), json!({"status": status}).to_string()).unwrap();
    };
    say("first");
    let script = format!("cat {}", answer.path().display());
    let file = kubeconfig(&server.uri(), &program(&script));
    let cluster = Cluster::connect(&access(&file)).await.unwrap();
    let none = kube::api::ListParams::default();
    api(&cluster).list(&none).await.unwrap();
    say("second");
    api(&cluster).list(&none).await.unwrap();
    std::fs::write(answer.path(), "half-a-secret").unwrap();
    let error = cluster.fail(&api(&cluster).list(&none).await.unwrap_err());
    assert!(matches!(error, ClusterError::Credentials { .. }), "{error}");
    assert!(!format!("{error:?}").contains("half-a-secret"), "{error}");
}

/// A certificate and its key, as a credential program gives them.
pub(super) fn certificate(until: (i32, u8, u8)) -> Value {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["east".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
    let certificate = params.self_signed(&key).unwrap();
    json!({"clientCertificateData": certificate.pem(), "clientKeyData": key.serialize_pem()})
}

#[tokio::test]
async fn a_certificate_of_a_credential_program_is_used_no_longer_than_either_says() {
    let answer = NamedTempFile::new().unwrap();
    let file = kubeconfig(
        "http://127.0.0.1:9",
        &program(&format!("cat {}", answer.path().display())),
    );
    let mut status = certificate((2051, 2, 3));
    for (told, end) in [
        (None, "2051-02-02T23:58:00Z"),
        (Some("2050-02-03T00:00:00Z"), "2050-02-02T23:58:00Z"),
    ] {
        if let Some(told) = told {
            status["expirationTimestamp"] = json!(told);
        }
        std::fs::write(answer.path(), json!({"status": status}).to_string()).unwrap();
        let cluster = Cluster::connect(&access(&file)).await.unwrap();
        assert_eq!(cluster.valid_until(), Some(end.parse().unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_credential_program_that_hangs_is_ended() {
    let began = std::time::Instant::now();
    let file = kubeconfig(
        "https://a",
        &program("trap '' TERM; sleep 600 & wait; wait"),
    );
    let error = Cluster::connect(&access(&file)).await.unwrap_err();
    assert!(error.to_string().contains("sh does not end"), "{error}");
    assert_eq!(error.reason(), Reason::KubeconfigInvalid);
    let named = file.path().to_str().unwrap();
    assert!(error.to_string().contains(named), "{error}");
    assert!(began.elapsed() < std::time::Duration::from_secs(60));
}

#[tokio::test]
async fn a_credential_program_that_fails_is_named_without_its_output() {
    let user = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", "echo half-a-secret; exit 3"],
    }});
    let file = kubeconfig("https://a", &user);
    let error = Cluster::connect(&access(&file)).await.unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("half-a-secret"),
        "{error}"
    );
}

#[tokio::test]
async fn helm_gets_files_inline() {
    let mut token = NamedTempFile::new().unwrap();
    token.write_all(b"from-file\n").unwrap();
    let user = json!({"tokenFile": token.path(), "as": "deployer"});
    let file = kubeconfig("https://a", &user);
    let cluster = Cluster::connect(&access(&file)).await.unwrap();
    let helm: Value = serde_json::from_str(&cluster.helm_kubeconfig().await.unwrap()).unwrap();
    let user = &helm["users"][0]["user"];
    assert_eq!(user["token"], "from-file");
    assert_eq!(user["as"], "deployer");
    assert!(user.get("tokenFile").is_none());
}

#[tokio::test]
async fn debug_shows_no_credentials() {
    let server = MockServer::start().await;
    let cluster = connect(&server, &[]).await;
    assert!(!format!("{cluster:?}").contains("t0ken"));
}
