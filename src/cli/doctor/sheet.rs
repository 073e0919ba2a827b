//! What `doctor` says of each thing it looked at.

use std::fmt::Write as _;

use crate::cli::Output;

/// What was found, a line each.
#[derive(Default)]
pub(super) struct Sheet {
    text: String,
    bad: usize,
    untried: usize,
    below: String,
}

impl Sheet {
    pub(super) fn good(&mut self, what: &str, text: &str) {
        writeln!(self.text, "ok    {what}: {text}").ok();
    }

    pub(super) fn note(&mut self, what: &str, text: &str) {
        writeln!(self.text, "note  {what}: {text}").ok();
    }

    pub(super) fn bad(&mut self, what: &str, text: &str, advice: &str) {
        self.bad += 1;
        writeln!(
            self.text,
            "BAD   {what}: {}\n      {advice}",
            text.replace('\n', "\n      ")
        )
        .ok();
    }

    pub(super) fn untried(&mut self, what: &str, text: &str, advice: &str) {
        self.untried += 1;
        writeln!(self.text, "?     {what}: {text}\n      {advice}").ok();
    }

    /// What is to be copied as it stands: it ends the output.
    pub(super) fn print_below(&mut self, text: &str) {
        self.below.push_str(text);
    }

    pub(super) fn finish(mut self, output: &Output) -> u8 {
        let end = match (self.bad, self.untried) {
            (0, 0) => "everything is there".to_owned(),
            (0, untried) => format!("all that was tried is there; {untried} not tried"),
            (bad, _) => format!("{bad} to mend"),
        };
        writeln!(self.text, "{end}").ok();
        self.text.push_str(&self.below);
        output.result(&self.text);
        u8::from(self.bad > 0)
    }
}
