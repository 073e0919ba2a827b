use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::config::Settings;
use crate::config::settings::ClusterSettings;
use crate::observe::observed::ObjectRef;
use crate::pass::Purpose;
use crate::plan::action::Action;
use crate::plan::tests::world::{desired, exchange, id, now, observed, release};

/// One cluster, in which nothing is.
async fn equipment(folder: &tempfile::TempDir, server: &MockServer) -> Equipment {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": "not there",
    });
    let nothing = ResponseTemplate::new(404).set_body_json(status);
    Mock::given(any()).respond_with(nothing).mount(server).await;
    let source = folder.path().join("source");
    std::fs::create_dir_all(source.join("exchanges")).unwrap();
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": server.uri()}}],
        "users": [{"name": "u", "user": {"token": "t0ken"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    });
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    let cluster = ClusterSettings {
        kubeconfig,
        context: None,
        labels: BTreeMap::new(),
        host: None,
        namespaces: None,
    };
    let mut settings = Settings {
        state: Some(folder.path().join("state")),
        clusters: [(id("orders").cluster, cluster)].into(),
        ..Settings::default()
    };
    settings.source.url = Some(source.display().to_string());
    let mut equipment = Equipment::connect(settings, Purpose::Look).await.unwrap();
    equipment.programs = Programs::Never;
    equipment
}

/// A slow cluster is taken for what it was while nothing is to be done there; what is asked after that may show that something
/// is.
#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_is_gone_is_not_made_anew_from_an_old_view() {
    let (folder, server) = (tempfile::tempdir().unwrap(), MockServer::start().await);
    let equipment = equipment(&folder, &server).await;
    let old = exchange("orders", json!({}));
    let mut world = observed([&old]);
    let set = ObjectRef {
        api_version: "apps/v1".to_owned(),
        kind: "StatefulSet".to_owned(),
        namespace: None,
        name: "orders".to_owned(),
    };
    let stored = release(&mut world, "orders").stored.as_mut().unwrap();
    stored.objects = vec![set];
    stored.stateful_sets = vec![json!({"metadata": {"name": "orders"}})];
    equipment.inventory.trust(&world.clusters);
    let jetstream = json!({"config": {"jetstream": {"enabled": true}}});
    let wanted = desired([exchange("orders", jetstream)]);
    for (still, action, reason) in [
        (None, Action::Upgrade, Reason::ValuesChanged),
        (
            Some(id("orders").cluster),
            Action::Unreadable,
            Reason::ClusterUnreachable,
        ),
    ] {
        let seen = Seen {
            desired: Arc::new(wanted.clone()),
            observed: world.clone(),
            policy: Policy::default(),
            still: still.into_iter().collect(),
        };
        let survey = conclude(&equipment, seen, now()).await;
        let entry = &survey.plan.exchanges[0];
        assert_eq!((entry.action, entry.reason), (action, reason), "{entry:?}");
    }
}
