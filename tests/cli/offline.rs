//! What a pull request's check shows: real repositories made by git, compared with nothing but git.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{natsx, text};

struct Work(TempDir);

impl Work {
    /// A repository with `a`, `b` and `c` on `main`, and `topic` checked out.
    fn new() -> Self {
        let work = Self(tempfile::tempdir().unwrap());
        work.git(&["init", "-q", "-b", "main"]);
        for name in ["a", "b", "c"] {
            work.write(&format!("exchanges/{name}.yaml"), &exchange(name, "1"));
        }
        work.commit();
        work.git(&["checkout", "-q", "-b", "topic"]);
        work
    }

    fn root(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    fn git(&self, arguments: &[&str]) {
        git(self.0.path(), arguments);
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "change"]);
    }

    /// The plan against `main`, and its exit code.
    fn plan(&self) -> (Value, i32) {
        plan(&self.root(), &["--base", "main"])
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .current_dir(folder)
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
}

fn plan(folder: &Path, more: &[&str]) -> (Value, i32) {
    let fixed = [
        "plan",
        "--offline",
        "--format",
        "json",
        "--detailed-exitcode",
    ];
    let done = natsx(folder, &[&fixed[..], more].concat());
    let plan = serde_json::from_slice(&done.stdout);
    let plan = plan.unwrap_or_else(|_| panic!("{}", text(&done.stderr)));
    (plan, done.status.code().unwrap())
}

fn exchange(name: &str, replicas: &str) -> String {
    format!(
        "name: {name}\nrelease_name: nats-{name}\ncluster_id: us\norg_ids: [o]\nhelm_values:\n  podTemplate.merge.spec.priority: {replicas:?}\n"
    )
}

/// `ID ACTION REASON` of everything that is not unchanged.
fn changes(plan: &Value) -> Vec<String> {
    let entries = plan["exchanges"].as_array().unwrap().iter();
    entries
        .filter(|entry| entry["reason"] != "UpToDate")
        .map(|entry| {
            let word = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
            let id = word("id");
            let id = id.rsplit('/').next().unwrap_or_default();
            format!("{id} {} {}", word("action"), word("reason"))
        })
        .collect()
}

#[test]
fn a_branch_shows_what_it_changes_and_nothing_that_others_changed_meanwhile() {
    let work = Work::new();
    work.write("exchanges/d.yaml", &exchange("d", "1"));
    work.write("exchanges/a.yaml", &exchange("a", "2"));
    fs::remove_file(work.root().join("exchanges/b.yaml")).unwrap();
    work.commit();
    work.git(&["checkout", "-q", "main"]);
    work.write("exchanges/c.yaml", &exchange("c", "7"));
    work.commit();
    work.git(&["checkout", "-q", "topic"]);
    let (plan, code) = work.plan();
    assert_eq!(
        changes(&plan),
        [
            "nats-a upgrade ValuesChanged",
            "nats-b uninstall FileRemoved",
            "nats-d install FileAdded"
        ]
    );
    assert_eq!(code, 2);
    assert_eq!(plan["source"]["base"].as_str().unwrap().len(), 40);
    let against = plan["source"]["against"].as_str().unwrap();
    assert!(
        against.contains("where main and the head part"),
        "{against}"
    );
}

#[test]
fn a_file_that_only_moved_is_no_change() {
    let work = Work::new();
    work.git(&["mv", "exchanges/a.yaml", "exchanges/z.yml"]);
    fs::create_dir(work.root().join("exchanges/team")).unwrap();
    work.git(&["mv", "exchanges/b.yaml", "exchanges/team/b.yaml"]);
    work.commit();
    let (plan, code) = work.plan();
    assert_eq!(changes(&plan), Vec::<String>::new());
    assert_eq!(code, 0);
    // They are open to everybody, which was told when that came.
    for entry in plan["exchanges"].as_array().unwrap() {
        assert_eq!(entry["diagnostics"], Value::Array(Vec::new()));
    }
}

#[test]
fn what_was_broken_before_is_a_warning_and_what_breaks_now_an_error() {
    let work = Work::new();
    work.git(&["checkout", "-q", "main"]);
    work.write("exchanges/a.yaml", &(exchange("a", "1") + "nmae: x\n"));
    work.commit();
    work.git(&["checkout", "-q", "-B", "topic"]);
    work.write("exchanges/d.yaml", &exchange("d", "1"));
    work.commit();
    let (plan, code) = work.plan();
    assert_eq!(
        changes(&plan),
        ["nats-a none FileInvalid", "nats-d install FileAdded"]
    );
    assert_eq!(code, 2, "whoever asks now did not break it");
    let validate = natsx(&work.root(), &["validate"]);
    assert_eq!(validate.status.code(), Some(1), "but it is broken");

    work.write("exchanges/b.yaml", "name: b\n");
    work.commit();
    let (plan, code) = work.plan();
    assert!(changes(&plan).contains(&"nats-b blocked FileInvalid".to_owned()));
    assert_eq!(code, 1);
}

#[test]
fn a_mended_file_is_compared_with_its_last_good_ancestor() {
    let work = Work::new();
    work.git(&["checkout", "-q", "main"]);
    work.write("exchanges/a.yaml", "name: [\n");
    work.write("exchanges/new.yaml", "name: [\n");
    work.write("values.yaml", "config: [\n");
    work.commit();
    work.write("exchanges/a.yaml", "name: [[\n");
    work.commit();
    work.git(&["checkout", "-q", "-B", "topic"]);
    work.write("exchanges/a.yaml", &exchange("a", "2"));
    work.write("exchanges/new.yaml", &exchange("new", "1"));
    fs::remove_file(work.root().join("values.yaml")).unwrap();
    work.commit();
    let (plan, code) = work.plan();
    assert_eq!(
        changes(&plan),
        ["nats-a upgrade ValuesChanged", "nats-new install FileAdded"]
    );
    assert_eq!(code, 2);
}

#[test]
fn files_that_are_not_committed_are_compared_with_the_head() {
    let work = Work::new();
    work.git(&["update-ref", "refs/remotes/origin/HEAD", "HEAD"]);
    work.write("exchanges/d.yaml", &exchange("d", "1"));
    let (plan, code) = plan(&work.root(), &[]);
    assert_eq!(changes(&plan), ["nats-d install FileAdded"]);
    assert_eq!((code, &plan["source"]["dirty"]), (2, &Value::Bool(true)));

    let said = natsx(&work.root(), &["plan"]);
    let said = text(&said.stdout);
    assert!(said.contains("compared with "), "{said}");
    assert!(said.contains("only uncommitted files differ"), "{said}");
}

#[test]
fn a_shallow_checkout_is_an_error_with_a_way_out_and_never_a_plan_of_installs() {
    let work = Work::new();
    work.write("exchanges/d.yaml", &exchange("d", "1"));
    work.commit();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", work.root().display());
    git(
        folder.path(),
        &["clone", "-q", "--depth=1", "-b", "topic", &url, "x"],
    );
    let done = natsx(
        &folder.path().join("x"),
        &["plan", "--offline", "--base", "origin/main"],
    );
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(1));
    assert!(done.stdout.is_empty(), "{}", text(&done.stdout));
    for word in [
        "HistoryIncomplete",
        "fetch-depth: 0",
        "GIT_DEPTH: 0",
        "origin/main",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
}
