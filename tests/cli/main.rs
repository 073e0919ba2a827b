//! The program as a person meets it, without a cluster: the first command of the README, broken files, exit codes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod commanded;
mod doctor;
mod generated;
mod gone;
mod held;
mod history;
mod named;
mod offline;
mod taken;
mod unfinished;
mod validate;
mod waiting;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs it in a folder with nothing of this host's environment.
fn natsx(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_natsx-sync"));
    command
        .env_clear()
        .env("HOME", folder)
        .current_dir(folder)
        .args(arguments);
    command
}

fn text_of(done: &Output) -> String {
    text(&done.stdout) + &text(&done.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn the_first_command_shows_three_installs_within_a_second() {
    let home = tempfile::tempdir().unwrap();
    // A folder of its own: within a repository it would be compared with that repository's branch.
    let examples = home.path().join("examples");
    copy(Path::new(&format!("{ROOT}/examples")), &examples);
    let examples = examples.to_str().unwrap();
    let began = Instant::now();
    let done = natsx(home.path(), &["plan", "--source", examples]);
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let plan = text(&done.stdout);
    assert!(
        plan.contains("Plan: 3 to install, 0 to upgrade, 0 to uninstall"),
        "{plan}"
    );

    let done = natsx(
        home.path(),
        &["plan", "--source", examples, "--format", "json"],
    );
    let plan: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(plan["format_version"], "1.0");
    assert_eq!(plan["truth"], "offline");
    let sum: u64 = plan["summary"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(sum, 3);
    assert_eq!(plan["exchanges"].as_array().unwrap().len(), 3);
}

#[test]
fn each_broken_file_says_where_it_is_wrong_and_what_to_write_and_hides_no_other() {
    let corpus = fs::read_dir(format!("{ROOT}/tests/fixtures/broken")).unwrap();
    let mut files: Vec<_> = corpus
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    assert!(files.len() >= 20);
    for file in files {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("exchanges")).unwrap();
        fs::copy(&file, folder.path().join("exchanges/broken.yaml")).unwrap();
        let good = format!("{ROOT}/examples/exchanges/us-east/global-event-bus.yaml");
        fs::copy(good, folder.path().join("exchanges/good.yaml")).unwrap();
        let done = natsx(folder.path(), &["validate", "--format", "json"]);
        assert_eq!(
            done.status.code(),
            Some(1),
            "{}: {}",
            file.display(),
            text(&done.stdout)
        );
        let findings: Value = serde_json::from_slice(&done.stdout).unwrap();
        let findings = findings["diagnostics"].as_array().unwrap();
        let error = findings
            .iter()
            .find(|finding| finding["severity"] == "error")
            .unwrap();
        for field in ["line", "column"] {
            assert!(
                error[field].as_u64() >= Some(1),
                "{}: no {field}: {error}",
                file.display()
            );
        }
        for field in ["file", "text", "hint"] {
            assert!(
                error[field].as_str().is_some_and(|text| !text.is_empty()),
                "{}: no {field}: {error}",
                file.display()
            );
        }
        let plan = natsx(folder.path(), &["plan"]);
        assert_ne!(plan.status.code(), Some(70), "{}", file.display());
        assert!(
            text(&plan.stdout).contains("1 to install"),
            "{}: {}",
            file.display(),
            text(&plan.stdout)
        );
    }
}

#[test]
fn a_huge_file_is_refused_quickly() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("exchanges")).unwrap();
    fs::write(
        folder.path().join("exchanges/huge.yaml"),
        "a: ".repeat(600_000),
    )
    .unwrap();
    let began = Instant::now();
    let done = natsx(folder.path(), &["validate"]);
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(done.status.code(), Some(1));
    assert!(
        text(&done.stdout).contains("TooLarge"),
        "{}",
        text(&done.stdout)
    );
}

