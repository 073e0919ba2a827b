//! What `validate` finds: all of it at once, and where it is.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{natsx, text, text_of};

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn exchange(release: &str, cluster: &str, more: &str) -> String {
    format!("name: a\nrelease_name: {release}\ncluster_id: {cluster}\norg_ids: [o]\n{more}")
}

/// `FILE:LINE REASON` of every error.
fn errors(folder: &Path, more: &[&str]) -> Vec<String> {
    let done = natsx(folder, &[&["validate", "--format", "json"], more].concat());
    let found: Value = serde_json::from_slice(&done.stdout).unwrap();
    let found = found
        .pointer("/diagnostics")
        .unwrap()
        .as_array()
        .unwrap()
        .iter();
    found
        .filter(|one| one["severity"] == "error")
        .map(|one| {
            let word = |key: &str| one[key].as_str().unwrap_or("-");
            format!("{}:{} {}", word("file"), one["line"], word("reason"))
        })
        .collect()
}

#[test]
fn a_cluster_the_settings_do_not_name_is_an_error_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(
        root,
        "exchanges/good.yaml",
        &exchange("nats-a", "us-east", ""),
    );
    write(
        root,
        "exchanges/off.yaml",
        &exchange("nats-b", "us-esat", ""),
    );
    let torn = exchange("nats-c", "us-esat", "nmae: x\n");
    write(root, "exchanges/torn.yaml", &torn);
    write(
        root,
        "config.yaml",
        "source: {url: .}\nclusters: {us-east: {kubeconfig: none.yaml}}\n",
    );
    assert_eq!(
        errors(root, &["--config", "config.yaml"]),
        [
            "exchanges/off.yaml:3 ClusterNotInInventory",
            "exchanges/torn.yaml:3 ClusterNotInInventory",
            "exchanges/torn.yaml:5 UnknownField",
        ]
    );
    let done = natsx(root, &["validate", "--config", "config.yaml"]);
    assert_eq!(done.status.code(), Some(1), "{}", text_of(&done));
    let said = text(&done.stdout);
    assert!(said.contains("did you mean us-east?"), "{said}");
    assert!(said.contains("3 | cluster_id: us-esat"), "{said}");

    // Without settings nobody knows which clusters there are, and a plan from git alone says what git asks for.
    assert_eq!(errors(root, &["--source", "."]).len(), 1);
    let plan = ["plan", "--offline", "--config", "config.yaml"];
    let said = text(&natsx(root, &plan).stdout);
    assert!(said.contains("2 to install"), "{said}");
    assert!(!said.contains("ClusterNotInInventory"), "{said}");
}
