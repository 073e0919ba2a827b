//! Runs natsx-sync as a person does.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::World;

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// The entry of an exchange in the result.
    pub(crate) fn entry(&self, id: &str) -> Value {
        let all = self.json();
        let entries = all["exchanges"].as_array().cloned().unwrap_or_default();
        entries
            .into_iter()
            .find(|entry| entry["id"] == id)
            .unwrap_or_else(|| panic!("no {id} in {all:#}"))
    }
}

impl World {
    /// Nothing of this host's environment but what is passed.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_natsx-sync"));
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", "/usr/bin:/bin")
            .current_dir(self.folder.path())
            .arg("--config")
            .arg(self.path("config.yaml"))
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let done = self.command(arguments).output().unwrap();
        Ran {
            code: done.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }

    pub(crate) fn plan(&self) -> Ran {
        self.run(&["plan", "--revision", "main", "--format", "json"])
    }

    pub(crate) fn apply(&self) -> Ran {
        self.run(&["apply", "--yes", "--format", "json"])
    }

    /// The records of the registry.
    pub(crate) fn records(&self) -> Vec<Value> {
        let ran = self.run(&["registry", "ls", "--format", "json"]).expect(0);
        ran.json().as_array().cloned().unwrap()
    }

    /// The record of a release, which must be the only one.
    pub(crate) fn record(&self, release: &str) -> Option<Value> {
        let all = self.records();
        let mut found = all
            .into_iter()
            .filter(|record| record["metadata"]["natsx"]["release"] == release);
        let first = found.next();
        assert!(found.next().is_none(), "{release} has two records");
        first
    }
}

/// Waits for something; says what it was when it does not come.
pub(crate) fn eventually(what: &str, time: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + time;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {time:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
