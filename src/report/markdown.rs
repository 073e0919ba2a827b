//! A plan as the comment of a pull request. Everything from the repository is hostile text here: it is quoted as code, or
//! escaped.

mod escape;

use std::fmt::Write as _;

use self::escape::{code, fenced, html, marker_name, plain};
use super::terminal::{hidden_warnings, in_order};
use super::value::{sign, value_lines};
use super::words::{effect_words, id_text, registry_word, step_words};
use super::{Header, is_complete, safe, summary};
use crate::diagnostic::Severity;
use crate::plan::action::{Action, Plan, PlannedExchange, ValueOp};

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
    let (entries, hidden) = in_order(plan, false);
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
                "- {place}{}: {}",
                finding.reason,
                plain(&finding.text)
            )
            .ok();
        }
    }
    text.push_str(&hidden_warnings(&hidden));
    text.push('\n');
    text.push_str(&counts_line(plan));
    text
}

fn headline(plan: &Plan) -> String {
    let counts = summary(plan);
    let parts: Vec<String> = Action::ALL
        .iter()
        .filter(|action| **action != Action::None)
        .filter_map(|action| {
            let count = counts.get(action.word()).filter(|count| **count > 0)?;
            let text = format!("{count} {}", action.word());
            let removes = [Action::Uninstall, Action::Deregister].contains(action);
            Some(if removes { format!("**{text}**") } else { text })
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
    parts.push(format!("{} exchanges", plan.exchanges.len()));
    parts.join(" · ")
}

fn counts_line(plan: &Plan) -> String {
    let counts: Vec<String> = summary(plan)
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| match word {
            "none" => format!("{count} unchanged"),
            word => format!("{count} {word}"),
        })
        .collect();
    format!("{} ({} in all)\n", counts.join(" · "), plan.exchanges.len())
}

/// Says aloud what goes.
fn warning(entries: &[&PlannedExchange]) -> String {
    let going: Vec<String> = entries
        .iter()
        .filter(|entry| entry.destructive)
        .map(|entry| code(&id_text(entry)))
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

fn table(entries: &[&PlannedExchange]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let mut text = "| | exchange | action | why | effect |\n|---|---|---|---|---|\n".to_owned();
    for entry in entries {
        let guard = entry.guard.as_ref().map_or_else(String::new, |guard| {
            format!("; needs {}", code(&guard.needs))
        });
        writeln!(
            text,
            "| `{}` | {} | {} | {} {}{} | {} |",
            entry.action.symbol(),
            code(&id_text(entry)).replace('|', "\\|"),
            entry.action.word(),
            entry.reason,
            plain(&entry.text),
            guard.replace('|', "\\|"),
            effect_words(entry).join(", "),
        )
        .ok();
    }
    text.push('\n');
    text
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
        entry.action.word(),
        fenced(&lines)
    )
}

/// A block of changes; the sign stands first, so that forges colour it.
fn lines(entry: &PlannedExchange, level: Level) -> Vec<String> {
    let mut lines = Vec::new();
    if !entry.file.is_empty() {
        lines.push(format!("  {}", safe(&entry.file)));
    }
    if let (Some(old), Some(new)) = (&entry.chart.old, &entry.chart.new)
        && old != new
    {
        lines.push(format!("! chart {} -> {}", safe(old), safe(new)));
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
    for (label, texts) in [("subject", &entry.subjects), ("link", &entry.links)] {
        lines.extend(texts.iter().map(|text| format!("! {label} {}", safe(text))));
    }
    if let Some(change) = &entry.registry
        && let Some(word) = registry_word(change.action)
    {
        lines.push(format!("! registry: {word} record {}", change.system_id));
        for change in change.changes.iter().filter(|_| shown) {
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
    }
    if !entry.steps.is_empty() {
        let steps: Vec<&str> = entry.steps.iter().map(|step| step_words(*step)).collect();
        lines.push(format!("  steps: {}", steps.join(", ")));
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
