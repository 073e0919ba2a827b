//! A daemon that is measured.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use fleet::process::Process;

use super::status::Status;
use crate::interrupt::Interrupt;
use crate::running::Running;

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) struct Daemon<'a> {
    running: Running,
    folder: PathBuf,
    interrupt: &'a Interrupt,
}

impl<'a> Daemon<'a> {
    /// `command` is `natsx-sync run` with its settings; the state and what it says are in `folder`.
    pub(super) fn start(
        command: &mut Command,
        folder: &Path,
        interrupt: &'a Interrupt,
    ) -> Result<Self> {
        // One line a pass, whether it found anything or not.
        let log = "warn,natsx_sync::daemon::passes=debug,kube_client=off,tower=off";
        command.env("NATSX_SYNC_LOG", log).envs(of_the_unit()?);
        Ok(Self {
            running: Running::start(command, &folder.join("run.log"))?,
            folder: folder.to_owned(),
            interrupt,
        })
    }

    /// As the kernel knows it.
    pub(super) fn process(&self) -> &Process {
        self.running.process()
    }

    pub(super) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    pub(super) fn status(&self) -> Status {
        Status::read(&self.state(), self.running.id().into())
    }

    /// How long each pass took so far.
    pub(super) fn passes(&self) -> Vec<Duration> {
        let log = self.log();
        let passes = log.lines().filter(|line| line.contains(" pass commit="));
        let seconds = passes.filter_map(|line| line.rsplit_once("seconds=")?.1.parse().ok());
        seconds.map(Duration::from_secs_f64).collect()
    }

    /// Waits for something.
    pub(super) fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            self.interrupt.check()?;
            if !self.process().is_running() || Instant::now() > deadline {
                bail!(
                    "waited in vain until {what}; natsx-sync said:\n{}",
                    self.log()
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Waits so long, or until somebody interrupts.
    pub(super) fn sleep(&self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.interrupt.check()?;
            std::thread::sleep(Duration::from_millis(100).min(end - Instant::now()));
        }
        Ok(())
    }

    pub(super) fn stop(self) -> Result<()> {
        self.running.stop()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("run.log")).unwrap_or_default()
    }
}

/// What the unit puts into the environment: it is the daemon under systemd that is measured.
pub(super) fn of_the_unit() -> Result<Vec<(String, String)>> {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/natsx-sync.service");
    let text = std::fs::read_to_string(unit)?;
    let lines = text.lines();
    let set = lines.filter_map(|line| line.strip_prefix("Environment="));
    let words = set.flat_map(str::split_whitespace);
    let pairs = words.filter_map(|word| word.split_once('='));
    let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(owned.collect())
}
