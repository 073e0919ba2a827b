//! A plan from what clusters and registry say now.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Args, header, revision};
use crate::cli::{Common, Failure};
use crate::config::Settings;
use crate::pass::{Equipment, Knowledge, survey};
use crate::plan::action::Plan;
use crate::report::Header;
use crate::source::{Location, Revision};

pub(super) async fn plan(
    settings: Settings,
    common: &Common,
    args: &Args,
) -> Result<(Plan, Header), Failure> {
    let equipment = Equipment::connect(settings).await?;
    let revision = revision(common, Revision::Files);
    // A local work tree is planned as its files stand; only what is elsewhere has to be fetched first.
    if matches!(
        Location::parse(&equipment.repository.source.display()),
        Ok(Location::Url(_))
    ) {
        equipment.repository.source.fetch().await?;
    }
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
    let header = header(&survey.desired);
    Ok((survey.plan, header))
}
