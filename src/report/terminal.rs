//! A plan for people. Symbols carry the meaning; colour only repeats it.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;

use super::diagnostics::finding_text;
use super::safe::wrapped;
use super::words::{effect_words, ink, layer_words, step_words};
use super::{Header, is_complete, safe, shown_value, summary};
use crate::plan::action::{
    Action, Effect, Plan, PlannedExchange, RegistryAction, ValueChange, ValueOp,
};
use crate::reason::Reason;

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

/// Columns of a row's label.
const LABEL: usize = 15;

/// The whole plan. The same plan always gives the same text.
pub fn plan_text(plan: &Plan, header: &Header, style: Style) -> String {
    let mut text = String::new();
    if !style.quiet {
        writeln!(text, "{}", title(plan, header, style.width)).ok();
        let mut entries: Vec<&PlannedExchange> = plan
            .exchanges
            .iter()
            .filter(|entry| style.unchanged || !is_quiet(entry))
            .collect();
        entries.sort_by_key(|entry| rank(entry));
        for entry in entries {
            text.push('\n');
            text.push_str(&block(entry, style));
        }
        for (cluster, why) in &plan.unreadable {
            writeln!(
                text,
                "\n? {}  {}: {}",
                safe(cluster),
                why.reason,
                safe(&why.text)
            )
            .ok();
        }
        if !plan.diagnostics.is_empty() {
            text.push('\n');
        }
        for finding in &plan.diagnostics {
            text.push_str(&finding_text(finding, style.color, ""));
        }
        text.push('\n');
    }
    text.push_str(&summary_line(plan));
    text
}

/// The last line: always the same shape, so that it can be searched for.
pub fn summary_line(plan: &Plan) -> String {
    let counts = summary(plan);
    let parts: Vec<String> = Action::ALL
        .iter()
        .map(|action| {
            (
                action,
                counts.get(action.word()).copied().unwrap_or_default(),
            )
        })
        .filter(|(action, count)| *count > 0 || is_always_counted(**action))
        .map(|(action, count)| match action {
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
        })
        .collect();
    let total = plan.exchanges.len();
    let mut line = format!("Plan: {} ({total} in all).\n", parts.join(", "));
    if !is_complete(plan) {
        line.push_str("The plan is INCOMPLETE: not everything could be read.\n");
    }
    line
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
    let count = plan.exchanges.len();
    format!(
        "natsx-sync plan ({})  {commit}{dirty}  {count} exchanges{against}",
        header.truth.word()
    )
}

fn is_quiet(entry: &PlannedExchange) -> bool {
    entry.action == Action::None && entry.reason == Reason::UpToDate && entry.diagnostics.is_empty()
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

fn block(entry: &PlannedExchange, style: Style) -> String {
    let mut block = Block {
        text: String::new(),
        width: usize::from(style.width.max(40)),
    };
    block.head(entry, style.color);
    block.row("why", &format!("{} ({})", safe(&entry.text), entry.reason));
    if !entry.file.is_empty() {
        let line = if entry.line > 0 {
            format!(":{}", entry.line)
        } else {
            String::new()
        };
        block.row("file", &format!("{}{line}", safe(&entry.file)));
    }
    block.chart(entry);
    for change in &entry.values {
        block.value(change);
    }
    block.access(entry);
    block.effects(entry);
    block.registry(entry);
    if let Some(guard) = &entry.guard {
        block.row(
            "! guard",
            &format!("{}: {}", guard.name, safe(&guard.needs)),
        );
    }
    let steps: Vec<String> = entry
        .steps
        .iter()
        .zip(1_u8..)
        .map(|(step, number)| format!("{number} {}", step_words(*step)))
        .collect();
    if !steps.is_empty() {
        block.row("steps", &steps.join("  "));
    }
    for finding in &entry.diagnostics {
        block
            .text
            .push_str(&finding_text(finding, style.color, "    "));
    }
    block.text
}

struct Block {
    text: String,
    width: usize,
}

impl Block {
    fn head(&mut self, entry: &PlannedExchange, color: bool) {
        let id = entry
            .id
            .as_ref()
            .map_or_else(|| safe(&entry.file), ToString::to_string);
        let revision = entry
            .precondition
            .revision
            .map_or_else(String::new, |revision| format!("  rev {revision}"));
        let left = format!("{} {id}{revision}", entry.action.symbol());
        let word = entry.action.word();
        let gap = self
            .width
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

    fn row(&mut self, label: &str, text: &str) {
        let indent = if label.starts_with('!') { 2 } else { 4 };
        let lines = wrapped(text, self.width.saturating_sub(LABEL));
        for (line, label) in lines
            .iter()
            .zip(std::iter::once(label).chain(std::iter::repeat("")))
        {
            let start = format!("{}{label}", " ".repeat(indent));
            writeln!(self.text, "{start:LABEL$}{line}").ok();
        }
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

    fn value(&mut self, change: &ValueChange) {
        let path: Vec<String> = change
            .path
            .iter()
            .map(|key| {
                if key.contains('.') {
                    format!("[{}]", safe(key))
                } else {
                    safe(key)
                }
            })
            .collect();
        let symbol = match change.op {
            ValueOp::Add => '+',
            ValueOp::Replace => '~',
            ValueOp::Remove => '-',
        };
        let layer = change
            .layer
            .as_ref()
            .map_or_else(String::new, |layer| format!("  ({})", layer_words(layer)));
        self.row(
            "value",
            &format!("{symbol} {}  {}{layer}", path.join("."), sides(change)),
        );
    }

    /// Who may do what and which servers are linked from then on.
    fn access(&mut self, entry: &PlannedExchange) {
        for (label, lines) in [("subject", &entry.subjects), ("link", &entry.links)] {
            for line in lines {
                self.row(label, &safe(line));
            }
        }
    }

    fn effects(&mut self, entry: &PlannedExchange) {
        let words: Vec<&str> = entry
            .effects
            .iter()
            .map(|effect| effect_words(*effect))
            .collect();
        if !words.is_empty() {
            self.row("! effect", &words.join(", "));
        }
    }

    fn registry(&mut self, entry: &PlannedExchange) {
        let Some(change) = &entry.registry else {
            return;
        };
        let word = match change.action {
            RegistryAction::Create => "create",
            RegistryAction::Update => "update",
            RegistryAction::Delete => "delete",
            RegistryAction::None => return,
        };
        self.row("registry", &format!("{word} record {}", change.system_id));
        for field in &change.changes {
            self.row("", &safe(field));
        }
    }
}

fn sides(change: &ValueChange) -> String {
    if change.sensitive {
        return match change.op {
            ValueOp::Add => "(sensitive)".to_owned(),
            ValueOp::Replace => "(sensitive) -> (sensitive), changed".to_owned(),
            ValueOp::Remove => "(sensitive) -> back to the chart's default".to_owned(),
        };
    }
    let shown = |value: Option<&serde_json::Value>| {
        value.map_or_else(String::new, |value| shown_value(&change.path, value))
    };
    let (old, new) = (shown(change.old.as_ref()), shown(change.new.as_ref()));
    match change.op {
        ValueOp::Add => new,
        ValueOp::Replace => format!("{old} -> {new}"),
        ValueOp::Remove => format!("{old} -> back to the chart's default"),
    }
}
