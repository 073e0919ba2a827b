//! What a result means to a shell. One function maps categories to codes.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Severity};
use crate::plan::action::{Action, Plan, PlannedExchange};
use crate::reason::Reason;

/// A kind of result; the order is the precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// A file or an action failed.
    Failed,
    /// A guard refused.
    Guarded,
    /// The world changed since the plan was saved.
    Stale,
    /// Something was held back or could not be seen.
    Incomplete,
    /// There are changes, and the caller wants to know.
    Changes,
    /// Nothing to say.
    Done,
}

/// What a plan, saved or not, or a snapshot rests on is no longer so.
pub const STALE: u8 = 4;

/// The exit code of what was found: the first of 1, 5, 4, 3, 2, 0 that applies.
pub fn code_of(categories: impl IntoIterator<Item = Category>) -> u8 {
    match categories.into_iter().min().unwrap_or(Category::Done) {
        Category::Failed => 1,
        Category::Guarded => 5,
        Category::Stale => STALE,
        Category::Incomplete => 3,
        Category::Changes => 2,
        Category::Done => 0,
    }
}

/// The exit code of a plan; changes count only when `detailed`.
pub fn exit_code(plan: &Plan, detailed: bool) -> u8 {
    let mut found = categories_of(plan);
    if !detailed {
        found.remove(&Category::Changes);
    }
    code_of(found)
}

/// What a plan amounts to.
pub fn categories_of(plan: &Plan) -> BTreeSet<Category> {
    let mut found: BTreeSet<Category> = plan.exchanges.iter().map(category_of).collect();
    found.extend(plan.diagnostics.iter().map(category_of_finding));
    if !plan.unreadable.is_empty() {
        found.insert(Category::Incomplete);
    }
    found
}

/// What one entry of a plan amounts to.
pub fn category_of(entry: &PlannedExchange) -> Category {
    match entry.action {
        Action::None => Category::Done,
        Action::Blocked => category_of_block(entry.reason),
        Action::Conflict | Action::Unreadable => Category::Incomplete,
        Action::Install
        | Action::Upgrade
        | Action::Uninstall
        | Action::Adopt
        | Action::Repair
        | Action::Register
        | Action::Deregister => Category::Changes,
    }
}

/// What being held back for this reason amounts to.
pub fn category_of_block(reason: Reason) -> Category {
    if reason == Reason::Suspended {
        Category::Done
    } else if reason == Reason::MassRemoval || reason == Reason::Protected {
        Category::Guarded
    } else if reason == Reason::FileInvalid
        || reason == Reason::DuplicateExchange
        || reason == Reason::ObjectCollision
    {
        Category::Failed
    } else {
        Category::Incomplete
    }
}

fn category_of_finding(finding: &Diagnostic) -> Category {
    if finding.reason == Reason::SourceIncomplete {
        Category::Incomplete
    } else if finding.severity == Severity::Error {
        Category::Failed
    } else {
        Category::Done
    }
}
