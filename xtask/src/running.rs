//! A `natsx-sync run` that was started here.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use fleet::process::Process;
use rustix::process::Signal;

/// Killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Option<Child>,
    process: Process,
}

impl Running {
    /// What it says goes to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let process = Process::found("natsx-sync", i32::try_from(child.id())?);
        Ok(Self {
            child: Some(child),
            process: process.context("natsx-sync has ended by itself")?,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// As the kernel knows it.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Leaves it to the caller's user.
    pub(crate) fn leave(mut self) {
        self.child = None;
    }

    /// As an administrator stops it.
    pub(crate) fn stop(mut self) -> Result<()> {
        let mut child = self.child.take().context("stopped already")?;
        self.process.signal(Signal::TERM);
        let status = child.wait()?;
        ensure!(status.success(), "natsx-sync ended with {status}");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
