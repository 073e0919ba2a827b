//! What is named on the command line is there, or it is said that it is not.

use std::fs;

use super::{command, natsx, text_of};

const GOOD: &str = "name: good\nrelease_name: nats-good\ncluster_id: us\norg_ids: [o]\n";
const BROKEN: &str =
    "name: broken\nrelease_name: nats-broken\ncluster_id: us\norg_ids: [o]\nnmae: x\n";

fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("exchanges")).unwrap();
    fs::write(folder.path().join("exchanges/good.yaml"), GOOD).unwrap();
    fs::write(folder.path().join("exchanges/broken.yaml"), BROKEN).unwrap();
    folder
}

#[test]
fn a_path_that_is_no_file_is_never_valid() {
    let folder = repository();
    let cases: [(&[&str], i32, &str); 5] = [
        (
            &["exchanges/nosuch.yaml"],
            7,
            "exchanges/nosuch.yaml is not a file",
        ),
        (
            &["exchanges/good.yaml", "values.yaml"],
            7,
            "values.yaml is not a file",
        ),
        (
            &["exchanges/good.yaml"],
            0,
            "1 exchange valid, 0 errors, 1 warning",
        ),
        (&["./exchanges/"], 1, "1 exchange valid, 1 error"),
        (&["exchanges/broken.yaml"], 1, "0 exchanges valid, 1 error"),
    ];
    for (paths, code, word) in cases {
        let done = natsx(folder.path(), &[&["validate"], paths].concat());
        let said = text_of(&done);
        assert_eq!(done.status.code(), Some(code), "{paths:?}: {said}");
        assert!(said.contains(word), "{paths:?}: {said}");
    }
}

#[test]
fn explain_says_what_is_wrong_in_the_file_that_should_declare_it() {
    let folder = repository();
    for subject in [
        "nats-broken",
        "us/communication/nats-broken",
        "exchanges/broken.yaml",
    ] {
        let done = natsx(folder.path(), &["explain", subject]);
        let said = text_of(&done);
        assert_eq!(done.status.code(), Some(1), "{subject}: {said}");
        assert!(
            said.contains("exchanges/broken.yaml:5:1: error UnknownField"),
            "{said}"
        );
    }
    for (subject, word) in [
        ("nats-goood", "there is us/communication/nats-good"),
        ("MassRemovl", "MassRemoval is"),
    ] {
        let done = natsx(folder.path(), &["explain", subject]);
        assert_eq!(done.status.code(), Some(7), "{}", text_of(&done));
        assert!(text_of(&done).contains(word), "{}", text_of(&done));
    }
}

/// Nothing is removed by it, so all there is to mend are the errors of the file.
#[test]
fn a_broken_file_is_told_once_by_validate() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("exchanges")).unwrap();
    let file = "name: a\nrelease_name: nats-a\ncluster_id: us\norg_ids: [o]\nprotect: maybe\n";
    fs::write(folder.path().join("exchanges/a.yaml"), file).unwrap();
    let done = natsx(folder.path(), &["validate"]);
    let said = text_of(&done);
    assert!(
        said.contains("0 exchanges valid, 1 error, 1 warning\n"),
        "{said}"
    );
    assert!(!said.contains("SourceIncomplete"), "{said}");
    // A plan says what that holds back, and of what.
    let said = text_of(&natsx(folder.path(), &["plan"]));
    let words = "stood for another exchange before us/communication/nats-a";
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(words), "{said}");
}

#[test]
fn what_is_asked_in_vain_says_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], i32, &str); 4] = [
        (
            &["explain", "Foo"],
            1,
            "\"Foo\" is no reason (`natsx-sync explain` lists them)",
        ),
        (&["history", "--last", "0"], 64, "--last"),
        (
            &["wait", "--timeout", "10"],
            64,
            "\"10\" has no unit: write 10s, 10m or 10h",
        ),
        (
            &["plan", "--max-age", "soon"],
            64,
            "not a duration such as 90s",
        ),
    ];
    for (arguments, code, words) in cases {
        let done = natsx(folder.path(), arguments);
        let said = text_of(&done);
        assert_eq!(done.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    }
    let done = natsx(folder.path(), &["doctor"]);
    let said = text_of(&done);
    for words in [
        "there is no usable helm: no folder of the PATH has helm (PATH: )\n",
        "note  nats-server: no folder of the PATH has nats-server; configurations",
    ] {
        assert!(said.contains(words), "{said}");
    }
}

