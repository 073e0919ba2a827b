//! Tells what happens, with the time.

use std::io::Write as _;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::interrupt::Interrupt;

pub(super) struct Story {
    began: Instant,
    interrupt: Interrupt,
}

impl Story {
    pub(super) fn begin(interrupt: Interrupt) -> Self {
        Self {
            began: Instant::now(),
            interrupt,
        }
    }

    /// What comes next, unless somebody wants it to end here.
    pub(super) fn step(&self, text: &str) -> Result<()> {
        self.interrupt.check()?;
        self.write(&format!(
            "\n[{:5.1} s] {text}\n",
            self.began.elapsed().as_secs_f32()
        ))
    }

    pub(super) fn say(&self, text: &str) -> Result<()> {
        self.write(&format!(
            "[{:5.1} s]   {text}\n",
            self.began.elapsed().as_secs_f32()
        ))
    }

    pub(super) fn show(&self, command: &str, result: &str) -> Result<()> {
        let mut lines = String::new();
        for line in result.lines() {
            lines.extend(["    ", line.trim_end(), "\n"]);
        }
        self.write(&format!("\n    $ {command}\n{lines}"))
    }

    pub(super) fn end(&self) -> Result<()> {
        self.write(&format!(
            "\ndone in {:.0} s\n",
            self.began.elapsed().as_secs_f32()
        ))
    }

    #[expect(clippy::unused_self, reason = "the story is where it is told")]
    fn write(&self, text: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .context("nobody listens")
    }
}
