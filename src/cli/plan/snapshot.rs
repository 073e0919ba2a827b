//! A plan from a picture of the world: no cluster is asked, and none has to be in the settings.

use std::path::Path;

use jiff::Timestamp;

use super::{Args, revision};
use crate::cli::{Common, Failure, file};
use crate::config::Settings;
use crate::pass::{Repository, survey_snapshot};
use crate::plan::action::Plan;
use crate::report::{Header, STALE, Truth};
use crate::snapshot::{Recorded, fetch};
use crate::source::Revision;

pub(super) async fn plan(
    settings: &Settings,
    place: &str,
    common: &Common,
    args: &Args,
) -> Result<(Plan, Header), Failure> {
    let (shown, bytes) = if place.contains("://") {
        fetch(place, file::LARGEST).await?
    } else {
        (place.to_owned(), file::read(Path::new(place))?)
    };
    let snapshot = Recorded::read(&shown, bytes)?;
    snapshot
        .check_age(args.max_age, Timestamp::now())
        .map_err(|error| Failure::new(STALE, error))?;
    let against = format!("the world as it was {}", snapshot.age(Timestamp::now()));
    let repository = Repository::open(settings, None)?;
    repository.fetch_remote().await?;
    let revision = revision(common, Revision::Files);
    let allowed = args.allow_delete.iter().cloned().collect();
    let survey = tokio::task::block_in_place(|| {
        survey_snapshot(&repository, &revision, snapshot, &allowed)
    })?;
    let header = Header {
        truth: Truth::Snapshot,
        against,
        ..super::header(&survey.desired)
    };
    Ok((survey.plan, header))
}
