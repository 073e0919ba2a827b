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

#[test]
fn a_path_means_the_same_to_every_command() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = folder.path();
    write(root, "exchanges/team/a.yaml", &exchange("nats-a", "us", ""));
    write(
        root,
        "exchanges/b.yaml",
        &exchange("nats-b", "us", "nmae: x\n"),
    );
    write(outside.path(), "a.yaml", &exchange("nats-c", "us", ""));
    let team = root.join("exchanges/team");
    let whole = |path: &str| root.join(path).to_str().unwrap().to_owned();
    let (a, b) = (whole("exchanges/team/a.yaml"), whole("exchanges/b.yaml"));
    let elsewhere = outside.path().join("a.yaml");
    let elsewhere = elsewhere.to_str().unwrap();
    let source = root.to_str().unwrap();
    for command in ["validate", "explain"] {
        for (folder, path, more, code) in [
            (team.as_path(), "a.yaml", &["--source", source][..], 0),
            (team.as_path(), "../b.yaml", &["--source", source], 1),
            (root, "exchanges/team/a.yaml", &[], 0),
            (outside.path(), "exchanges/b.yaml", &["--source", source], 1),
            // The repository of a file is known where nothing else is one.
            (outside.path(), a.as_str(), &[], 0),
            (outside.path(), b.as_str(), &[], 1),
            // Nothing that is only called the same is meant.
            (outside.path(), "a.yaml", &["--source", source], 7),
            (root, elsewhere, &[], 7),
        ] {
            let done = natsx(folder, &[&[command, path], more].concat());
            let said = text_of(&done);
            assert_eq!(done.status.code(), Some(code), "{command} {path}: {said}");
            if code == 7 {
                assert!(
                    said.contains("--source names another"),
                    "{command} {path}: {said}"
                );
            }
        }
    }
}
