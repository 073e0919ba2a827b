use super::*;

fn chart(version: &str) -> ChartRef {
    ChartRef {
        name: "nats".to_owned(),
        version: version.to_owned(),
    }
}

fn folder(version: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("templates")).unwrap();
    let manifest = format!("apiVersion: v2\nname: nats\nversion: {version}\n");
    std::fs::write(folder.path().join("Chart.yaml"), manifest).unwrap();
    std::fs::write(folder.path().join("templates/a.yaml"), "a: 1\n").unwrap();
    folder
}

fn store(state: &tempfile::TempDir, repository: &str) -> ChartStore {
    let source = ChartSource {
        repository: repository.to_owned(),
        ..ChartSource::default()
    };
    ChartStore::new(state.path().join("charts"), source)
}

#[test]
fn packing_is_deterministic() {
    let one = pack::pack(folder("1.2.3").path(), &chart("1.2.3")).unwrap();
    let other = pack::pack(folder("1.2.3").path(), &chart("1.2.3")).unwrap();
    assert_eq!(one, other);
    archive::check(&one, &chart("1.2.3")).unwrap();
}

#[tokio::test]
async fn a_folder_must_be_the_wanted_version() {
    let (state, source) = (tempfile::tempdir().unwrap(), folder("1.2.3"));
    let store = store(&state, source.path().to_str().unwrap());
    let error = store.fetch(&chart("2.0.0")).await.unwrap_err();
    assert!(matches!(error, ChartError::OtherChart { .. }), "{error}");
}

#[tokio::test]
async fn a_changed_folder_is_noticed_and_a_lost_one_is_not_needed() {
    let (state, source) = (tempfile::tempdir().unwrap(), folder("1.2.3"));
    let store = store(&state, source.path().to_str().unwrap());
    assert_eq!(store.cached(&chart("1.2.3")), None);
    let first = store.fetch(&chart("1.2.3")).await.unwrap();
    std::fs::write(source.path().join("templates/a.yaml"), "a: 2\n").unwrap();
    let error = store.fetch(&chart("1.2.3")).await.unwrap_err();
    assert!(matches!(error, ChartError::DigestChanged { .. }), "{error}");
    drop(source);
    assert_eq!(store.fetch(&chart("1.2.3")).await.unwrap(), first);
}

#[tokio::test]
async fn a_repository_is_asked_once() {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};
    let packed = pack::pack(folder("1.2.3").path(), &chart("1.2.3")).unwrap();
    let index = format!(
        "entries:\n  nats:\n  - version: 1.2.3\n    urls: [nats-1.2.3.tgz]\n    digest: {}\n",
        Digest::of(&packed)
    );
    // Not one of the pool: nobody else is to be found where it was.
    let server = MockServer::builder().start().await;
    Mock::given(path("/charts/index.yaml"))
        .respond_with(ResponseTemplate::new(200).set_body_string(index))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/charts/nats-1.2.3.tgz"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(packed))
        .expect(1)
        .mount(&server)
        .await;
    let state = tempfile::tempdir().unwrap();
    let store = store(&state, &format!("{}/charts", server.uri()));
    let first = store.fetch(&chart("1.2.3")).await.unwrap();
    drop(server);
    assert_eq!(store.fetch(&chart("1.2.3")).await.unwrap(), first);
    let error = store.fetch(&chart("1.2.4")).await.unwrap_err();
    assert_eq!(error.reason(), crate::reason::Reason::ChartUnavailable);
}

