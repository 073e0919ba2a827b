//! The rules of ARCHITECTURE.md that can be read off the sources.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod paths;

use std::path::{Path, PathBuf};

use paths::{paths, without_tests};

/// The middle of the road: values in, values out.
const PURE: [&str; 23] = [
    "id.rs",
    "packed.rs",
    "reason.rs",
    "diagnostic.rs",
    "drift",
    "mask",
    "nats_server/pod.rs",
    "nats_server/prepare.rs",
    "exchange",
    "observe/observed.rs",
    "observe/release.rs",
    "plan",
    "report",
    "saved",
    "sealed.rs",
    "snapshot/mod.rs",
    "snapshot/mask.rs",
    "apply/effect.rs",
    "apply/fence.rs",
    "apply/order.rs",
    "apply/outcome.rs",
    "apply/step.rs",
    "observe/manifest.rs",
];

/// What it may name besides itself: readers of text, and the files of one commit as they were read.
const LEANT_ON: [&str; 2] = ["yaml", "source::checkout"];

/// What would make it depend on more than its arguments: a crate or a name in any path. So does any room of ours that is
/// not of the middle.
const WORLD: [&str; 18] = [
    "tokio",
    "kube",
    "k8s_openapi",
    "git2",
    "reqwest",
    "axum",
    "redb",
    "rustix",
    "tempfile",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::io",
    "std::thread",
    "SystemTime",
    "Instant",
    "now",
];

/// Traits that do nothing by themselves.
const HARMLESS: [&str; 2] = ["std::io::Read", "std::io::Write"];

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
        .map(|(name, text)| (name, without_tests(&text)))
        .collect()
}

/// Whether a path leads to a room of ours that is not of the middle.
fn leads_out(path: &str) -> bool {
    let Some(path) = path.strip_prefix("crate::") else {
        return false;
    };
    let leads_to = |room: &str| path == room || path.starts_with(&format!("{room}::"));
    let module = |file: &str| {
        let module = file.trim_end_matches(".rs").trim_end_matches("/mod");
        module.replace('/', "::")
    };
    !PURE.iter().any(|file| leads_to(&module(file))) && !LEANT_ON.into_iter().any(leads_to)
}

/// Where code names the world: line and path.
fn worldly(code: &str) -> Vec<(usize, String)> {
    let is_worldly = |path: &str| {
        WORLD.iter().any(|word| {
            path == *word
                || path.starts_with(&format!("{word}::"))
                // A function or type under any crate; alone, `now` is an argument.
                || (!word.contains("::") && path.ends_with(&format!("::{word}")))
        }) && path != "now"
            && !HARMLESS.contains(&path)
    };
    paths(code)
        .into_iter()
        .filter(|(_, path)| is_worldly(path) || leads_out(path))
        .collect()
}

#[test]
fn the_middle_of_the_road_knows_nothing_of_the_world() {
    let mut found = Vec::new();
    let mut seen = [false; PURE.len()];
    for (name, text) in code() {
        let is_within = |room: &str| {
            name == room || name.starts_with(&format!("{}/", room.trim_end_matches(".rs")))
        };
        let Some(room) = PURE.iter().position(|room| is_within(room)) else {
            continue;
        };
        seen[room] = true;
        found.extend(
            worldly(&text)
                .into_iter()
                .map(|(line, path)| format!("src/{name}:{line}: {path}")),
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    let missing: Vec<_> = PURE.iter().zip(seen).filter(|(_, seen)| !seen).collect();
    assert!(missing.is_empty(), "rooms without code: {missing:?}");
}

#[test]
fn a_planted_dependency_is_found_however_it_is_written() {
    for (planted, path) in [
        ("use std::fs;", "std::fs"),
        ("use std::{env, path::Path};", "std::env"),
        (
            "use std::{\n    collections::BTreeMap,\n    fs::{self, File},\n};",
            "std::fs::self",
        ),
        ("use std::time::Instant;", "std::time::Instant"),
        ("fn f() { jiff::Zoned::now(); }", "jiff::Zoned::now"),
        ("use kube;", "kube"),
        ("use crate::{helm, id};", "crate::helm"),
        ("use crate::source::fetch;", "crate::source::fetch"),
        ("use crate::apply::Lanes;", "crate::apply::Lanes"),
        (
            "async fn f() { tokio::time::sleep(t).await }",
            "tokio::time::sleep",
        ),
        (
            "#[cfg(test)]\nmod tests;\nuse std::net::IpAddr;",
            "std::net::IpAddr",
        ),
        (
            "#[cfg(test)]\nmod tests {\n    use std::env;\n}\nuse git2::Oid;",
            "git2::Oid",
        ),
    ] {
        let found = worldly(&without_tests(planted));
        assert_eq!(
            found
                .iter()
                .map(|(_, path)| path.as_str())
                .collect::<Vec<_>>()[..1],
            [path],
            "{planted}"
        );
    }
}

#[test]
fn what_only_looks_like_a_dependency_is_left_alone() {
    for harmless in [
        "use std::collections::BTreeMap;",
        "// tokio is not for here",
        "fn f(now: Timestamp) -> Timestamp { now }",
        "let text = \"the kubeconfig of kube-system\";",
        "#[cfg(test)]\nmod tests {\n    use std::fs;\n}",
        "use std::io::Read as _;",
        "use crate::{exchange::desired::Desired, source::checkout::{self, Checkout}};",
        "use crate::apply::step::Task;",
    ] {
        assert_eq!(worldly(&without_tests(harmless)), [], "{harmless}");
    }
}

#[test]
fn every_room_is_told_of() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let (architecture, library) = (read("ARCHITECTURE.md"), read("src/lib.rs"));
    let rows = architecture.lines().filter(|line| line.starts_with("| `"));
    let told: Vec<_> = rows.filter_map(|line| line.split('|').nth(1)).collect();
    let rooms = library.lines().filter_map(|line| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.strip_prefix("mod ")?.strip_suffix(';')
    });
    let untold: Vec<_> = rooms
        .filter(|room| {
            let name = format!("`{room}`");
            !told.iter().any(|rooms| rooms.contains(&name))
        })
        .collect();
    assert_eq!(untold, Vec::<&str>::new());
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
