//! A plan for people. Symbols carry the meaning; colour only repeats it.

use std::fmt::Write as _;

use super::block::block;
use super::diagnostics::finding_text;
use super::safe::{folded, wrapped};
use super::words::counted;
use super::{Header, is_complete, safe, summary};
use crate::diagnostic::{Diagnostic, Severity};
use crate::plan::action::{Action, Effect, Plan, PlannedExchange};
use crate::reason::Reason;

/// What shows every warning of the files.
pub(super) const VALIDATE: &str = "natsx-sync validate";

/// How a plan is shown.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// With colours.
    pub color: bool,
    /// Columns.
    pub width: u16,
    /// Unchanged exchanges too.
    pub unchanged: bool,
    /// The summary alone.
    pub quiet: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            color: false,
            width: 80,
            unchanged: false,
            quiet: false,
        }
    }
}

/// The whole plan. The same plan always gives the same text.
pub fn plan_text(plan: &Plan, header: &Header, style: Style) -> String {
    let all: Vec<_> = plan.exchanges.iter().collect();
    news_text(plan, &all, header, style)
}

/// A plan of whose exchanges only the `news` are shown; the last line counts all.
pub fn news_text(plan: &Plan, news: &[&PlannedExchange], header: &Header, style: Style) -> String {
    let mut text = String::new();
    if !style.quiet {
        writeln!(text, "{}", title(plan, header, style.width)).ok();
        let (entries, hidden) = in_order(news.iter().copied(), style.unchanged);
        for entry in entries {
            text.push('\n');
            text.push_str(&block(entry, style));
        }
        for (cluster, why) in &plan.unreadable {
            let line = format!("? {}  {}: {}", safe(cluster), why.reason, safe(&why.text));
            writeln!(text, "\n{}", folded(&line, "", "  ", style.width)).ok();
        }
        if !plan.diagnostics.is_empty() {
            text.push('\n');
        }
        for finding in &plan.diagnostics {
            text.push_str(&finding_text(finding, style.color, "", style.width));
        }
        if let Some(warnings) = hidden_warnings(&hidden) {
            writeln!(text, "\n{warnings}{VALIDATE}").ok();
        }
        text.push('\n');
    }
    text.push_str(&summary_line(plan));
    text
}

/// The last line: always the same shape, so that it can be searched for.
pub fn summary_line(plan: &Plan) -> String {
    let parts: Vec<String> = counts(plan)
        .filter(|(action, count)| *count > 0 || is_always_counted(*action))
        .map(|(action, count)| count_words(action, count))
        .collect();
    let total = plan.exchanges.len();
    let mut line = format!("Plan: {} ({total} in all).\n", parts.join(", "));
    if !is_complete(plan) {
        line.push_str("The plan is INCOMPLETE: not everything could be read.\n");
    }
    line
}

/// How many entries have each action, in the order of the summary.
pub(super) fn counts(plan: &Plan) -> impl Iterator<Item = (Action, usize)> {
    let counts = summary(plan);
    Action::ALL.into_iter().map(move |action| {
        let count = counts.get(action.word()).copied().unwrap_or_default();
        (action, count)
    })
}

/// `2 to install`.
pub(super) fn count_words(action: Action, count: usize) -> String {
    match action {
        Action::None => format!("{count} unchanged"),
        Action::Blocked => format!("{count} blocked"),
        Action::Conflict => format!("{count} in conflict"),
        Action::Unreadable => format!("{count} unreadable"),
        Action::Install
        | Action::Upgrade
        | Action::Uninstall
        | Action::Adopt
        | Action::Repair
        | Action::Register
        | Action::Deregister => format!("{count} to {}", action.word()),
    }
}

fn is_always_counted(action: Action) -> bool {
    action == Action::Install
        || action == Action::Upgrade
        || action == Action::Uninstall
        || action == Action::None
}

fn title(plan: &Plan, header: &Header, width: u16) -> String {
    let commit = plan
        .commit
        .as_ref()
        .map_or("no commit", |commit| commit.short());
    let dirty = if header.dirty {
        ", uncommitted changes"
    } else {
        ""
    };
    let against = match header.against.as_str() {
        "" => String::new(),
        text => {
            let text = format!("compared with {}", safe(text));
            format!("\n{}", wrapped(&text, usize::from(width)).join("\n"))
        }
    };
    let count = counted(plan.exchanges.len(), "exchange");
    format!(
        "natsx-sync plan ({})  {commit}{dirty}  {count}{against}",
        header.truth.word()
    )
}

/// The entries that are shown, what takes away first, and those that are not.
pub(super) fn in_order<'p>(
    exchanges: impl Iterator<Item = &'p PlannedExchange>,
    unchanged: bool,
) -> (Vec<&'p PlannedExchange>, Vec<&'p PlannedExchange>) {
    let (mut shown, hidden): (Vec<_>, Vec<_>) =
        exchanges.partition(|entry| unchanged || !is_quiet(entry));
    // The sort is stable: within a rank the order is that of the ids.
    shown.sort_by_key(|entry| rank(entry));
    (shown, hidden)
}

/// Nothing is done about it, and nothing is to be said.
pub(crate) fn is_quiet(entry: &PlannedExchange) -> bool {
    entry.action == Action::None
        && entry.reason == Reason::UpToDate
        && !entry.diagnostics.iter().any(is_seen)
}

/// Found by looking at cluster and registry: no other command shows it.
fn is_seen(finding: &Diagnostic) -> bool {
    matches!(
        finding.reason,
        Reason::SecretMissing | Reason::RecordOrphaned | Reason::DriftUnknown
    )
}

/// Warnings nobody caused now are counted, not repeated in every plan: how many, and what shows them.
pub(super) fn hidden_warnings(hidden: &[&PlannedExchange]) -> Option<String> {
    let count = hidden
        .iter()
        .flat_map(|entry| &entry.diagnostics)
        .filter(|finding| finding.severity == Severity::Warning)
        .count();
    (count > 0).then(|| format!("{} in unchanged exchanges: ", counted(count, "warning")))
}

/// What takes away comes first, then what is held, then what restarts, then the rest.
fn rank(entry: &PlannedExchange) -> u8 {
    let restarts = [
        Effect::RestartsPods,
        Effect::ScalesDown,
        Effect::RecreatesStatefulset,
    ];
    if entry.destructive || entry.guard.is_some() {
        0
    } else if !entry.action.is_change() && entry.action != Action::None {
        1
    } else if entry.effects.iter().any(|effect| restarts.contains(effect)) {
        2
    } else if entry.action == Action::None {
        4
    } else {
        3
    }
}