#[test]
fn exit_codes_and_hints_are_those_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let expected: [(&[&str], i32, &str); 9] = [
        (&["nonsense"], 64, "natsx-sync"),
        (&["status", "--state", "nowhere"], 1, "NoStatus"),
        (&["plan", "--source", "."], 1, "NoExchangeFolder"),
        (&["explain", "MassRemoval"], 0, "natsx-sync approve"),
        (&["explain", "massremoval"], 0, "natsx-sync approve"),
        (&["explain", "MasRemoval"], 7, "MassRemoval is"),
        (&["explain"], 0, "NotFromThisHistory"),
        (&["apply", "--yes", "--source", "."], 1, "--kubeconfig"),
        (&["version"], 0, "natsx-sync"),
    ];
    for (arguments, code, word) in expected {
        let done = natsx(folder.path(), arguments);
        let said = text(&done.stdout) + &text(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
}

#[test]
fn a_file_that_is_no_saved_plan_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let huge = fs::File::create(folder.path().join("huge.json")).unwrap();
    huge.set_len(129 * 1024 * 1024).unwrap();
    let whole = r#"{"kind": "SavedPlan", "format_version": "1.0", "checksum": "0"}"#;
    for (name, text, word) in [
        ("empty.json", Some(""), "is not a saved plan"),
        ("cut.json", whole.get(..40), "cut off"),
        ("edited.json", Some(whole), "checksum"),
        (
            "later.json",
            Some(r#"{"kind": "SavedPlan", "format_version": "7.0"}"#),
            "format 7.0",
        ),
        (
            "printed.json",
            Some(r#"{"exchanges": []}"#),
            "plan --out FILE",
        ),
        ("exchange.yaml", Some("name: x\n"), "not JSON"),
        ("huge.json", None, "larger than"),
        ("nowhere.json", None, "cannot read"),
    ] {
        if let Some(text) = text {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let done = natsx(folder.path(), &["apply", "--yes", name]);
        let said = text_of(&done);
        assert_eq!(done.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(name) && said.contains(word), "{name}: {said}");
    }
}

#[test]
fn a_plan_that_saw_no_cluster_is_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let examples = format!("{ROOT}/examples");
    let out = ["--out", "plan.json"];
    let done = natsx(
        folder.path(),
        &[&["plan", "--source", &examples], &out[..]].concat(),
    );
    assert_eq!(done.status.code(), Some(1));
    assert!(
        text_of(&done).contains("--kubeconfig"),
        "{}",
        text_of(&done)
    );
    let done = natsx(folder.path(), &[&["plan", "--offline"], &out[..]].concat());
    assert_eq!(done.status.code(), Some(64), "{}", text_of(&done));
    assert!(!folder.path().join("plan.json").exists());
}

/// A picture of the clusters of the examples, in which nothing runs and one may not be readable.
fn picture(age: i64, eu: &Value) -> String {
    let taken_at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(age);
    let empty = serde_json::json!({"view": {
        "uid": null, "replaced": null, "scope": null, "missing_namespaces": [],
        "terminating_namespaces": [], "releases": {}, "missing_secrets": [],
    }});
    let content = serde_json::json!({
        "tool_version": "0.1.0",
        "taken_at": taken_at,
        "instance": "default",
        "settings": {
            "chart": {"name": "nats", "version": "2.14.2"}, "hosts": {}, "allow_values": [],
            "prune": true, "max_delete": 30, "helm_timeout": 300,
        },
        "clusters": {
            "us-east-cluster": empty,
            "eu-edge-cluster": if eu.is_null() { &empty } else { eu },
        },
        "registry": {"view": {"records": {}, "unusable": 0}},
        "hidden": {"values": {}, "records": {}},
    });
    natsx_sync::sealed::seal(natsx_sync::sealed::Kind::Snapshot, &content).unwrap()
}

#[test]
fn a_plan_from_a_picture_needs_no_cluster_in_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let examples = format!("{ROOT}/examples");
    let plan = |name: &str, text: &str, more: &[&str]| {
        fs::write(folder.path().join(name), text).unwrap();
        let all = ["plan", "--source", &examples, "--snapshot", name];
        natsx(folder.path(), &[&all[..], more].concat())
    };
    let fresh = plan("world.json", &picture(600, &Value::Null), &[]);
    assert_eq!(fresh.status.code(), Some(0), "{}", text_of(&fresh));
    let said = text_of(&fresh);
    assert!(
        said.contains("plan (snapshot)") && said.contains("10m"),
        "{said}"
    );
    assert!(said.contains("Plan: 3 to install"), "{said}");

    let away =
        serde_json::json!({"unreadable": {"reason": "ClusterUnreachable", "text": "timed out"}});
    let partial = plan("partial.json", &picture(0, &away), &["--format", "json"]);
    assert_eq!(partial.status.code(), Some(3), "{}", text_of(&partial));
    let partial: Value = serde_json::from_slice(&partial.stdout).unwrap();
    assert_eq!(partial["truth"], "snapshot");
    assert_eq!(partial["summary"]["unreadable"], 1);

    let old = picture(3700, &Value::Null);
    let refused = plan("old.json", &old, &[]);
    assert_eq!(refused.status.code(), Some(4), "{}", text_of(&refused));
    assert!(
        text_of(&refused).contains("StaleSnapshot"),
        "{}",
        text_of(&refused)
    );
    assert_eq!(
        plan("old.json", &old, &["--max-age", "2h"]).status.code(),
        Some(0)
    );
    assert_eq!(plan("no.json", "{}", &[]).status.code(), Some(1));
}

#[test]
fn init_makes_what_plan_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let made = natsx(folder.path(), &["init", "mine", "--cluster", "my-cluster"]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let plan = natsx(folder.path(), &["plan", "--source", "mine"]);
    assert_eq!(plan.status.code(), Some(0), "{}", text(&plan.stderr));
    assert!(text(&plan.stdout).contains("1 to install"));
    let exchange = fs::read_to_string(folder.path().join("mine/exchanges/first.yaml")).unwrap();
    let (first, _) = exchange.split_once('\n').unwrap();
    let place = first
        .strip_prefix("# yaml-language-server: $schema=")
        .unwrap();
    let schema = fs::read(folder.path().join("mine/exchanges").join(place)).unwrap();
    let printed = natsx(folder.path(), &["schema"]).stdout;
    assert_eq!(text(&schema), text(&printed), "what the file points to");
    let again = natsx(folder.path(), &["init", "mine"]);
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten");
}

#[test]
fn the_reference_of_the_settings_is_the_one_committed() {
    let folder = tempfile::tempdir().unwrap();
    let printed = natsx(folder.path(), &["config", "--reference"]);
    let committed = fs::read_to_string(format!("{ROOT}/docs/settings.md")).unwrap();
    assert_eq!(
        text(&printed.stdout),
        committed,
        "natsx-sync config --reference > docs/settings.md"
    );
}

#[test]
fn a_result_that_cannot_be_written_is_an_error_and_a_pager_that_closed_is_none() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plan = |out: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_natsx-sync"));
        command.args(["plan", "--offline", "--source", "examples"]);
        command.current_dir(project).stdout(out);
        command.output().unwrap()
    };
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let lost = plan(full.into());
    assert_eq!(lost.status.code(), Some(1));
    let told = String::from_utf8(lost.stderr).unwrap();
    assert!(told.contains("could not be written"), "{told}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(plan(writer.into()).status.code(), Some(0));
}

#[test]
fn status_works_while_the_settings_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    fs::create_dir(at("state")).unwrap();
    let status = serde_json::json!({
        "format_version": "1.0", "written_at": "2026-01-01T00:00:00Z", "pid": 1, "pass": 0,
        "commit": null, "trouble": null, "exchanges": [],
    });
    fs::write(at("state/status.json"), status.to_string()).unwrap();
    fs::write(at("bad.yaml"), "state: state\nsorce: {}\n").unwrap();
    let done = natsx(folder.path(), &["--config", "bad.yaml", "status"]);
    assert_eq!(done.status.code(), Some(0), "{}", text_of(&done));
    let (shown, told) = (text(&done.stdout), text(&done.stderr));
    assert!(shown.contains("ended before its first pass"), "{shown}");
    assert!(
        told.starts_with("note: the settings cannot be used"),
        "{told}"
    );
    assert!(
        told.contains("sorce") && told.contains("bad.yaml"),
        "{told}"
    );
}
