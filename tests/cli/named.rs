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
        (&["exchanges/good.yaml"], 0, "1 exchange valid, 0 errors"),
        (&["./exchanges/"], 1, "1 exchange valid, 2 errors"),
        (&["exchanges/broken.yaml"], 1, "0 exchanges valid, 2 errors"),
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
