//! Ctrl-C and SIGTERM: what runs is asked to end, and the fleet is taken down before the command ends.

use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use fleet::process::Process;
use rustix::process::Signal;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Somebody asked the command to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted; what it had started was ended")
    }
}

impl std::error::Error for Interrupted {}

/// Remembers that somebody wants the command to end. Without it a signal would end it and leave the fleet running.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on the two signals are only remembered.
    pub(crate) fn watch() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    /// Goes on only if nobody asked to end.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Interrupted.into());
        }
        Ok(())
    }

    /// Waits for a child. A terminal sends its signal to the child as well, `kill` does not: it is passed on.
    pub(crate) fn wait(&self, child: &mut Child) -> Result<ExitStatus> {
        let mut asked = false;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if !asked && self.check().is_err() {
                asked = true;
                if let Some(process) = Process::found("child", i32::try_from(child.id())?) {
                    process.signal(Signal::TERM);
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
