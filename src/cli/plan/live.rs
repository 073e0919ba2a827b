//! A plan from what clusters and registry say now.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Args, header, revision};
use crate::cli::{Common, Failure};
use crate::config::Settings;
use crate::exchange::desired::{ChartRef, Desired};
use crate::id::{Digest, Instance};
use crate::pass::{Equipment, Knowledge, Programs, Purpose, survey};
use crate::plan::action::{Action, Plan};
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
    pub(super) desired: Desired,
    pub(super) instance: Instance,
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
    let knowledge = Knowledge::read(&equipment.state.folder().join("journal"))?;
    let allowed: BTreeSet<_> = args.allow_delete.iter().cloned().collect();
    let survey = survey(
        &equipment,
        &revision,
        &knowledge,
        &allowed,
        BTreeSet::new(),
        Timestamp::now(),
    )
    .await?;
    let wanted = survey.desired.exchanges.values();
    let charts: BTreeSet<&ChartRef> = wanted.map(|exchange| &exchange.chart).collect();
    let archives: BTreeMap<_, _> = charts
        .into_iter()
        .filter_map(|chart| Some((chart.clone(), equipment.charts.cached(chart)?.digest)))
        .collect();
    let changing = survey.plan.exchanges.iter().filter(|entry| {
        matches!(
            entry.action,
            Action::Install | Action::Upgrade | Action::Adopt | Action::Repair
        )
    });
    let to_fetch = changing
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
            to_fetch,
            repository: equipment.settings.chart.repository,
        },
    })
}
