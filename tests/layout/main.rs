//! The rules of ARCHITECTURE.md that can be read off the sources.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

/// The middle of the road: values in, values out.
const PURE: [&str; 9] = [
    "id.rs",
    "reason.rs",
    "diagnostic.rs",
    "exchange",
    "observe/observed.rs",
    "plan",
    "report",
    "apply/step.rs",
    "apply/step",
];

/// What would make it depend on more than its arguments.
const WORLD: [&str; 22] = [
    "tokio",
    "kube::",
    "k8s_openapi",
    "git2",
    "reqwest",
    "axum",
    "redb",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::io",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "crate::cluster",
    "crate::helm",
    "crate::registry",
    "crate::command",
    "crate::config",
    "crate::state",
    "crate::daemon",
];

/// `command` for our own; a kubeconfig's credential program gets the operator's environment, as from kubectl.
const STARTERS: [&str; 2] = ["command.rs", "cluster/exec.rs"];

/// Code without its tests; longer files are split by concept.
const LONGEST: usize = 500;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    found.sort();
    found
}

/// Path within `src` and text before the tests; files that are tests are left out.
fn code() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let name = |path: &Path| {
        path.strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    let is_test = |name: &str| name.ends_with("tests.rs") || name.contains("tests/");
    sources(&root)
        .into_iter()
        .map(|path| (name(&path), std::fs::read_to_string(&path).unwrap()))
        .filter(|(name, _)| !is_test(name))
        .map(|(name, text)| {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            (name, code.to_owned())
        })
        .collect()
}

#[test]
fn the_middle_of_the_road_knows_nothing_of_the_world() {
    let mut found = Vec::new();
    for (name, text) in code() {
        let is_pure = PURE
            .iter()
            .any(|room| name == *room || name.starts_with(&format!("{room}/")));
        if !is_pure {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let is_comment = line.trim_start().starts_with("//");
            let word = WORLD
                .iter()
                .find(|word| !is_comment && line.contains(**word));
            found.extend(word.map(|word| format!("src/{name}:{}: {word}", index + 1)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<_> = code()
        .into_iter()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn programs_are_started_in_one_room() {
    let starters: Vec<_> = code()
        .into_iter()
        .filter(|(_, text)| text.contains("process::Command"))
        .map(|(name, _)| name)
        .filter(|name| !STARTERS.contains(&name.as_str()))
        .collect();
    assert!(starters.is_empty(), "{starters:?}");
}
