//! One pass: look, plan, ask, act.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::progress::{confirmed, stop_on_signals, tell};
use super::result::{code, remember, show};
use super::{again, held};
use crate::apply::{Outcome, Pass, apply};
use crate::cli::options::Format;
use crate::cli::{BUG, Common, Done, Failure, Output};
use crate::daemon::{Session, check, limits};
use crate::id::ExchangeId;
use crate::pass::{Equipment, Knowledge, Survey, survey};
use crate::plan::verify;
use crate::report::plan_text;
use crate::source::Revision;

/// What is wanted of one pass.
pub(in crate::cli) struct Wish {
    pub(in crate::cli) ask: bool,
    pub(in crate::cli) allow_delete: BTreeSet<ExchangeId>,
    pub(in crate::cli) detailed: bool,
    pub(in crate::cli) dirty: bool,
    pub(in crate::cli) format: Format,
}

pub(in crate::cli) async fn once(common: &Common, wish: &Wish, output: &Output) -> Done {
    let settings = common.settings()?.settings;
    check(&settings)?;
    let equipment = Equipment::connect(settings).await?;
    let session = Session::begin(&equipment).map_err(held)?;
    equipment.repository.source.fetch().await?;
    let revision = crate::cli::plan::revision(
        common,
        if wish.dirty {
            Revision::Files
        } else {
            Revision::Head
        },
    );
    let mut survey = look(&equipment, &session, &revision, wish, output).await?;
    let changes = survey
        .plan
        .exchanges
        .iter()
        .any(|entry| entry.action.is_change());
    if changes && wish.ask && !confirmed(output)? {
        output.say("nothing was changed");
        return Ok(code(&survey, &BTreeMap::new(), false));
    }
    let cancel = CancellationToken::new();
    stop_on_signals(cancel.clone());
    let mut outcomes = carry_out(&survey, &equipment, &session, output, &cancel).await;
    // What a person agreed to is all that is done.
    let again = if wish.ask { 0 } else { again::MOST };
    for _ in 0..again {
        let why = again::overtaken(&survey.plan, &outcomes);
        let Some(why) = why.filter(|_| !cancel.is_cancelled()) else {
            break;
        };
        output.say(&format!("planned again: {why}"));
        survey = look(&equipment, &session, &revision, wish, output).await?;
        let anew = carry_out(&survey, &equipment, &session, output, &cancel).await;
        again::take_over(&mut outcomes, anew);
    }
    let code = if cancel.is_cancelled() {
        130
    } else {
        code(&survey, &outcomes, wish.detailed)
    };
    show(&outcomes, wish.format, output)?;
    remember(&equipment, survey, &outcomes)?;
    if let Some(embedded) = equipment.embedded {
        embedded.close().await.ok();
    }
    Ok(code)
}

/// Plans, shows the plan, and has it verified.
async fn look(
    equipment: &Equipment,
    session: &Session,
    revision: &Revision,
    wish: &Wish,
    output: &Output,
) -> Result<Survey, Failure> {
    let knowledge = Knowledge::of(&session.journal);
    let now = Timestamp::now();
    let survey = survey(
        equipment,
        revision,
        &knowledge,
        &wish.allow_delete,
        BTreeSet::new(),
        now,
    )
    .await?;
    let header = crate::cli::plan::header(&survey.desired);
    if wish.format == Format::Text {
        output.result(&plan_text(
            &survey.plan,
            &header,
            crate::cli::plan::style(output, false),
        ));
    }
    survey.remember(&equipment.state, now)?;
    verify(
        &survey.plan,
        &survey.desired,
        &survey.observed,
        &survey.policy,
    )
    .map_err(|broken| {
        Failure::new(
            BUG,
            anyhow::anyhow!("the verifier refuses this plan, nothing was done: {broken:?}"),
        )
    })?;
    Ok(survey)
}

async fn carry_out(
    survey: &Survey,
    equipment: &Equipment,
    session: &Session,
    output: &Output,
    cancel: &CancellationToken,
) -> BTreeMap<ExchangeId, Outcome> {
    let pass = Pass {
        world: std::sync::Arc::clone(&session.world),
        journal: std::sync::Arc::clone(&session.journal),
        limits: limits(&equipment.settings),
        number: 1,
    };
    apply(
        &survey.plan,
        &survey.desired,
        pass,
        |progress| tell(output, progress),
        cancel.clone(),
    )
    .await
}
