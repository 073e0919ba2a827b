//! One exchange of a plan, for people.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;

use super::diagnostics::{finding_text, place};
use super::safe::{wrapped, wrapped_items};
use super::terminal::{Style, is_quiet};
use super::value::value_lines;
use super::words::{effect_text, ink, is_grave, record_changes, registry_word, step_words};
use super::{safe, words};
use crate::diagnostic::{Diagnostic, Severity};
use crate::plan::action::{Action, PlannedExchange, ValueChange};

/// Columns of a row's label.
const LABEL: usize = 15;

/// The block: what and which, why, what changes, what it does to servers and registry, and in which steps.
pub(super) fn block(entry: &PlannedExchange, style: Style) -> String {
    let mut block = Block {
        text: String::new(),
        width: style.width.max(40),
    };
    block.head(entry, style.color);
    if !is_quiet(entry) {
        block.row("why", &format!("{} ({})", safe(&entry.text), entry.reason));
        block.file(entry);
        block.chart(entry);
        block.values("values", entry.values.iter());
        for (label, lines) in [("subject", &entry.subjects), ("link", &entry.links)] {
            for line in lines {
                block.row(label, &safe(line));
            }
        }
        for difference in &entry.drift {
            block.row("drift", &safe(&difference.to_string()));
        }
        let label = if is_grave(entry) {
            "! effect"
        } else {
            "effect"
        };
        block.row(label, &effect_text(entry));
        block.registry(entry);
        if let Some(guard) = &entry.guard {
            let text = format!("{}: {}", guard.name, safe(&guard.needs));
            block.row("! guard", &text);
        }
        block.steps(entry);
    }
    for finding in &entry.diagnostics {
        block.finding(finding, style.color);
    }
    block.text
}

struct Block {
    text: String,
    width: u16,
}

impl Block {
    /// Signs beside a label.
    fn room(&self) -> usize {
        usize::from(self.width).saturating_sub(LABEL)
    }

    fn head(&mut self, entry: &PlannedExchange, color: bool) {
        let id = words::id_text(entry);
        let revision = entry
            .precondition
            .revision
            .map_or_else(String::new, |revision| format!("  rev {revision}"));
        let left = format!("{} {id}{revision}", entry.action.symbol());
        let word = words::action_word(entry.action);
        let gap = usize::from(self.width)
            .saturating_sub(left.chars().count() + word.len())
            .max(2);
        let line = format!("{left}{}{word}", " ".repeat(gap));
        let line = if color {
            line.style(ink(entry.action)).to_string()
        } else {
            line
        };
        writeln!(self.text, "{line}").ok();
    }

    /// A labelled row, broken at spaces; nothing where there is no text.
    fn row(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            let lines = wrapped(text, self.room());
            self.lines(label, lines);
        }
    }

    fn lines(&mut self, label: &str, lines: Vec<String>) {
        let indent = if label.starts_with('!') { 2 } else { 4 };
        let mut label = label;
        for line in lines {
            let start = format!("{}{label}", " ".repeat(indent));
            writeln!(self.text, "{start:LABEL$}{line}").ok();
            label = "";
        }
    }

    fn file(&mut self, entry: &PlannedExchange) {
        if entry.file.is_empty() {
            return;
        }
        let line = match entry.line {
            0 => String::new(),
            line => format!(":{line}"),
        };
        self.row("file", &format!("{}{line}", safe(&entry.file)));
    }

    fn chart(&mut self, entry: &PlannedExchange) {
        match (&entry.chart.old, &entry.chart.new) {
            (Some(old), Some(new)) if old != new => {
                self.row("chart", &format!("{} -> {}", safe(old), safe(new)));
            }
            (None, Some(new)) if entry.action == Action::Install => self.row("chart", &safe(new)),
            (_, _) => {}
        }
    }

    fn values<'a>(&mut self, label: &str, changes: impl Iterator<Item = &'a ValueChange>) {
        let width = self.room();
        let lines = changes
            .flat_map(|change| value_lines(change, width))
            .collect();
        self.lines(label, lines);
    }

    fn registry(&mut self, entry: &PlannedExchange) {
        let Some(change) = &entry.registry else {
            return;
        };
        if let Some(word) = registry_word(change.action) {
            self.row("registry", &format!("{word} record {}", change.system_id));
            self.values("", record_changes(entry));
        }
    }

    fn steps(&mut self, entry: &PlannedExchange) {
        let steps: Vec<String> = entry
            .steps
            .iter()
            .zip(1_u8..)
            .map(|(step, number)| format!("{number} {}", step_words(*step)))
            .collect();
        let lines = wrapped_items(&steps, "  ", self.room());
        self.lines("steps", lines);
    }

    /// Errors show the source line too.
    fn finding(&mut self, finding: &Diagnostic, color: bool) {
        let label = match finding.severity {
            Severity::Error => {
                let text = finding_text(finding, color, "    ", self.width);
                self.text.push_str(&text);
                return;
            }
            Severity::Warning => "! warning",
            Severity::Note => "note",
        };
        let text = format!(
            "{}{}: {}",
            place(finding, " "),
            finding.reason,
            safe(&finding.text)
        );
        self.row(label, &text);
        if let Some(hint) = &finding.hint {
            self.row("", &format!("hint: {}", safe(hint)));
        }
    }
}
