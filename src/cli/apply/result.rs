//! What applying came to: exit code and JSON.

use std::collections::{BTreeMap, BTreeSet};

use super::again::is_unlocked;
use crate::apply::{Outcome, OutcomeResult};
use crate::cli::options::Format;
use crate::cli::{Failure, Output};
use crate::id::ExchangeId;
use crate::pass::Survey;
use crate::report::exit::{categories_of, category_of};
use crate::report::{Category, json_text};
use crate::saved::Stale;

/// What the plan itself amounts to, and what applying adds to it.
pub(super) fn categories(
    survey: &Survey,
    outcomes: &BTreeMap<ExchangeId, Outcome>,
    detailed: bool,
) -> BTreeSet<Category> {
    let mut found = categories_of(&survey.plan);
    found.remove(&Category::Changes);
    found.extend(outcomes.values().map(|outcome| {
        match outcome.result {
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
        }
    }));
    found
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
