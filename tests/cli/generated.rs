//! What is made from the command line itself: completions and manual pages.

use std::fs;
use std::process::{Command, Stdio};

use super::{natsx, text, text_of};

/// The commands `--help` lists.
fn commands() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let help = text(&natsx(folder.path(), &["--help"]).stdout);
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_shell_gets_completions_that_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let names = commands();
    assert!(names.len() > 20, "{names:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let done = natsx(folder.path(), &["completions", shell]);
        assert_eq!(done.status.code(), Some(0), "{}", text_of(&done));
        let script = text(&done.stdout);
        for name in &names {
            assert!(script.contains(name), "{shell} does not know {name}");
        }
    }
    let none = natsx(folder.path(), &["completions", "tcsh"]);
    assert_eq!(none.status.code(), Some(64));
}

#[test]
fn bash_takes_its_completions() {
    let folder = tempfile::tempdir().unwrap();
    let script = natsx(folder.path(), &["completions", "bash"]).stdout;
    fs::write(folder.path().join("completions"), script).unwrap();
    let ask = ". ./completions; asked=$(complete -p natsx-sync); asked=${asked#*-F }; \
               COMP_WORDS=(natsx-sync recon); COMP_CWORD=1; \
               ${asked%% *} natsx-sync recon natsx-sync; echo \"${COMPREPLY[@]}\"";
    let done = Command::new("bash")
        .args(["-euc", ask])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(text(&done.stdout).trim(), "reconcile", "{}", text_of(&done));
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let printed = natsx(folder.path(), &["man"]);
    assert_eq!(printed.status.code(), Some(0), "{}", text_of(&printed));
    let done = natsx(folder.path(), &["man", "--out", "pages/man1"]);
    assert_eq!(done.status.code(), Some(0), "{}", text_of(&done));
    let page = |name: &str| fs::read_to_string(folder.path().join("pages/man1").join(name));
    assert!(page("natsx-sync.1").unwrap().starts_with(".ie"));
    for name in commands() {
        let text = page(&format!("natsx-sync-{name}.1")).unwrap();
        assert!(text.contains("SYNOPSIS"), "{name}: {text}");
    }

    fs::write(folder.path().join("file"), "").unwrap();
    let refused = natsx(folder.path(), &["man", "--out", "file"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text_of(&refused).contains("cannot make file"),
        "{}",
        text_of(&refused)
    );
}
