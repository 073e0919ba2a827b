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

#[tokio::test]
async fn oci_says_that_it_is_not_served() {
    let state = tempfile::tempdir().unwrap();
    let error = store(&state, "oci://registry/x")
        .fetch(&chart("1.2.3"))
        .await
        .unwrap_err();
    assert!(matches!(error, ChartError::NotSupported(_)), "{error}");
}

#[tokio::test]
async fn what_just_failed_is_not_tried_for_every_exchange() {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(503))
        .expect(2)
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
}
