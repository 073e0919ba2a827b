//! A plan as the comment of a pull request. Everything from the repository is hostile text here: it is quoted as code, or
//! escaped.

mod escape;

use std::fmt::Write as _;

use self::escape::{code, fenced, html, marker_name, plain};
use super::terminal::{VALIDATE, count_words, counts, hidden_warnings, in_order};
use super::value::{sign, value_lines};
use super::words::{
    action_word, counted, effect_text, id_text, record_changes, registry_word, step_words,
};
use super::{Header, is_complete, safe};
use crate::diagnostic::{Diagnostic, Severity};
use crate::plan::action::{Action, Effect, Plan, PlannedExchange, ValueOp};

/// Ids named in one sentence.
const NAMED: usize = 10;
/// Columns of the blocks of changes; longer values have lines of their own.
const WIDTH: usize = 110;

/// How a comment is made.
#[derive(Debug, Clone)]
pub struct Comment {
    /// What the plan is for, so that the comment is found again.
    pub environment: String,
    /// The most bytes it may have. Below about a thousand it may need more.
    pub max_bytes: usize,
}

/// What is left out of a comment; each level leaves out what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Whole,
    NoInstallValues,
    NoValues,
    Table,
    Counts,
}

impl Level {
    const ALL: [Self; 5] = [
        Self::Whole,
        Self::NoInstallValues,
        Self::NoValues,
        Self::Table,
        Self::Counts,
    ];

    fn left_out(self) -> Option<&'static str> {
        match self {
            Self::Whole => None,
            Self::NoInstallValues => Some("the values of new exchanges"),
            Self::NoValues => Some("values"),
            Self::Table => Some("everything but the table"),
            Self::Counts => Some("everything but the counts"),
        }
    }
}

/// The comment, with as much of the plan as fits.
pub fn plan_markdown(plan: &Plan, header: &Header, comment: &Comment) -> String {
    let mut text = String::new();
    for level in Level::ALL {
        text = at_level(plan, header, comment, level);
        if text.len() <= comment.max_bytes {
            break;
        }
    }
    text
}

fn at_level(plan: &Plan, header: &Header, comment: &Comment, level: Level) -> String {
    let mut text = format!(
        "<!-- natsx-sync plan {} -->\n{}\n",
        marker_name(&comment.environment),
        headline(plan)
    );
    writeln!(text, "{}\n", basis(plan, header)).ok();
    if let Some(what) = level.left_out() {
        let most = comment.max_bytes;
        writeln!(text, "> Left out, to stay within {most} bytes: {what}. `natsx-sync plan` prints all of it, `--format json` too.\n").ok();
    }
    let (entries, hidden) = in_order(plan.exchanges.iter(), false);
    if level < Level::Counts {
        text.push_str(&warning(&entries));
        text.push_str(&table(&entries));
        for (cluster, why) in &plan.unreadable {
            let (cluster, why) = (
                code(cluster),
                format!("{}: {}", why.reason, plain(&why.text)),
            );
            writeln!(text, "- not read: {cluster} {why}").ok();
        }
        if !plan.unreadable.is_empty() {
            text.push('\n');
        }
    }
    if level < Level::Table {
        for entry in &entries {
            text.push_str(&details(entry, level));
        }
        for finding in &plan.diagnostics {
            let place = finding
                .file
                .as_deref()
                .map_or_else(String::new, |file| format!("{} ", code(file)));
            writeln!(
                text,
                "- {place}{}: {}{}",
                finding.reason,
                plain(&finding.text),
                hint_text(finding)
            )
            .ok();
        }
        if !plan.diagnostics.is_empty() {
            text.push('\n');
        }
    }
    if let Some(warnings) = hidden_warnings(&hidden) {
        writeln!(text, "{warnings}{}\n", code(VALIDATE)).ok();
    }
    text.push_str(&counts_line(plan));
    text
}

fn hint_text(finding: &Diagnostic) -> String {
    finding
        .hint
        .as_ref()
        .map_or_else(String::new, |hint| format!(". Hint: {}", copied(hint)))
}

fn headline(plan: &Plan) -> String {
    let parts: Vec<String> = counts(plan)
        .filter(|(action, count)| *count > 0 && *action != Action::None)
        .map(|(action, count)| {
            let text = count_words(action, count);
            let removes = [Action::Uninstall, Action::Deregister].contains(&action);
            if removes { format!("**{text}**") } else { text }
        })
        .collect();
    let what = if parts.is_empty() {
        "no changes".to_owned()
    } else {
        parts.join(", ")
    };
    let incomplete = if is_complete(plan) {
        ""
    } else {
        " · incomplete"
    };
    format!("### natsx-sync plan: {what}{incomplete}")
}

fn basis(plan: &Plan, header: &Header) -> String {
    let mut parts = vec![header.truth.word().to_owned()];
    parts.push(plan.commit.as_ref().map_or_else(
        || "no commit".to_owned(),
        |commit| format!("commit {}", code(commit.short())),
    ));
    if header.dirty {
        parts.push("uncommitted changes".to_owned());
    }
    if !header.against.is_empty() {
        parts.push(format!("compared with {}", plain(&header.against)));
    }
    parts.push(counted(plan.exchanges.len(), "exchange"));
    parts.join(" · ")
}

fn counts_line(plan: &Plan) -> String {
    let parts: Vec<String> = counts(plan)
        .filter(|(_, count)| *count > 0)
        .map(|(action, count)| count_words(action, count))
        .collect();
    format!("{} ({} in all)\n", parts.join(" · "), plan.exchanges.len())
}

