//! One pass: look, plan, ask, act.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::again;
use super::progress::confirmed;
use super::result::{categories, show};
use super::stage::{Stage, verified};
use crate::cli::options::Format;
use crate::cli::{Common, Done, Failure, INTERRUPTED, Output};
use crate::id::{Digest, ExchangeId};
use crate::pass::{Programs, Survey};
use crate::report::{STALE, code_of, plan_text};
use crate::saved::SavedError;
use crate::source::Revision;

/// What is wanted of one pass.
pub(in crate::cli) struct Wish {
    pub(in crate::cli) ask: bool,
    pub(in crate::cli) allow_delete: BTreeSet<ExchangeId>,
    pub(in crate::cli) detailed: bool,
    pub(in crate::cli) dirty: bool,
    pub(in crate::cli) format: Format,
    /// The digest of the only plan that is applied.
    pub(in crate::cli) expect: Option<Digest>,
}

pub(in crate::cli) async fn once(common: &Common, wish: &Wish, output: &Output) -> Done {
    let mut stage = Stage::set(common.settings()?.settings).await?;
    if wish.ask {
        stage.equipment.programs = Programs::READ;
    }
    let revision = crate::cli::plan::revision(
        common,
        if wish.dirty {
            Revision::Files
        } else {
            Revision::Head
        },
    );
    let mut survey = look(&stage, &revision, wish, output).await?;
    expected("the plan", &survey.plan.digest(), wish.expect.as_ref())?;
    let changes = survey
        .plan
        .exchanges
        .iter()
        .any(|entry| entry.action.is_change());
    if changes && wish.ask && !confirmed(output)? {
        output.say("nothing was changed");
        return Ok(code_of(categories(&survey, &BTreeMap::new(), false)));
    }
    let mut outcomes = stage.carry_out(&survey.plan, &survey, output).await?;
    // What a person agreed to is all that is done.
    let agreed = wish.ask || wish.expect.is_some();
    let again = if agreed { 0 } else { again::MOST };
    for _ in 0..again {
        let why = again::overtaken(&survey.plan, &outcomes);
        let Some(why) = why.filter(|_| !stage.is_cancelled()) else {
            break;
        };
        output.say(&format!("planned again: {why}"));
        survey = look(&stage, &revision, wish, output).await?;
        let anew = stage.carry_out(&survey.plan, &survey, output).await?;
        again::take_over(&mut outcomes, anew);
    }
    let code = if stage.is_cancelled() {
        INTERRUPTED
    } else {
        code_of(categories(&survey, &outcomes, wish.detailed))
    };
    show(&outcomes, None, wish.format, output)?;
    stage.strike(survey, &outcomes).await?;
    Ok(code)
}

/// Refuses any plan but the one that was asked for.
pub(super) fn expected(what: &str, found: &str, expect: Option<&Digest>) -> Result<(), Failure> {
    match expect {
        Some(expected) if expected.as_str() != found => Err(Failure::new(
            STALE,
            SavedError::OtherDigest {
                what: what.to_owned(),
                found: found.to_owned(),
                expected: expected.to_string(),
            },
        )),
        Some(_) | None => Ok(()),
    }
}

/// Plans, shows the plan, and has it verified.
async fn look(
    stage: &Stage,
    revision: &Revision,
    wish: &Wish,
    output: &Output,
) -> Result<Arc<Survey>, Failure> {
    let survey = stage.look(revision, &wish.allow_delete).await?;
    let header = crate::cli::plan::header(&survey.desired);
    if wish.format == Format::Text {
        output.result(&plan_text(
            &survey.plan,
            &header,
            crate::cli::plan::style(output, false),
        ));
    }
    verified(&survey)?;
    Ok(survey)
}
