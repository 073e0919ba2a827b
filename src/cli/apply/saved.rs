//! `apply PLAN`: exactly what was saved, or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;

use super::once::expected;
use super::progress::confirmed;
use super::result::{categories, show};
use super::stage::{Stage, verified};
use crate::cli::options::Format;
use crate::cli::{Common, Done, ERROR, Failure, INTERRUPTED, Output, USAGE, file};
use crate::exchange::desired::{ChartRef, Desired};
use crate::id::{CommitId, Digest, ExchangeId};
use crate::observe::observed::{Ancestry, Proof};
use crate::pass::{PassError, Programs, Survey, prove_at};
use crate::plan::action::Plan;
use crate::report::{Category, STALE, code_of, plan_text, safe};
use crate::saved::{Head, Now, SavedError, SavedPlan, Stale, stale};
use crate::source::Revision;

/// What is wanted of a saved plan.
pub(super) struct Wish {
    pub(super) plan: PathBuf,
    pub(super) ask: bool,
    pub(super) fresh_only: bool,
    pub(super) detailed: bool,
    pub(super) format: Format,
    pub(super) expect: Option<Digest>,
}

pub(super) async fn saved(common: &Common, wish: &Wish, output: &Output) -> Done {
    if common.revision.is_some() {
        let error = anyhow!("a saved plan names its commit: leave --revision away");
        return Err(Failure::new(USAGE, error));
    }
    let shown = wish.plan.display().to_string();
    let saved = SavedPlan::read(&shown, &file::read(&wish.plan)?)?;
    let settings = common.settings()?.settings;
    let commit = saved
        .check(&shown, &settings.instance, Timestamp::now())
        .map_err(refused)?;
    expected(&shown, &saved.digest, wish.expect.as_ref())?;
    let mut stage = Stage::set(settings).await?;
    // As exact as the plan that was saved.
    stage.equipment.programs = Programs::READ;
    let head = head(&stage, &shown, &commit)?;
    let archives = archives(&stage, &saved).await;
    let revision = Revision::Named(commit.to_string());
    let survey = stage.look(&revision, &saved.allow_delete).await?;
    verified(&survey)?;
    let proofs = match &head {
        Some(head) => proofs(&stage, head, &survey)?,
        None => BTreeMap::new(),
    };
    let now = Now {
        plan: &survey.plan,
        desired: &survey.desired,
        proofs: &survey.observed.proofs,
        head: head.as_deref().map(|desired| Head {
            desired,
            proofs: &proofs,
        }),
        archives: &archives,
    };
    let gone = stale(&saved, now);
    if !gone.is_empty() && !wish.fresh_only {
        show(&BTreeMap::new(), Some(&gone), wish.format, output)?;
        return Err(Failure::new(
            STALE,
            anyhow!("{}", refusal(&shown, &saved, &gone)),
        ));
    }
    for one in &gone {
        output.say(&format!("left out: {}", sentence(one)));
    }
    let plan = fresh(&saved, &gone, &survey);
    if wish.format == Format::Text {
        let header = crate::cli::plan::header(&survey.desired);
        let style = crate::cli::plan::style(output, false);
        output.result(&plan_text(&plan, &header, style));
    }
    let changes = plan.exchanges.iter().any(|entry| entry.action.is_change());
    if changes && wish.ask && !confirmed(output)? {
        output.say("nothing was changed");
        return Ok(code_of(categories(&survey, &BTreeMap::new(), false)));
    }
    let outcomes = stage.carry_out(&plan, &survey, output).await?;
    let code = if stage.is_cancelled() {
        INTERRUPTED
    } else {
        let left = (!gone.is_empty()).then_some(Category::Incomplete);
        code_of(
            categories(&survey, &outcomes, wish.detailed)
                .into_iter()
                .chain(left),
        )
    };
    show(&outcomes, Some(&gone), wish.format, output)?;
    stage.strike(survey, &outcomes).await?;
    Ok(code)
}