/// Says aloud what goes.
fn warning(entries: &[&PlannedExchange]) -> String {
    let going: Vec<String> = entries
        .iter()
        .filter(|entry| entry.destructive)
        .map(|entry| format!("{} ({})", code(&id_text(entry)), going_words(entry)))
        .collect();
    if going.is_empty() {
        return String::new();
    }
    let more = match going.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named: Vec<String> = going.into_iter().take(NAMED).collect();
    format!("> [!CAUTION]\n> Taken away: {}{more}\n\n", named.join(", "))
}

fn going_words(entry: &PlannedExchange) -> String {
    let word = action_word(entry.action);
    if entry.effects.contains(&Effect::DeletesVolumes) {
        format!("{word}, volumes **deleted** with their data")
    } else {
        word.to_owned()
    }
}

fn table(entries: &[&PlannedExchange]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let mut text = "| | exchange | action | why | effect |\n|---|---|---|---|---|\n".to_owned();
    for entry in entries {
        let guard = entry.guard.as_ref().map_or_else(String::new, |guard| {
            format!("; needs {}", copied(&guard.needs))
        });
        writeln!(
            text,
            "| `{}` | {} | {} | {} ({}){guard} | {} |",
            entry.action.symbol(),
            code(&id_text(entry)).replace('|', "\\|"),
            action_word(entry.action),
            plain(&entry.text),
            entry.reason,
            plain(&effect_text(entry)),
        )
        .ok();
    }
    text.push('\n');
    text
}

/// A command can be copied; anything else is a sentence.
fn copied(text: &str) -> String {
    if text.starts_with("natsx-sync ") {
        code(text).replace('|', "\\|")
    } else {
        plain(text)
    }
}

fn details(entry: &PlannedExchange, level: Level) -> String {
    let lines = lines(entry, level);
    if lines.is_empty() {
        return String::new();
    }
    let open = if entry.destructive || entry.guard.is_some() {
        " open"
    } else {
        ""
    };
    format!(
        "<details{open}><summary>{} <code>{}</code> {}</summary>\n\n{}\n</details>\n\n",
        html(&entry.action.symbol().to_string()),
        html(&id_text(entry)),
        action_word(entry.action),
        fenced(&lines)
    )
}

/// A block of changes; the sign stands first, so that forges colour it.
fn lines(entry: &PlannedExchange, level: Level) -> Vec<String> {
    let mut lines = Vec::new();
    match (&entry.chart.old, &entry.chart.new) {
        (Some(old), Some(new)) if old != new => {
            lines.push(format!("! chart {} -> {}", safe(old), safe(new)));
        }
        (None, Some(new)) if entry.action == Action::Install => {
            lines.push(format!("+ chart {}", safe(new)));
        }
        (_, _) => {}
    }
    let shown = level < Level::NoInstallValues
        || (level < Level::NoValues && entry.action != Action::Install);
    if shown {
        for change in &entry.values {
            lines.extend(
                value_lines(change, WIDTH)
                    .into_iter()
                    .map(|line| coloured(&line, change.op)),
            );
        }
    } else if !entry.values.is_empty() {
        lines.push(format!("  {} values", entry.values.len()));
    }
    let drift = entry.drift.iter().filter(|_| shown);
    lines.extend(drift.map(|one| format!("! drift {}", safe(&one.to_string()))));
    for (label, texts) in [("subject", &entry.subjects), ("link", &entry.links)] {
        lines.extend(texts.iter().map(|text| format!("! {label} {}", safe(text))));
    }
    if let Some(change) = &entry.registry
        && let Some(word) = registry_word(change.action)
    {
        lines.push(format!("! registry: {word} record {}", change.system_id));
        for change in record_changes(entry).filter(|_| shown) {
            lines.extend(
                value_lines(change, WIDTH)
                    .into_iter()
                    .map(|line| coloured(&line, change.op)),
            );
        }
    }
    for finding in &entry.diagnostics {
        let word = match finding.severity {
            Severity::Error => "- error",
            Severity::Warning => "! warning",
            Severity::Note => "  note",
        };
        let place = super::diagnostics::place(finding, " ");
        lines.push(format!(
            "{word} {place}{}: {}",
            finding.reason,
            safe(&finding.text)
        ));
        let snippet = finding.snippet.iter().flat_map(|snippet| snippet.lines());
        if finding.severity == Severity::Error {
            lines.extend(snippet.map(|line| format!("    {}", safe(&line.replace('\t', "    ")))));
        }
        let hint = finding.hint.iter();
        lines.extend(hint.map(|hint| format!("    hint: {}", safe(hint))));
    }
    if !entry.steps.is_empty() {
        let steps: Vec<&str> = entry.steps.iter().map(|step| step_words(*step)).collect();
        lines.push(format!("  steps: {}", steps.join(", ")));
    }
    if !(lines.is_empty() || entry.file.is_empty()) {
        lines.insert(0, format!("  {}", safe(&entry.file)));
    }
    lines
}

/// `~ path` as forges colour it, and the lines of a long value without their indent.
fn coloured(line: &str, op: ValueOp) -> String {
    if let Some(rest) = line.strip_prefix("    ") {
        return rest.to_owned();
    }
    match line.strip_prefix('~') {
        Some(rest) if sign(op) == '~' => format!("!{rest}"),
        Some(_) | None => line.to_owned(),
    }
}
