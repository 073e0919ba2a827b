//! Kubeconfigs that are written anew while connections last.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::access::{certificate, program};
use super::{access, kubeconfig, list, write};
use crate::cluster::{Cluster, ClusterAccess, Inventory, ViewWants};
use crate::observe::observed::{ClusterView, Unreadable};
use crate::reason::Reason;

const NOWHERE: &str = "http://127.0.0.1:9";

fn rewrite(file: &NamedTempFile, server: &str, user: &Value) {
    let other = kubeconfig(server, user);
    write(file.path(), fs::read(other.path()).unwrap());
}

/// The inventory of one cluster, and how it is reached.
async fn inventory(file: &NamedTempFile) -> (Inventory, ClusterAccess) {
    let access = access(file);
    (Inventory::connect(vec![access.clone()]).await, access)
}

fn cluster(inventory: &Inventory, access: &ClusterAccess) -> Cluster {
    inventory.get(&access.id).unwrap().unwrap()
}

fn is_trusted(inventory: &Inventory, access: &ClusterAccess) -> bool {
    inventory.trusted(&access.id).unwrap().is_ok()
}

fn look(inventory: &Inventory, access: &ClusterAccess, view: Result<ClusterView, Unreadable>) {
    inventory.trust(&BTreeMap::from([(access.id.clone(), view.map(Arc::new))]));
}

/// An API server that lets the token `new` in.
async fn renewed() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer new"))
        .and(path("/api/v1/namespaces/kube-system"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "kube-system", "uid": "the-uid"},
        })))
        .mount(&server)
        .await;
    Mock::given(header("authorization", "Bearer new"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list(&[], "")))
        .mount(&server)
        .await;
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(401))
        .mount(&server)
        .await;
    server
}

/// A token that is accepted from now on stands in the file, and no longer the one that was.
#[tokio::test]
async fn a_kubeconfig_that_was_written_anew_is_read_again() {
    let server = renewed().await;
    let file = kubeconfig(&server.uri(), &json!({"token": "old"}));
    let (inventory, access) = inventory(&file).await;
    let old = cluster(&inventory, &access);
    let refused = old.view(&ViewWants::default()).await.unwrap_err();
    assert_eq!(refused.reason, Reason::ClusterUnauthorized);
    look(&inventory, &access, Ok(ClusterView::default()));
    inventory.renew(vec![access.clone()]).await;
    assert!(cluster(&inventory, &access).is_same(&old));
    assert!(is_trusted(&inventory, &access));

    rewrite(&file, &server.uri(), &json!({"token": "new"}));
    inventory.renew(vec![access.clone()]).await;
    let new = cluster(&inventory, &access);
    assert!(new.view(&ViewWants::default()).await.is_ok());
    assert!(!is_trusted(&inventory, &access), "it may lead anywhere");
    inventory.renew(vec![access.clone()]).await;
    assert!(cluster(&inventory, &access).is_same(&new));
}

/// However long it is said to last.
#[tokio::test]
async fn a_credential_that_is_not_accepted_is_asked_for_again_once_a_pass() {
    let server = renewed().await;
    let folder = tempfile::tempdir().unwrap();
    let (answer, runs) = (folder.path().join("answer"), folder.path().join("runs"));
    let say = |token: &str| {
        let status = json!({"token": token, "expirationTimestamp": "2099-01-01T00:00:00Z"});
        fs::write(&answer, json!({"status": status}).to_string()).unwrap();
    };
    let runs_of = || fs::read_to_string(&runs).unwrap().len();
    let script = format!("printf x >>{}; cat {}", runs.display(), answer.display());
    let file = kubeconfig(&server.uri(), &program(&script));
    say("old");
    let (inventory, access) = inventory(&file).await;
    let pass = async |runs: usize, ok: bool| {
        inventory.renew(vec![access.clone()]).await;
        let view = cluster(&inventory, &access)
            .view(&ViewWants::default())
            .await;
        assert_eq!(view.is_ok(), ok, "{view:?}");
        let view = view.map(|_| ClusterView::default());
        look(&inventory, &access, view);
        assert_eq!(runs_of(), runs);
    };
    pass(1, false).await;
    pass(2, false).await;
    say("new");
    let old = cluster(&inventory, &access);
    assert!(
        old.view(&ViewWants::default()).await.is_ok(),
        "not before the next pass only"
    );
    pass(4, true).await;
    let new = cluster(&inventory, &access);
    assert!(!new.is_same(&old), "its certificate could be another");
    pass(4, true).await;
    assert!(cluster(&inventory, &access).is_same(&new));
}

/// Nothing else would come of reading the same file again.
#[tokio::test]
async fn a_token_of_the_file_that_is_not_accepted_costs_no_connection() {
    let file = kubeconfig(NOWHERE, &json!({"token": "old"}));
    let (inventory, access) = inventory(&file).await;
    let old = cluster(&inventory, &access);
    let (reason, text) = (Reason::ClusterUnauthorized, "why".to_owned());
    look(&inventory, &access, Err(Unreadable { reason, text }));
    inventory.renew(vec![access.clone()]).await;
    assert!(cluster(&inventory, &access).is_same(&old));
}

