//! A plan from what clusters and registry say now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Args, header, revision};
use crate::cli::{Common, Failure};
use crate::config::Settings;
use crate::exchange::desired::{ChartRef, Desired};
use crate::id::{Digest, Instance};
use crate::pass::{Equipment, Knowledge, Programs, Purpose, survey};
use crate::plan::action::{Action, Plan, PlannedExchange};
use crate::report::Header;
use crate::source::Revision;

/// A plan and what it was made of.
pub(super) struct Live {
    pub(super) plan: Plan,
    pub(super) header: Header,
    pub(super) basis: Basis,
}

/// What saving a plan needs to know beside it.
pub(super) struct Basis {
    pub(super) desired: Arc<Desired>,
    pub(super) instance: Instance,
    /// Without what nothing of it can be applied, in sentences.
    pub(super) missing: Vec<String>,
    /// The charts of what is installed or upgraded that are not at hand.
    pub(super) to_fetch: BTreeSet<ChartRef>,
    /// Where they come from.
    pub(super) repository: String,
    /// The chart archives at hand.
    pub(super) archives: BTreeMap<ChartRef, Digest>,
}

pub(super) async fn plan(
    settings: Settings,
    common: &Common,
    args: &Args,
) -> Result<Live, Failure> {
    let mut equipment = Equipment::connect(settings, Purpose::Look).await?;
    equipment.programs = if args.no_programs {
        Programs::Never
    } else {
        Programs::READ
    };
    let revision = revision(common, Revision::Files);
    equipment.repository.fetch_remote().await?;
    let knowledge = Knowledge::read(&equipment.state.journal())?;
    let allowed: BTreeSet<_> = args.allow_delete.iter().cloned().collect();
    let survey = survey(
        &equipment,
        &revision,
        &knowledge,
        &allowed,
        Timestamp::now(),
    )
    .await?;
    let wanted = survey.desired.exchanges.values();
    let charts: BTreeSet<&ChartRef> = wanted.map(|exchange| &exchange.chart).collect();
    let archives: BTreeMap<_, _> = charts
        .into_iter()
        .filter_map(|chart| Some((chart.clone(), equipment.charts.cached(chart)?.digest)))
        .collect();
    let entries = survey.plan.exchanges.iter();
    let changing: Vec<_> = entries.filter(|entry| is_made_by_helm(entry)).collect();
    let no_helm = equipment.renderer.helm.as_ref().err();
    let no_helm = no_helm.filter(|_| !changing.is_empty());
    let no_branch = equipment.repository.source.branch_missing();
    let missing = no_helm
        .map(|why| format!("applying takes helm: {}", why.text))
        .into_iter()
        .chain(no_branch.map(|why| format!("applying takes a branch: {why}")))
        .collect();
    let to_fetch = changing
        .into_iter()
        .filter_map(|entry| Some(&survey.desired.exchanges.get(entry.id.as_ref()?)?.chart))
        .filter(|chart| !archives.contains_key(chart))
        .cloned()
        .collect();
    Ok(Live {
        header: header(&survey.desired),
        plan: survey.plan,
        basis: Basis {
            desired: survey.desired,
            instance: equipment.settings.instance,
            archives,
            missing,
            to_fetch,
            repository: equipment.settings.chart.repository,
        },
    })
}

fn is_made_by_helm(entry: &PlannedExchange) -> bool {
    matches!(
        entry.action,
        Action::Install | Action::Upgrade | Action::Adopt | Action::Repair
    )
}
