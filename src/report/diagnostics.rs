//! Findings, for people and for programs.

use std::fmt::Write as _;

use owo_colors::{OwoColorize as _, Style as Ink};
use serde_json::json;

use super::safe::{folded, json_text};
use super::{FORMAT_VERSION, safe};
use crate::diagnostic::{Diagnostic, Severity};
use crate::mask::masked_findings;

/// Findings as `validate --format json` gives them.
pub fn diagnostics_json(findings: &[Diagnostic]) -> String {
    let document =
        json!({"format_version": FORMAT_VERSION, "diagnostics": masked_findings(findings)});
    json_text(&document).unwrap_or_default()
}

/// Findings for people: place, severity, reason, sentence, source line, hint. In lines of at most `width` signs; without a
/// bound each part is one line, which can be searched.
pub fn diagnostics_text(findings: &[Diagnostic], color: bool, width: u16) -> String {
    masked_findings(findings)
        .iter()
        .map(|finding| finding_text(finding, color, "", width))
        .collect()
}

/// One finding, indented, in lines of at most `width` signs.
pub(super) fn finding_text(finding: &Diagnostic, color: bool, indent: &str, width: u16) -> String {
    let mut text = String::new();
    let (word, ink) = match finding.severity {
        Severity::Error => ("error", Ink::new().red().bold()),
        Severity::Warning => ("warning", Ink::new().yellow().bold()),
        Severity::Note => ("note", Ink::new().cyan()),
    };
    let word = if color {
        word.style(ink).to_string()
    } else {
        word.to_owned()
    };
    let place = place(finding, ": ");
    let said = format!("{place}{word} {}: {}", finding.reason, safe(&finding.text));
    text.push_str(&paragraph(&said, indent, width));
    for line in finding.snippet.iter().flat_map(|snippet| snippet.lines()) {
        writeln!(text, "{indent}    {}", safe(&line.replace('\t', "    "))).ok();
    }
    if let Some(hint) = &finding.hint {
        let indent = format!("{indent}    ");
        text.push_str(&paragraph(&format!("hint: {}", safe(hint)), &indent, width));
    }
    text
}

/// Indented; from the second line on a little more.
fn paragraph(said: &str, indent: &str, width: u16) -> String {
    let below = format!("{indent}  ");
    folded(said, indent, &below, width) + "\n"
}

/// `file:line:col`, as editors and compilers write it, and `after`; nothing where there is no file.
pub fn place(finding: &Diagnostic, after: &str) -> String {
    let Some(file) = &finding.file else {
        return String::new();
    };
    let mut place = safe(file);
    for number in [finding.line, finding.column].into_iter().flatten() {
        write!(place, ":{number}").ok();
    }
    place.push_str(after);
    place
}