#[tokio::test]
async fn a_certificate_that_has_run_out_is_renewed() {
    let answer = NamedTempFile::new().unwrap();
    let say = |year| {
        let status = certificate((year, 2, 3));
        fs::write(answer.path(), json!({"status": status}).to_string()).unwrap();
    };
    let script = format!("cat {}", answer.path().display());
    let file = kubeconfig(NOWHERE, &program(&script));
    say(2021);
    let (inventory, access) = inventory(&file).await;
    let old = cluster(&inventory, &access);
    say(2099);
    inventory.renew(vec![access.clone()]).await;
    let new = cluster(&inventory, &access);
    assert!(!new.is_same(&old));
    inventory.renew(vec![access.clone()]).await;
    assert!(cluster(&inventory, &access).is_same(&new));
}

#[tokio::test]
async fn a_file_that_cannot_be_used_costs_no_connection() {
    let file = kubeconfig(NOWHERE, &json!({"token": "old"}));
    let (inventory, access) = inventory(&file).await;
    let old = cluster(&inventory, &access);
    look(&inventory, &access, Ok(ClusterView::default()));
    for text in ["", "{\"clusters\": [", "current-context: elsewhere"] {
        write(file.path(), text);
        inventory.renew(vec![access.clone()]).await;
        assert!(cluster(&inventory, &access).is_same(&old), "{text}");
        assert!(is_trusted(&inventory, &access), "{text}");
        let refused = inventory.refused();
        assert_eq!(refused[&access.id].reason, Reason::KubeconfigInvalid);
    }
    rewrite(&file, NOWHERE, &json!({"token": "old"}));
    inventory.renew(vec![access.clone()]).await;
    assert!(inventory.refused().is_empty(), "it was taken back");
    assert!(cluster(&inventory, &access).is_same(&old));

    fs::remove_file(file.path()).unwrap();
    inventory.renew(vec![access.clone()]).await;
    let refused = inventory.refused();
    assert_eq!(refused[&access.id].reason, Reason::KubeconfigInvalid);
    assert!(cluster(&inventory, &access).is_same(&old), "it is gone");
    rewrite(&file, NOWHERE, &json!({"token": "old"}));
    inventory.renew(vec![access.clone()]).await;
    assert!(inventory.refused().is_empty(), "it is back");
    assert!(cluster(&inventory, &access).is_same(&old));

    write(file.path(), "");
    inventory.renew(vec![access.clone()]).await;
    assert!(!inventory.refused().is_empty());
    let whole = fs::read(kubeconfig(NOWHERE, &json!({"token": "new"})).path()).unwrap();
    fs::write(file.path(), &whole).unwrap();
    inventory.renew(vec![access.clone()]).await;
    let now = cluster(&inventory, &access);
    assert!(now.is_same(&old), "it may still be written");
    assert!(!inventory.refused().is_empty(), "nor is it mended yet");
    write(file.path(), whole);
    inventory.renew(vec![access.clone()]).await;
    assert!(!cluster(&inventory, &access).is_same(&old));
    assert!(inventory.refused().is_empty(), "it is in force");
}

#[tokio::test]
async fn so_is_one_whose_certificates_were_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let make = || rcgen::generate_simple_self_signed(["east".to_owned()]).unwrap();
    let (key, certificate) = (folder.path().join("key"), folder.path().join("certificate"));
    let renew_pair = || {
        let pair = make();
        write(&key, pair.signing_key.serialize_pem());
        write(&certificate, pair.cert.pem());
    };
    let authority = folder.path().join("authority");
    write(&authority, make().cert.pem());
    renew_pair();
    let file = kubeconfig(
        "https://127.0.0.1:9",
        &json!({"client-certificate": certificate, "client-key": key}),
    );
    let mut text: Value = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
    text["clusters"][0]["cluster"]["certificate-authority"] = json!(authority);
    write(file.path(), text.to_string());
    let (inventory, access) = inventory(&file).await;
    let mut last = cluster(&inventory, &access);
    let renew_authority = || write(&authority, make().cert.pem());
    for rewrite in [&renew_pair as &dyn Fn(), &renew_authority] {
        rewrite();
        inventory.renew(vec![access.clone()]).await;
        let now = cluster(&inventory, &access);
        assert!(!now.is_same(&last));
        last = now;
    }
}

/// One that was rebuilt behind the same address and does not know us.
#[tokio::test]
async fn a_connection_that_shows_no_longer_where_it_leads_is_not_trusted() {
    let file = kubeconfig(NOWHERE, &json!({}));
    let (inventory, access) = inventory(&file).await;
    for (reason, stays) in [
        (Reason::ClusterUnreachable, true),
        (Reason::ClusterForbidden, false),
        (Reason::ClusterReplaced, false),
    ] {
        look(&inventory, &access, Ok(ClusterView::default()));
        assert!(is_trusted(&inventory, &access));
        let text = "why".to_owned();
        look(&inventory, &access, Err(Unreadable { reason, text }));
        assert_eq!(is_trusted(&inventory, &access), stays, "{reason}");
    }
}
