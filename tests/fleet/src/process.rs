//! Processes we started, told apart from everybody else's by id and start time.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::param::clock_ticks_per_second;
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
        let started = stat(pid).map_or(0, |stat| stat.started);
        Ok(Self {
            name: name.to_owned(),
            pid,
            started,
        })
    }

    /// A process found running, to be ended with ours.
    pub fn found(name: &str, pid: i32) -> Option<Self> {
        stat(pid).map(|stat| Self {
            name: name.to_owned(),
            pid,
            started: stat.started,
        })
    }

    /// Whether it still runs. A zombie does not.
    pub fn is_running(&self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.state != 'Z' && stat.started == self.started)
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> u64 {
        fs::read_to_string(format!("/proc/{}/statm", self.pid))
            .ok()
            .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok())
            .map_or(0, |pages| pages * 4096)
    }

    /// How many files it has open.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count)
    }

    /// Children that have ended and were not waited for.
    pub fn zombies(&self) -> BTreeSet<i32> {
        let Ok(entries) = fs::read_dir("/proc") else {
            return BTreeSet::new();
        };
        let all = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        all.filter(|pid| {
            stat(*pid).is_some_and(|stat| stat.state == 'Z' && stat.parent == self.pid)
        })
        .collect()
    }

    /// The most resident memory it had so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        number.map_or(0, |kibibytes| kibibytes * 1024)
    }

    /// Time spent on a processor so far, with that of its ended children.
    pub fn cpu(&self) -> Duration {
        let ticks: u64 = stat(self.pid)
            .filter(|stat| stat.started == self.started)
            .map_or(0, |stat| stat.ticks);
        Duration::from_secs(ticks) / u32::try_from(clock_ticks_per_second()).unwrap_or(100)
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

/// What the kernel says of a process.
struct Stat {
    state: char,
    parent: i32,
    /// Of a processor, its ended children's included.
    ticks: u64,
    /// In clock ticks after boot.
    started: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and brackets; what follows its last bracket does not.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        ticks: number(11)? + number(12)? + number(13)? + number(14)?,
        started: number(19)?,
    })
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