/// Only faults: that a chart comes out of a registry is tested with a real one, in the tests of the road.
mod oci {
    use serde_json::{Value, json};
    use wiremock::matchers::{basic_auth, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    const HELM: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

    async fn registry(layer: &Value) -> MockServer {
        let server = MockServer::start().await;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": format!("sha256:{}", "0".repeat(64)), "size": 2},
            "layers": [layer],
        });
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let answer = ResponseTemplate::new(200).set_body_raw(manifest.to_string(), kind);
        Mock::given(path("/v2/charts/nats/manifests/1.2.3"))
            .respond_with(answer)
            .mount(&server)
            .await;
        server
    }

    async fn fetched(server: &MockServer) -> Result<ChartArchive, ChartError> {
        let state = tempfile::tempdir().unwrap();
        let repository = format!("oci://{}/charts/", server.address());
        store(&state, &repository).fetch(&chart("1.2.3")).await
    }

    #[tokio::test]
    async fn an_archive_that_is_not_what_its_manifest_says_is_refused() {
        let digest = Digest::of(b"what was promised");
        let layer = json!({"mediaType": HELM, "digest": format!("sha256:{digest}"), "size": 17});
        let server = registry(&layer).await;
        Mock::given(path(format!("/v2/charts/nats/blobs/sha256:{digest}")))
            .respond_with(ResponseTemplate::new(200).set_body_bytes(b"what is sent now.".to_vec()))
            .mount(&server)
            .await;
        let error = fetched(&server).await.unwrap_err();
        assert!(matches!(error, ChartError::Fetch { .. }), "{error}");
    }

    #[tokio::test]
    async fn an_image_that_is_no_chart_is_told_as_such() {
        let layer = json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": format!("sha256:{}", "1".repeat(64)), "size": 1});
        let error = fetched(&registry(&layer).await).await.unwrap_err();
        assert!(error.to_string().contains("no layer of type"), "{error}");
    }

    #[tokio::test]
    async fn a_registry_that_lets_nobody_in_says_what_to_set() {
        let server = MockServer::start().await;
        let challenge =
            ResponseTemplate::new(401).insert_header("WWW-Authenticate", "Basic realm=x");
        Mock::given(wiremock::matchers::any())
            .respond_with(challenge)
            .mount(&server)
            .await;
        let error = fetched(&server).await.unwrap_err();
        assert!(matches!(error, ChartError::Refused(_)), "{error}");
        assert!(error.to_string().contains("chart.password_file"), "{error}");
    }

    #[tokio::test]
    async fn an_index_that_names_another_host_tells_it_no_password() {
        let packed = pack::pack(folder("1.2.3").path(), &super::chart("1.2.3")).unwrap();
        let (own, other) = (MockServer::start().await, MockServer::start().await);
        let index = format!(
            "entries:\n  nats:\n  - version: 1.2.3\n    urls: ['{}/nats-1.2.3.tgz']\n",
            other.uri()
        );
        Mock::given(path("/index.yaml"))
            .and(basic_auth("bot", "hunter2"))
            .respond_with(ResponseTemplate::new(200).set_body_string(index))
            .mount(&own)
            .await;
        Mock::given(path("/nats-1.2.3.tgz"))
            .respond_with(ResponseTemplate::new(200).set_body_bytes(packed))
            .mount(&other)
            .await;
        let state = tempfile::tempdir().unwrap();
        let password_file = state.path().join("password");
        std::fs::write(&password_file, "hunter2\n").unwrap();
        let source = ChartSource {
            repository: own.uri(),
            login: Some(Login {
                username: "bot".to_owned(),
                password_file,
            }),
            ..ChartSource::default()
        };
        let store = ChartStore::new(state.path().join("charts"), source);
        store.fetch(&super::chart("1.2.3")).await.unwrap();
        let asked = other.received_requests().await.unwrap();
        assert!(!asked.is_empty());
        assert!(
            asked
                .iter()
                .all(|one| !one.headers.contains_key("authorization"))
        );
    }
}

#[tokio::test]
async fn what_just_failed_is_not_tried_for_every_exchange() {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(503))
        .expect(3)
        .mount(&server)
        .await;
    let state = tempfile::tempdir().unwrap();
    let store = store(&state, &server.uri());
    let first = store.fetch(&chart("1.2.3")).await.unwrap_err();
    let again = store.fetch(&chart("1.2.3")).await.unwrap_err();
    assert_eq!(again.reason(), first.reason());
    assert!(again.to_string().contains(&first.to_string()), "{again}");
    assert!(again.to_string().contains("503"), "{again}");
    store.fetch(&chart("1.2.4")).await.unwrap_err();
    // Somebody says that it is mended.
    store.forget_failures();
    store.fetch(&chart("1.2.3")).await.unwrap_err();
}
