use std::cell::RefCell;
use std::fs;
use std::net::TcpListener;

use tokio::time::Instant;

use super::*;
use crate::cluster::ClusterAccess;

/// What it accepts is never answered: nobody takes it out of the system's hands.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

fn kubeconfig(folder: &Path, id: &str, user: &str, server: &str) -> ClusterAccess {
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{{name: x, context: {{cluster: x, user: x}}}}]\nclusters: [{{name: x, cluster: {{server: '{server}'}}}}]\nusers: [{{name: x, user: {user}}}]\n"
    );
    let kubeconfig = folder.join(id);
    fs::write(&kubeconfig, text).unwrap();
    ClusterAccess {
        id: id.parse().unwrap(),
        kubeconfig,
        context: None,
        namespaces: None,
    }
}

fn settings(folder: &Path, clusters: &[ClusterAccess], registry: &str) -> Settings {
    fs::create_dir_all(folder.join("repository/exchanges")).unwrap();
    let clusters = clusters.iter();
    let clusters = clusters.map(|access| {
        let kubeconfig = serde_json::json!({"kubeconfig": access.kubeconfig});
        (access.id.to_string(), kubeconfig)
    });
    serde_json::from_value(serde_json::json!({
        "state": folder.join("state"),
        "source": {"url": folder.join("repository")},
        "helm": {"path": "/nowhere/helm"},
        "nats_server": {"path": "/nowhere/nats-server"},
        "clusters": clusters.collect::<serde_json::Map<_, _>>(),
        "registry": {"url": registry},
    }))
    .unwrap()
}

/// The clock runs ahead where everybody waits.
#[tokio::test(start_paused = true)]
async fn who_never_answers_is_waited_for_once_and_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let (_registry, url) = silent();
    let silent: Vec<_> = ["east", "north", "west"]
        .map(|id| (id, silent()))
        .into_iter()
        .collect();
    let clusters = silent.iter();
    let clusters: Vec<_> = clusters
        .map(|(id, (_, url))| kubeconfig(folder.path(), id, "{}", url))
        .collect();
    let settings = settings(folder.path(), &clusters, &url);
    let began = Instant::now();
    let shown = RefCell::new(Vec::new());
    let show = |check: &Check| {
        let text = check.show(crate::report::UNBOUNDED);
        shown.borrow_mut().push((text, began.elapsed()));
    };
    let sheet = examine(settings, false, &show).await.unwrap();
    assert!(began.elapsed() < PATIENCE * 2, "{:?}", began.elapsed());
    assert!(sheet.is_bad());
    let shown = shown.into_inner();
    let begins = [
        "note  state folder: ",
        "BAD   helm: ",
        "note  nats-server: ",
        "BAD   cluster east: 127.0.0.1:",
        "BAD   cluster north: 127.0.0.1:",
        "BAD   cluster west: 127.0.0.1:",
        "BAD   registry: http://127.0.0.1:",
        "ok    repository: ",
        "?     chart ",
    ];
    assert_eq!(shown.len(), begins.len(), "{shown:?}");
    for ((text, after), begin) in shown.iter().zip(begins) {
        assert!(text.starts_with(begin), "{text}");
        let is_late = text.contains(": no complete answer within 10 s\n");
        let waits = begin.contains("cluster") || begin.contains("registry");
        assert_eq!(is_late, waits, "{text}");
        // What comes before them waits for nobody.
        let early = begin.contains("helm") || begin.contains("folder");
        assert!(!early || *after < PATIENCE, "{text} after {after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_has_its_time_from_its_turn_on() {
    let folder = tempfile::tempdir().unwrap();
    let (_listener, url) = silent();
    let began = Instant::now();
    let turns = Semaphore::new(2);
    let asked = ["a", "b", "c"].map(|id| {
        let access = kubeconfig(folder.path(), id, "{}", &url);
        check_cluster(access, &turns)
    });
    for check in futures::future::join_all(asked).await {
        let text = check.show(80);
        assert!(text.contains("no complete answer"), "{text}");
    }
    let took = began.elapsed();
    assert!(took >= PATIENCE * 2 && took < PATIENCE * 3, "{took:?}");
}

#[test]
fn an_unknown_authority_is_named_with_its_setting() {
    let text = "cannot fetch https://charts.example.org: invalid peer certificate: UnknownIssuer";
    let advice = untrusted(text, "`chart.ca_file`").unwrap();
    assert!(advice.ends_with("`chart.ca_file`"), "{advice}");
    assert_eq!(untrusted("connection refused", "x"), None);
}
