//! `natsx-sync run` beside the test.

use std::process::{Child, Stdio};
use std::time::Duration;

use super::World;
use super::run::eventually;

/// Ended when dropped.
pub(crate) struct Daemon(Child);

impl Daemon {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// As an administrator stops it; its exit code.
    pub(crate) fn stop(mut self) -> i32 {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.0.wait().unwrap().code().unwrap_or(-1)
    }

    /// As bad luck does.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl World {
    pub(crate) fn daemon(&self) -> Daemon {
        let log = std::fs::File::create(self.path("run.log")).unwrap();
        let child = self
            .command(&["run", "-v"])
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        Daemon(child)
    }

    /// Waits for a phase in the daemon's status.
    pub(crate) fn until_phase(&self, id: &str, phase: &str) {
        let mut last = String::new();
        let mut holds = || {
            let ran = self.run(&["status", "--format", "json"]);
            if ran.code != 0 {
                return false;
            }
            let status = ran.json();
            let entry = status["exchanges"]
                .as_array()
                .unwrap()
                .iter()
                .find(|entry| entry["id"] == id)
                .cloned();
            last = format!("{entry:?}");
            entry.is_some_and(|entry| entry["phase"] == phase)
        };
        let deadline = std::time::Instant::now() + Duration::from_secs(120);
        while !holds() {
            if std::time::Instant::now() > deadline {
                let log = std::fs::read_to_string(self.path("run.log")).unwrap_or_default();
                panic!("{id} is not {phase}: {last}\n{log}");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until an exchange is no longer listed.
    pub(crate) fn until_gone(&self, id: &str) {
        eventually(&format!("{id} gone"), Duration::from_secs(120), || {
            let ran = self.run(&["status", "--format", "json"]);
            ran.code == 0
                && ran.json()["exchanges"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|entry| entry["id"] != id)
        });
    }
}
