//! A plan from git alone.

use super::{Args, revision};
use crate::cli::{Common, Failure};
use crate::config::Settings;
use crate::pass::{Sides, read_sides};
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
    let Sides {
        head,
        base,
        against,
    } = read_sides(settings, &revision, args.base.as_deref())?;
    let (commit, base) = base.unzip();
    let plan = plan_offline(&head, base.as_ref());
    let header = Header {
        truth: Truth::Offline,
        repository: head.repository.clone(),
        base: commit.map(|commit| commit.to_string()),
        against,
        dirty: head.dirty,
    };
    Ok((plan, header))
}
