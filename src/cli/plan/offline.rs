//! A plan from git alone.

use super::{Args, revision};
use crate::cli::{Common, Failure};
use crate::config::Settings;
use crate::pass::read_desired;
use crate::plan::action::Plan;
use crate::plan::plan_offline;
use crate::report::{Header, Truth};
use crate::source::Revision;

pub(super) fn plan(
    settings: &Settings,
    common: &Common,
    args: &Args,
) -> Result<(Plan, Header), Failure> {
    let revision = revision(common, Revision::Files);
    let head = read_desired(settings, &revision)?;
    let base = match &args.base {
        Some(base) => Some(read_desired(settings, &Revision::Named(base.clone()))?),
        None => None,
    };
    let plan = plan_offline(&head, base.as_ref());
    let header = Header {
        truth: Truth::Offline,
        repository: head.repository.clone(),
        base: args.base.clone(),
        dirty: head.dirty,
    };
    Ok((plan, header))
}
