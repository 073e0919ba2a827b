//! The two streams: results on stdout, everything else on stderr.

use std::io::{IsTerminal, Write as _};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::options::Color;
use crate::diagnostic::words;
use crate::report::{UNBOUNDED, folded};

/// A result could not be written, whatever the command then says of itself.
static LOST: AtomicBool = AtomicBool::new(false);

/// Where a command speaks.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    color: bool,
    quiet: bool,
}

impl Output {
    pub(crate) fn new(color: Color, quiet: bool) -> Self {
        let wanted = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                std::io::stdout().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        Self {
            color: wanted,
            quiet,
        }
    }

    /// Whether results are coloured.
    pub fn color(&self) -> bool {
        self.color
    }

    /// Whether a person asked for less.
    pub fn quiet(&self) -> bool {
        self.quiet
    }

    /// Columns to fit into; without a bound where nobody looks at a terminal.
    pub fn width(&self) -> u16 {
        width_of(&std::io::stdout())
    }

    /// Lines to fit into, less the one the cursor stands in; none where nobody looks at a terminal.
    pub fn height(&self) -> Option<u16> {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
        let is_terminal = std::io::stdout().is_terminal();
        (is_terminal && size.ws_row > 1).then(|| size.ws_row - 1)
    }

    /// Prints a result. A reader that went away (a pager that was closed) is no error; a full disk is one, told at the
    /// end: [`lost`](Self::lost).
    pub fn result(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let newline = if text.ends_with('\n') { "" } else { "\n" };
        let written = out
            .write_all(text.as_bytes())
            .and_then(|()| out.write_all(newline.as_bytes()))
            .and_then(|()| out.flush());
        if let Err(error) = written
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            lose(&error);
        }
    }

    /// Whether a result could not be written.
    pub fn lost(&self) -> bool {
        LOST.load(Ordering::Relaxed)
    }

    /// Makes place for a result that replaces the last one, on a terminal.
    pub fn clear(&self) {
        if std::io::stdout().is_terminal() {
            // To the corner, and nothing below: what is written next replaces what was there without a flicker.
            std::io::stdout().write_all(b"\x1b[H\x1b[J").ok();
        }
    }

    /// Tells a person something, unless they asked for quiet.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            let text = fitting(text, width_of(&std::io::stderr()));
            writeln!(std::io::stderr(), "{text}").ok();
        }
    }

    /// Tells a person who looks on how far something is; nothing in a log or a pipe.
    pub fn progress(&self, text: &str) {
        if std::io::stderr().is_terminal() {
            self.say(text);
        }
    }

    /// Prints an error with what led to it.
    pub fn error(&self, error: &anyhow::Error) {
        let width = width_of(&std::io::stderr());
        let mut out = std::io::stderr().lock();
        for (nth, cause) in error.chain().enumerate() {
            let head = if nth == 0 { "error" } else { "  because" };
            let text = fitting(&format!("{head}: {}", words(cause)), width);
            writeln!(out, "{text}").ok();
        }
    }

    /// Whether a person is at the other end of both streams.
    pub fn interactive(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }
}

/// Columns of a terminal; no bound where nobody looks at one.
fn width_of<S: IsTerminal + AsFd>(stream: &S) -> u16 {
    if stream.is_terminal() {
        rustix::termios::tcgetwinsize(stream).map_or(80, |size| size.ws_col.max(60))
    } else {
        UNBOUNDED
    }
}

/// A message in a window of this width: what does not fit goes on below its first word. In a pipe it stays as it is, for
/// those who search it.
fn fitting(text: &str, width: u16) -> String {
    let lines = text.split('\n').map(|line| {
        let begins = line.len() - line.trim_start_matches(' ').len();
        let (before, said) = line.split_at_checked(begins).unwrap_or(("", line));
        let indent = format!("{before}  ");
        folded(said, before, &indent, width)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn lose(error: &std::io::Error) {
    if !LOST.swap(true, Ordering::Relaxed) {
        writeln!(
            std::io::stderr(),
            "error: the result could not be written: {error}"
        )
        .ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "error: no exchange is called \"orders\"; what there is is listed by `natsx-sync status --state DIR` of this host\n  because: nobody wrote one in exchanges/team/orders.yaml";

    #[test]
    fn a_message_fits_a_terminal_and_keeps_its_commands_and_is_one_line_in_a_pipe() {
        let told = fitting(TEXT, 60);
        assert!(
            told.lines().all(|line| line.chars().count() <= 60),
            "{told}"
        );
        assert!(told.lines().count() == 3, "{told}");
        for whole in [
            "`natsx-sync status --state DIR`",
            "\n  because: nobody",
            "exchanges/team/orders.yaml",
        ] {
            assert!(told.contains(whole), "{told}");
        }
        assert_eq!(fitting(TEXT, UNBOUNDED), TEXT);
    }
}
