//! Options that have no effect on a command are refused, for whoever gives one means something by it.

use super::{natsx, text, text_of};

#[test]
fn an_option_that_has_no_effect_is_refused_with_what_was_probably_meant() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 8] = [
        (
            &["wait", "--revision", "main"],
            "--commit says which commit is waited for",
        ),
        (
            &["--revision", "main", "wait"],
            "--commit says which commit is waited for",
        ),
        (
            &["reconcile", "--revision", "main"],
            "--commit says which commit is accepted",
        ),
        (&["init", "--source", "mine"], "natsx-sync init DIR"),
        (
            &["status", "--source", "."],
            "what the daemon of the state folder works with",
        ),
        (
            &["registry", "ls", "--revision", "main"],
            "no effect on `natsx-sync registry`",
        ),
        (
            &["validate", "--state", "state"],
            "no effect on `natsx-sync validate`",
        ),
        (
            &["version", "--config", "config.yaml"],
            "no effect on `natsx-sync version`",
        ),
    ];
    for (arguments, words) in cases {
        let done = natsx(folder.path(), arguments);
        let said = text_of(&done);
        assert_eq!(done.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    assert!(!folder.path().join("exchanges").exists());
}

#[test]
fn the_help_of_a_command_has_the_common_options_that_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    for (command, has, has_not) in [
        (
            "status",
            &["--config", "--state", "--quiet"][..],
            &["--source", "--revision"][..],
        ),
        ("wait", &["--source", "--config"], &["--revision"]),
        ("plan", &["--source", "--revision", "--kubeconfig"], &[]),
        ("schema", &["--color"], &["--config", "--state"]),
    ] {
        let help = text(&natsx(folder.path(), &[command, "--help"]).stdout);
        let is_there = |option: &&&str| {
            help.contains(&format!("{option} <")) || help.contains(&format!("{option}\n"))
        };
        assert!(has.iter().all(|option| is_there(&option)), "{help}");
        assert!(!has_not.iter().any(|option| is_there(&option)), "{help}");
    }
}
