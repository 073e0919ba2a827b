//! What applying came to: exit code and JSON.

use std::collections::BTreeMap;

use super::again::is_unlocked;
use crate::apply::{Outcome, OutcomeResult};
use crate::cli::options::Format;
use crate::cli::{Failure, Output};
use crate::id::ExchangeId;
use crate::pass::Survey;
use crate::report::exit::category_of;
use crate::report::{Category, code_of, json_text};
use crate::saved::Stale;

/// The plan's own code, and what applying adds to it.
pub(super) fn code(
    survey: &Survey,
    outcomes: &BTreeMap<ExchangeId, Outcome>,
    detailed: bool,
) -> u8 {
    let mut found = vec![crate::report::exit_code(&survey.plan, false)];
    found.extend(outcomes.values().map(|outcome| {
        let category = match outcome.result {
            OutcomeResult::Failed => Category::Failed,
            OutcomeResult::Fenced | OutcomeResult::Cancelled => Category::Incomplete,
            OutcomeResult::Blocked => survey
                .plan
                .exchanges
                .iter()
                .find(|entry| entry.id.as_ref() == Some(&outcome.id) && !entry.action.is_change())
                .map_or(Category::Incomplete, category_of),
            OutcomeResult::Done if is_unlocked(&survey.plan, outcome) => Category::Incomplete,
            OutcomeResult::Done if detailed => Category::Changes,
            OutcomeResult::Done | OutcomeResult::Unchanged => Category::Done,
        };
        code_of([category])
    }));
    first_of(&found)
}

/// The first of 1, 5, 4, 3, 2, 0.
pub(super) fn first_of(found: &[u8]) -> u8 {
    [1, 5, 4, 3, 2]
        .into_iter()
        .find(|code| found.contains(code))
        .unwrap_or(0)
}

/// The outcomes for programs; of a saved plan also what is stale.
pub(super) fn show(
    outcomes: &BTreeMap<ExchangeId, Outcome>,
    stale: Option<&[Stale]>,
    format: Format,
    output: &Output,
) -> Result<(), Failure> {
    if format == Format::Json {
        let outcomes: Vec<_> = outcomes.values().collect();
        let mut result = serde_json::json!({"format_version": crate::report::FORMAT_VERSION, "exchanges": outcomes});
        if let (Some(stale), Some(result)) = (stale, result.as_object_mut()) {
            result.insert("stale".to_owned(), serde_json::to_value(stale)?);
        }
        output.result(&json_text(&result)?);
    }
    Ok(())
}
