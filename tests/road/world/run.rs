//! Runs natsx-sync as a person does.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
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

/// A run that is not over. Killed when dropped.
pub(crate) struct Begun {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Begun {
    /// As bad luck does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it says this on stderr.
    pub(crate) fn until_said(&mut self, text: &str) {
        eventually(
            &format!("it says {text:?}"),
            Duration::from_secs(60),
            || {
                let said = std::fs::read_to_string(&self.err).unwrap();
                let over = self.child.try_wait().unwrap();
                assert!(over.is_none() || said.contains(text), "{over:?}: {said}");
                said.contains(text)
            },
        );
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Ran {
        let status = self.child.wait().unwrap();
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: std::fs::read_to_string(&self.out).unwrap(),
            stderr: std::fs::read_to_string(&self.err).unwrap(),
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl World {
    /// Nothing of this host's environment but what is passed.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        // `cargo xtask bench daemon` has a release build judged.
        let program = std::env::var_os("NATSX_PROGRAM");
        let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_natsx-sync").into());
        let mut command = Command::new(program);
        if !arguments.contains(&"--config") {
            command.arg("--config").arg(self.path("config.yaml"));
        }
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", "/usr/bin:/bin")
            .current_dir(self.folder.path())
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

    /// Runs beside the test.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Begun {
        let file = |name: &str| {
            let path = self.path(&format!("{}.{name}", arguments.join(".").replace('/', "-")));
            (std::fs::File::create(&path).unwrap(), path)
        };
        let ((stdout, out), (stderr, err)) = (file("stdout"), file("stderr"));
        let mut command = self.command(arguments);
        let child = command.stdout(stdout).stderr(stderr).spawn().unwrap();
        Begun { child, out, err }
    }

    /// A registry of its own, whose records do not lie in the state folder; and its address.
    pub(crate) fn serve_registry(&self) -> (Begun, String) {
        let apart = self.path("registry.yaml");
        let state = self.path("registry");
        std::fs::write(&apart, format!("state: {}\n", state.display())).unwrap();
        let apart = apart.to_string_lossy().into_owned();
        let listen = ["registry", "serve", "--listen", "127.0.0.1:0"];
        let mut served = self.begin(&[&["--config", &apart], listen.as_slice()].concat());
        served.until_said("registry at ");
        let said = std::fs::read_to_string(&served.err).unwrap();
        let address = said.split("registry at ").nth(1).unwrap().trim().to_owned();
        (served, address)
    }

    pub(crate) fn begin_apply(&self) -> Begun {
        self.begin(&["apply", "--yes", "--format", "json"])
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
