//! Findings, for people and for programs.

use std::fmt::Write as _;

use owo_colors::{OwoColorize as _, Style as Ink};
use serde_json::json;

use super::{FORMAT_VERSION, safe};
use crate::diagnostic::{Diagnostic, Severity};

/// Findings as `validate --format json` gives them.
pub fn diagnostics_json(findings: &[Diagnostic]) -> String {
    let document = json!({"format_version": FORMAT_VERSION, "diagnostics": findings});
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// Findings for a terminal: place, severity, reason, sentence, source line, hint.
pub fn diagnostics_text(findings: &[Diagnostic], color: bool) -> String {
    findings
        .iter()
        .map(|finding| finding_text(finding, color, ""))
        .collect()
}

/// One finding, indented.
pub(super) fn finding_text(finding: &Diagnostic, color: bool, indent: &str) -> String {
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
    let place = place(finding);
    writeln!(
        text,
        "{indent}{place}{word} {}: {}",
        finding.reason,
        safe(&finding.text)
    )
    .ok();
    for line in finding.snippet.iter().flat_map(|snippet| snippet.lines()) {
        writeln!(text, "{indent}    {}", safe(&line.replace('\t', "    "))).ok();
    }
    if let Some(hint) = &finding.hint {
        writeln!(text, "{indent}    hint: {}", safe(hint)).ok();
    }
    text
}

/// `file:line:col: `, as editors and compilers write it.
fn place(finding: &Diagnostic) -> String {
    let Some(file) = &finding.file else {
        return String::new();
    };
    let mut place = safe(file);
    for number in [finding.line, finding.column].into_iter().flatten() {
        write!(place, ":{number}").ok();
    }
    place.push_str(": ");
    place
}
