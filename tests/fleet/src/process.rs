//! Processes we started, told apart from everybody else's by id and start time.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// A process of ours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Process {
    /// What it is.
    pub name: String,
    /// Its id.
    pub pid: i32,
    /// In clock ticks after boot: an id alone may have been given to somebody else since.
    pub started: u64,
}

impl Process {
    /// Starts it in a group of its own, output to `log`, so that it outlives us.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let output =
            File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let pid = i32::try_from(child.id())?;
        let started = stat(pid).map_or(0, |(_, started)| started);
        Ok(Self {
            name: name.to_owned(),
            pid,
            started,
        })
    }

    /// A process found running, to be ended with ours.
    pub fn found(name: &str, pid: i32) -> Option<Self> {
        stat(pid).map(|(_, started)| Self {
            name: name.to_owned(),
            pid,
            started,
        })
    }

    /// Whether it still runs. A zombie does not.
    pub fn is_running(&self) -> bool {
        stat(self.pid).is_some_and(|(state, started)| state != 'Z' && started == self.started)
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> u64 {
        fs::read_to_string(format!("/proc/{}/statm", self.pid))
            .ok()
            .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok())
            .map_or(0, |pages| pages * 4096)
    }

    /// Sends a signal, if it is still the same process.
    pub fn signal(&self, signal: Signal) {
        if self.is_running()
            && let Some(pid) = Pid::from_raw(self.pid)
        {
            kill_process(pid, signal).ok();
        }
    }

    /// Ends it: asked first, killed after `grace`.
    pub fn end(&self, grace: Duration) {
        self.signal(Signal::TERM);
        if !self.ended_within(grace) {
            self.signal(Signal::KILL);
            self.ended_within(Duration::from_secs(5));
        }
        // Children of this very run would stay zombies otherwise.
        if let Some(pid) = Pid::from_raw(self.pid) {
            rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG).ok();
        }
    }

    fn ended_within(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while self.is_running() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }
}

/// State and start time of a process.
fn stat(pid: i32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and brackets; what follows its last bracket does not.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// Runs a program to its end and gives its output, or its error text.
pub fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&done.stderr);
    let args: Vec<_> = command
        .get_args()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    anyhow::bail!(
        "{program} {} failed ({}):\n{}",
        args.join(" "),
        done.status,
        text.trim_end()
    )
}
