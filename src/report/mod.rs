//! One model, several faces: a plan and findings as text for people and as JSON for programs. Nothing is printed here.

mod block;
pub mod diagnostics;
pub mod exit;
mod forge;
pub mod json;
pub mod markdown;
mod safe;
mod table;
pub mod terminal;
mod value;
mod width;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::mask::masked_value;
use crate::plan::action::{Action, Plan};
use crate::reason::Reason;

pub use diagnostics::{diagnostics_json, diagnostics_text, place};
pub use exit::{Category, STALE, code_of, exit_code};
pub use forge::{diagnostics_github, diagnostics_sarif};
pub use json::plan_json;
pub use markdown::{Comment, plan_markdown};
pub use safe::{folded, hanging, json_text, safe, wrapped, wrapped_items};
pub use table::{below, table};
pub(crate) use terminal::is_quiet;
pub use terminal::{Style, news_text, plan_text};
pub use width::{FITTING, UNBOUNDED, room, widest};
pub(crate) use words::counted;

/// Version of every machine form.
pub const FORMAT_VERSION: &str = "1.0";

/// What a plan rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// Git alone.
    Offline,
    /// A picture of the world, exported earlier.
    Snapshot,
    /// Clusters and registry, just now.
    #[default]
    Live,
}

impl Truth {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Snapshot => "snapshot",
            Self::Live => "live",
        }
    }
}

/// What stands above a plan.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// What it rests on.
    pub truth: Truth,
    /// The repository, fit for display.
    pub repository: String,
    /// The commit it was compared with, offline; none = with nothing.
    pub base: Option<String>,
    /// What it was compared with and why, as the end of a sentence; empty where that is clear.
    pub against: String,
    /// Files differ from the commit.
    pub dirty: bool,
}

/// How many entries have each action; every action is there, so that the numbers always add up.
pub fn summary(plan: &Plan) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<&'static str, usize> = Action::ALL
        .iter()
        .map(|action| (action.word(), 0))
        .collect();
    for entry in &plan.exchanges {
        let count = counts.entry(entry.action.word()).or_default();
        *count = count.saturating_add(1);
    }
    counts
}

/// Whether everything could be read.
pub fn is_complete(plan: &Plan) -> bool {
    plan.unreadable.is_empty()
        && plan.exchanges.iter().all(|entry| {
            entry.action != Action::Unreadable && entry.reason != Reason::SourceIncomplete
        })
        && plan
            .diagnostics
            .iter()
            .all(|diagnostic| diagnostic.reason != Reason::SourceIncomplete)
}

/// A path for people, as `helm_values` and Helm's `--set` write it: dots within a key are escaped.
pub fn shown_path(path: &[String]) -> String {
    let keys: Vec<_> = path.iter().map(|key| key.replace('.', "\\.")).collect();
    safe(&keys.join("."))
}

/// A value for people: one line, without secrets and control characters.
pub fn shown_value(path: &[String], value: &Value) -> String {
    safe(&masked_value(path, value).to_string())
}
