//! The README is kept: its commands and files are run here, or on clusters by `tests/road/readme.rs` and `cargo xtask test`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod blocks;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use blocks::{beginning, blocks};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Each block of commands, by how it begins, and who runs it. A new block must find its place here.
const RUN_BY: [(&str, RunBy); 8] = [
    ("cargo run -- plan", RunBy::ThisTest),
    ("cargo xtask demo", RunBy::Xtask),
    ("natsx-sync init", RunBy::Road),
    ("natsx-sync status", RunBy::Road),
    ("natsx-sync plan --revision", RunBy::Road),
    ("natsx-sync snapshot", RunBy::Road),
    ("apt install ./natsx-sync", RunBy::Host),
    ("natsx-sync config --config", RunBy::Host),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RunBy {
    /// Below.
    ThisTest,
    /// `cargo xtask test` is the one command and runs the other.
    Xtask,
    /// `tests/road/readme.rs` and `tests/road/saved.rs`.
    Road,
    /// `tests/host/run.sh`, on a booted Debian; by hand, as it takes root, a fleet and a Debian to install.
    Host,
}

fn readme() -> String {
    fs::read_to_string(format!("{ROOT}/README.md")).unwrap()
}

/// A fresh clone of a repository that has the examples: what a checkout of somebody who works on this is compared with is
/// theirs to say.
fn clone_of_the_examples(folder: &Path) -> PathBuf {
    let (origin, clone) = (folder.join("origin"), folder.join("clone"));
    fs::create_dir(&origin).unwrap();
    let script = format!(
        "cp -R {ROOT}/examples origin/
         git init -q origin && git -C origin add .
         git -C origin -c user.name=a -c user.email=a@example.org commit -qm one
         git clone -q origin clone"
    );
    let done = Command::new("/bin/sh")
        .args(["-euc", &script])
        .env_clear()
        .env("HOME", folder)
        .env("PATH", "/usr/bin:/bin")
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    clone
}

/// Runs lines in `checkout` as a shell would, with the built program on the `PATH` and nothing of this host's environment.
fn shell(folder: &Path, checkout: &Path, lines: &str) -> Output {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let program = env!("CARGO_BIN_EXE_natsx-sync");
    // `cargo run --` starts the program this test was built with, without building it a second time.
    let cargo =
        format!("#!/bin/sh\n[ \"$1 $2\" = 'run --' ] || exit 64\nshift 2\nexec {program} \"$@\"\n");
    fs::write(bin.join("cargo"), cargo).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(bin.join("cargo"), mode).unwrap();
    Command::new("/bin/sh")
        .args(["-euc", lines])
        .env_clear()
        .env("HOME", folder)
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .current_dir(checkout)
        .output()
        .unwrap()
}

#[test]
fn every_block_of_commands_is_run_somewhere() {
    for block in blocks(&readme()) {
        assert!(
            ["sh", "yaml", "text"].contains(&block.language.as_str()),
            "say what language this block is in:\n{}",
            block.text
        );
        if block.language == "sh" {
            let known = RUN_BY
                .iter()
                .any(|(words, _)| block.text.starts_with(words));
            assert!(known, "no test runs this block:\n{}", block.text);
        }
    }
    for (words, _) in RUN_BY {
        beginning(&readme(), words);
    }
}

#[test]
fn the_operators_blocks_are_those_the_script_runs() {
    let script = fs::read_to_string(format!("{ROOT}/tests/host/run.sh")).unwrap();
    for (words, _) in RUN_BY.iter().filter(|(_, by)| *by == RunBy::Host) {
        assert!(script.contains(&format!("block '{words}'")), "{words}");
    }
}

#[test]
fn the_first_look_needs_nothing() {
    for (words, by) in RUN_BY {
        if by != RunBy::ThisTest {
            continue;
        }
        let home = tempfile::tempdir().unwrap();
        let checkout = clone_of_the_examples(home.path());
        let done = shell(home.path(), &checkout, &beginning(&readme(), words).text);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        assert!(said.contains("Plan: 3 to install"), "{said}");
    }
}

#[test]
fn the_exchange_file_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("exchanges")).unwrap();
    let text = beginning(&readme(), "name:").text;
    fs::write(folder.path().join("exchanges/one.yaml"), text).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_natsx-sync"))
        .env_clear()
        .env("HOME", folder.path())
        .current_dir(folder.path())
        .arg("validate")
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
}

#[test]
fn the_settings_are_understood() {
    let block = |words| beginning(&readme(), words).text;
    let example = fs::read_to_string(format!("{ROOT}/deploy/config.yaml")).unwrap();
    for (text, shown) in [
        (block("source:"), "30%"),
        (block("listen: {webhook"), "hooks.example.org"),
        (example, "30%"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.yaml"), text).unwrap();
        let done = Command::new(env!("CARGO_BIN_EXE_natsx-sync"))
            .env_clear()
            .env("HOME", folder.path())
            .current_dir(folder.path())
            .args(["config", "--config", "config.yaml"])
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(said.contains(shown), "{said}");
    }
}