/// Long before something is fetched with it, delivered or registered.
#[test]
fn doctor_looks_at_every_file_that_the_settings_name() {
    let folder = repository();
    let settings = "state: state\nsource: {password_file: gone}\nwebhook: {secret_file: short}\n";
    fs::write(folder.path().join("config.yaml"), settings).unwrap();
    fs::write(folder.path().join("short"), "x").unwrap();
    let done = natsx(folder.path(), &["doctor", "--config", "config.yaml"]);
    let said = text_of(&done);
    for words in [
        "BAD   source.password_file: gone",
        "BAD   webhook.secret_file: ",
        ": 1 exchange, 1 broken file\n",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let arguments = ["doctor", "--config", "config.yaml", "--format", "json"];
    let done = natsx(folder.path(), &arguments);
    assert_eq!(done.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let mut checks = told["checks"].as_array().unwrap().iter();
    let check = checks.find(|check| check["what"] == "source.password_file");
    assert_eq!(check.unwrap()["result"], "bad", "{told}");
    assert_eq!(told["format_version"], "1.0");
}

/// Whoever mends the repository wants to know what else there is to mend.
#[test]
fn doctor_looks_at_the_rest_where_the_repository_is_not_there() {
    let folder = repository();
    let settings = "state: state\nsource: {url: /nowhere/at/all}\nclusters: {us: {kubeconfig: /no/kubeconfig}}\n";
    fs::write(folder.path().join("config.yaml"), settings).unwrap();
    let done = natsx(folder.path(), &["doctor", "--config", "config.yaml"]);
    let said = text_of(&done);
    for words in [
        "BAD   repository: /nowhere/at/all: ",
        "BAD   cluster us: kubeconfig /no/kubeconfig",
        "note  state folder: state is not there yet; it is made when it is needed\n",
        "ok    registry: ",
        "?     chart nats ",
    ] {
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(done.status.code(), Some(1));
}

#[test]
fn what_cannot_work_is_said_before_anything_is_begun() {
    let folder = repository();
    let cases: [(&[&str], &str); 3] = [
        (&["plan", "--out", "plan.json"], "nothing to save"),
        (&["plan", "--kubeconfig", "us=/nowhere"], "/nowhere"),
        (&["run", "--kubeconfig", "us=/nowhere"], "/nowhere"),
    ];
    for (arguments, word) in cases {
        let done = natsx(folder.path(), arguments);
        assert_eq!(done.status.code(), Some(1), "{arguments:?}");
        assert!(done.stdout.is_empty(), "{}", text_of(&done));
        assert!(text_of(&done).contains(word), "{}", text_of(&done));
    }
    let done = command(folder.path(), &["plan"])
        .env("KUBECONFIG", "x")
        .output()
        .unwrap();
    assert!(
        text_of(&done).contains("no cluster is named"),
        "{}",
        text_of(&done)
    );
    assert!(
        text_of(&done).contains("everything is shown as new"),
        "{}",
        text_of(&done)
    );
}

#[test]
fn a_plan_without_a_cluster_of_a_repository_elsewhere_says_that_it_opens_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let source = "https://git.example.org/x.git";
    let mut command = command(folder.path(), &["plan", "--source", source]);
    // git is looked for, and not started.
    let done = command.env("PATH", "/usr/bin:/bin").output().unwrap();
    let said = text_of(&done);
    assert_eq!(done.status.code(), Some(1), "{said}");
    for words in [
        "no connection is opened",
        "--source DIR",
        "--kubeconfig ID=FILE",
    ] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!said.contains("/tmp"), "{said}");
}
