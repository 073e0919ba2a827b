//! What applying came to: exit code, JSON, and the status it leaves behind.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::again::is_unlocked;
use crate::apply::{Outcome, OutcomeResult};
use crate::cli::options::Format;
use crate::cli::{Failure, Output};
use crate::daemon::Ledger;
use crate::id::ExchangeId;
use crate::pass::{Equipment, Survey};
use crate::report::exit::category_of;
use crate::report::{Category, code_of};

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
    // The first of 1, 5, 4, 3, 2, 0.
    [1, 5, 4, 3, 2]
        .into_iter()
        .find(|code| found.contains(code))
        .unwrap_or(0)
}

pub(super) fn show(
    outcomes: &BTreeMap<ExchangeId, Outcome>,
    format: Format,
    output: &Output,
) -> Result<(), Failure> {
    if format == Format::Json {
        let outcomes: Vec<_> = outcomes.values().collect();
        let result = serde_json::json!({"format_version": crate::report::FORMAT_VERSION, "exchanges": outcomes});
        output.result(&serde_json::to_string_pretty(&result)?);
    }
    Ok(())
}

/// Leaves a status behind, so that `status` can tell what this pass did.
pub(super) fn remember(
    equipment: &Equipment,
    survey: Survey,
    outcomes: &BTreeMap<ExchangeId, Outcome>,
) -> Result<(), Failure> {
    let mut ledger = Ledger::new(Timestamp::now());
    ledger.take_pass(survey, BTreeMap::new());
    for outcome in outcomes
        .values()
        .filter(|outcome| outcome.result != OutcomeResult::Unchanged)
    {
        ledger.take_outcome(outcome.clone());
    }
    equipment
        .state
        .write_status(&ledger.status(&BTreeMap::new(), Timestamp::now()))?;
    Ok(())
}