fn refused(error: SavedError) -> Failure {
    let code = if error.is_stale() { STALE } else { ERROR };
    Failure::new(code, error)
}

/// What the head says, if the branch went on since; the saved commit has to be in its history.
fn head(stage: &Stage, shown: &str, commit: &CommitId) -> Result<Option<Arc<Desired>>, Failure> {
    let equipment = &stage.equipment;
    // Told first: of a commit that is not there nothing else can be said.
    tokio::task::block_in_place(|| {
        equipment
            .repository
            .source
            .read(&Revision::Named(commit.to_string()))
    })
    .with_context(|| {
        format!(
            "{shown} was made at commit {}, which cannot be read",
            commit.short()
        )
    })?;
    let head = tokio::task::block_in_place(|| equipment.read(&Revision::Head))?;
    if head.desired.commit.as_ref() == Some(commit) {
        return Ok(None);
    }
    let inside = head
        .history
        .is_some_and(|history| history.ancestry(commit) == Ancestry::HeadOrAncestor);
    if inside {
        return Ok(Some(head.desired));
    }
    let error = anyhow!(
        "{shown} was made at commit {}, which is not in the history of the branch's head: plan anew (StalePlan)",
        commit.short()
    );
    Err(Failure::new(STALE, error))
}

/// What the head's history says of removals.
fn proofs(
    stage: &Stage,
    head: &Desired,
    survey: &Survey,
) -> Result<BTreeMap<ExchangeId, Proof>, PassError> {
    let Some(commit) = &head.commit else {
        return Ok(BTreeMap::new());
    };
    let equipment = &stage.equipment;
    tokio::task::block_in_place(|| {
        let history = equipment.repository.source.history(commit)?;
        let instance = &equipment.settings.instance;
        Ok(prove_at(head, &history, &survey.observed, instance))
    })
}

/// The archives of the charts whose archive was known when the plan was saved. One that cannot be had is told by the
/// action that needs it.
async fn archives(stage: &Stage, saved: &SavedPlan) -> BTreeMap<ChartRef, Digest> {
    let known: BTreeSet<&ChartRef> = saved
        .changes()
        .filter(|(_, entry)| entry.archive.is_some())
        .filter_map(|(_, entry)| entry.inputs.chart.as_ref())
        .collect();
    let mut archives = BTreeMap::new();
    for chart in known {
        if let Ok(archive) = stage.equipment.charts.fetch(chart).await {
            archives.insert(chart.clone(), archive.digest);
        }
    }
    archives
}

/// The plan without what was not saved and what is stale.
fn fresh(saved: &SavedPlan, stale: &[Stale], survey: &Survey) -> Plan {
    let mut agreed: BTreeSet<&ExchangeId> = saved.changes().map(|(id, _)| id).collect();
    for one in stale {
        agreed.remove(&one.id);
    }
    let mut plan = survey.plan.clone();
    plan.exchanges.retain(|entry| {
        !entry.action.is_change() || entry.id.as_ref().is_some_and(|id| agreed.contains(id))
    });
    plan
}

fn refusal(shown: &str, saved: &SavedPlan, stale: &[Stale]) -> String {
    let mut text = format!(
        "{shown} is stale, nothing was applied: {} of {} changes do not hold any more (StalePlan)",
        stale.len(),
        saved.changes().count()
    );
    for one in stale {
        write!(text, "\n  {}", sentence(one)).ok();
    }
    text.push_str("\n  plan anew");
    if stale.len() < saved.changes().count() {
        text.push_str(", or apply the others with --fresh-only");
    }
    text
}

/// `ID  ACTION: what changed; what else`.
fn sentence(stale: &Stale) -> String {
    let changes: Vec<String> = stale
        .changes
        .iter()
        .map(|change| safe(&change.text))
        .collect();
    format!(
        "{}  {}: {}",
        stale.id,
        stale.action.word(),
        changes.join("; ")
    )
}
