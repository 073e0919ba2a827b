//! A change of one value, in lines.

use std::fmt::Write as _;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::safe;
use super::words::layer_words;
use crate::exchange::chart_default;
use crate::exchange::desired::Layer;
use crate::plan::action::{ValueChange, ValueOp};

/// Longer texts are shown by their ends.
const LONGEST: usize = 160;
/// Lines of one value that are shown.
const MOST: usize = 24;
/// Lines around a change within a long value.
const CONTEXT: usize = 3;

/// The lines of a change: what and where first; more lines where it does not fit `width`, or is a text of several
/// lines or a structure.
pub(super) fn value_lines(change: &ValueChange, width: usize) -> Vec<String> {
    let head = format!("{} {}", sign(change.op), path_text(&change.path));
    let layer = layer_text(change);
    let side = |value: Option<&Value>, absent: ValueOp| match value {
        Some(value) => Some(shown(value, change)),
        // Left out of what was seen.
        None => (change.sensitive && change.op != absent).then(|| "(sensitive)".to_owned()),
    };
    let old = side(change.old.as_ref(), ValueOp::Add);
    let new = side(change.new.as_ref(), ValueOp::Remove);
    let after = match (&new, change.op) {
        (Some(new), ValueOp::Add | ValueOp::Replace) => {
            format!("{new}{}{layer}", remark(change))
        }
        (Some(_) | None, _) => back_to_default(&change.path),
    };
    let line = match &old {
        Some(old) => format!("{head}  {old} -> {after}"),
        None => format!("{head}  {after}"),
    };
    let is_structure = [&change.old, &change.new]
        .into_iter()
        .flatten()
        .any(is_text_of_lines);
    if !is_structure && line.chars().count() <= width {
        return vec![line];
    }
    if is_structure
        || [&change.old, &change.new]
            .into_iter()
            .flatten()
            .any(is_tree)
    {
        return long_lines(change, &head, &layer, width);
    }
    let mut lines = vec![head];
    if let Some(old) = &old {
        lines.extend(folded("    - ", old, width));
    }
    let start = match (&new, change.op) {
        (Some(_), ValueOp::Add | ValueOp::Replace) => "    + ",
        (_, _) => "    -> ",
    };
    lines.extend(folded(start, &after, width));
    lines
}

/// Breaks what is longer than `width`, at a space where one is in the second half of a line, else anywhere; what follows
/// is indented as far as `start`.
fn folded(start: &str, text: &str, width: usize) -> Vec<String> {
    let indent = " ".repeat(start.chars().count());
    let room = width.saturating_sub(indent.len()).max(20);
    let mut lines = Vec::new();
    let mut rest = text;
    loop {
        let start = if lines.is_empty() { start } else { &indent };
        let Some((end, _)) = rest.char_indices().nth(room) else {
            lines.push(format!("{start}{rest}"));
            return lines;
        };
        let (line, _) = rest.split_at_checked(end).unwrap_or((rest, ""));
        // The space stays at the end of its line: these are texts that may be compared sign by sign.
        let space = line.rfind(' ').map(|at| at.saturating_add(1));
        let at = space.filter(|at| at.saturating_mul(2) > end).unwrap_or(end);
        let (line, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        lines.push(format!("{start}{line}"));
        rest = after;
    }
}

/// `config.cluster.replicas`; a key with a dot in it stands in brackets.
pub(super) fn path_text(path: &[String]) -> String {
    let mut text = String::new();
    for key in path {
        let key = safe(key);
        if key.contains('.') || key.is_empty() {
            write!(text, "[{key}]").ok();
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&key);
        }
    }
    text
}

/// How a value changes, as one character.
pub(super) fn sign(op: ValueOp) -> char {
    match op {
        ValueOp::Add => '+',
        ValueOp::Replace => '~',
        ValueOp::Remove => '-',
    }
}

/// A value in one line.
fn shown(value: &Value, change: &ValueChange) -> String {
    match value {
        // Nobody writes the sign for a secret by hand where there is none.
        Value::String(text) if change.sensitive && text.starts_with("(sensitive") => safe(text),
        Value::String(text) if text.chars().count() > LONGEST => {
            let count = text.chars().count();
            let start: String = text.chars().take(LONGEST / 2).collect();
            let end: String = text.chars().skip(count - LONGEST / 8).collect();
            format!(
                "{} … {} ({count} characters)",
                safe(&Value::from(start).to_string()),
                safe(&Value::from(end).to_string())
            )
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => safe(&value.to_string()),
    }
}

fn layer_text(change: &ValueChange) -> String {
    match &change.layer {
        // Where nothing is said, the exchange's own file sets it.
        None | Some(Layer::Exchange) => String::new(),
        Some(layer) => format!("  ({})", layer_words(layer)),
    }
}

fn remark(change: &ValueChange) -> String {
    let kinds = [&change.old, &change.new].map(|value| value.as_ref().and_then(kind));
    match (kinds, &change.new) {
        ([Some(old), Some(new)], _) if old != new => format!(" ({old}, now {new})"),
        (_, Some(Value::Null)) => " (takes the chart's default away)".to_owned(),
        (_, _) => String::new(),
    }
}

fn kind(value: &Value) -> Option<&'static str> {
    match value {
        Value::Bool(_) => Some("a boolean"),
        Value::Number(_) => Some("a number"),
        Value::String(_) => Some("a text"),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn back_to_default(path: &[String]) -> String {
    if path.first().is_some_and(|key| key == "metadata") {
        return "removed".to_owned();
    }
    match chart_default(path) {
        Some(default) => format!("back to chart default {default}"),
        None => "back to chart default".to_owned(),
    }
}

fn is_text_of_lines(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.trim_end().contains('\n'))
}

fn is_tree(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

/// A value as lines: texts as they are, structures indented.
fn document(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => format!("{}\n", text.trim_end()),
        Some(value) => format!(
            "{}\n",
            serde_json::to_string_pretty(value).unwrap_or_default()
        ),
    }
}

fn long_lines(change: &ValueChange, head: &str, layer: &str, width: usize) -> Vec<String> {
    let (old, new) = (document(change.old.as_ref()), document(change.new.as_ref()));
    let diff = TextDiff::from_lines(&old, &new);
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if number > 0 {
            lines.push("    …".to_owned());
        }
        for part in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match part.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let line: String = part.value().trim_end_matches('\n').to_owned();
            lines.extend(folded(&format!("    {sign} "), &cut(&safe(&line)), width));
        }
    }
    if lines.len() > MOST {
        let more = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(format!("    … {more} more lines"));
    }
    let head = match change.op {
        ValueOp::Remove => format!("{head}  {}", back_to_default(&change.path)),
        ValueOp::Add | ValueOp::Replace => format!("{head}{layer}"),
    };
    lines.insert(0, head);
    lines
}

fn cut(line: &str) -> String {
    let count = line.chars().count();
    if count <= LONGEST {
        return line.to_owned();
    }
    let start: String = line.chars().take(LONGEST).collect();
    format!("{start}… ({count} characters)")
}
