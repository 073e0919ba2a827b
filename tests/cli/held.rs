//! What `apply` leaves of removals that are held, by a cluster that does not answer.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{natsx, text_of};

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {cluster: x, user: x}}]\nclusters: [{name: x, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: x, user: {}}]\n";

/// `gone` is declared by the first commit and not by the second; `back` is declared by both.
const GONE: &str = "us/communication/nats-gone";
const BACK: &str = "us/communication/nats-back";

fn exchange(name: &str) -> String {
    format!("name: {name}\nrelease_name: nats-{name}\ncluster_id: us\norg_ids: [o]\n")
}

/// Both are held, and the removal of both is approved.
fn host() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(arguments)
            .current_dir(root.join("repository"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    fs::create_dir_all(root.join("repository/exchanges")).unwrap();
    git(&["init", "-q", "-b", "main"]);
    let file = |name: &str| root.join(format!("repository/exchanges/{name}.yaml"));
    for name in ["gone", "back"] {
        fs::write(file(name), exchange(name)).unwrap();
    }
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "both"]);
    fs::remove_file(file("gone")).unwrap();
    git(&["commit", "-q", "-a", "-m", "one"]);
    fs::write(root.join("kubeconfig"), KUBECONFIG).unwrap();
    fs::write(
        root.join("config.yaml"),
        "source: {url: repository}\nstate: state\nlisten: {registry: 127.0.0.1:0}\nclusters:\n  us: {kubeconfig: kubeconfig}\n",
    )
    .unwrap();
    fs::create_dir_all(root.join("state/approvals")).unwrap();
    let both = serde_json::json!([BACK, GONE]);
    fs::write(root.join("state/withheld.json"), both.to_string()).unwrap();
    let approval = serde_json::json!({
        "ids": both, "commit": null, "given": "2026-01-01T00:00:00Z", "expires": "2126-01-01T00:00:00Z",
    });
    fs::write(root.join("state/approvals/1.json"), approval.to_string()).unwrap();
    folder
}

/// What is held and what is approved.
fn known(root: &Path) -> [serde_json::Value; 2] {
    let read = |path: &str| {
        let text = fs::read_to_string(root.join("state").join(path)).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let approved = read("approvals/1.json").get("ids").cloned().unwrap();
    [read("withheld.json"), approved]
}

fn apply(root: &Path, more: &[&str], code: i32) -> String {
    let fixed = ["--config", "config.yaml", "apply", "--yes"];
    let done = natsx(root, &[&fixed[..], more].concat());
    let said = text_of(&done);
    assert_eq!(done.status.code(), Some(code), "{more:?}: {said}");
    said
}

#[test]
fn only_a_plan_of_the_head_that_is_agreed_to_lets_go_what_is_held() {
    let host = host();
    let both = serde_json::json!([BACK, GONE]);
    let kept = [both.clone(), both];
    apply(host.path(), &["--expect", &"0".repeat(64)], 4);
    assert_eq!(known(host.path()), kept, "it was another plan");
    apply(host.path(), &["--revision", "HEAD~1"], 3);
    assert_eq!(known(host.path()), kept, "it was another commit");
    apply(host.path(), &["--revision", "main"], 3);
    let gone = serde_json::json!([GONE]);
    assert_eq!(known(host.path()), [gone.clone(), gone]);
}

#[test]
fn what_is_damaged_stops_no_pass() {
    let host = host();
    let withheld = host.path().join("state/withheld.json");
    for damage in ["[", ""] {
        fs::write(&withheld, damage).unwrap();
        let said = apply(host.path(), &[], 3);
        for word in ["withheld.json is damaged", "do not remove it"] {
            assert!(said.contains(word), "{said}");
        }
        assert_eq!(fs::read_to_string(&withheld).unwrap(), damage);
    }
}
