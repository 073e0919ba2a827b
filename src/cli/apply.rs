//! `apply`: one pass for a person.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, Write as _};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Common, Done, Failure, Output};
use crate::apply::{Outcome, OutcomeResult, Pass, Progress, apply};
use crate::cli::options::Format;
use crate::daemon::{Ledger, Session, limits};
use crate::id::ExchangeId;
use crate::pass::{Equipment, Knowledge, Survey, survey};
use crate::plan::verify;
use crate::report::exit::category_of;
use crate::report::{Category, code_of, plan_text};
use crate::source::Revision;
use crate::state::StateError;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync apply --source . --kubeconfig ~/.kube/config\n  natsx-sync apply --yes --format json"
)]
pub(super) struct Args {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Let this removal through the guard (can be repeated)
    #[arg(long, value_name = "ID")]
    allow_delete: Vec<ExchangeId>,
    /// Exit with 2 when something was changed
    #[arg(long)]
    detailed_exitcode: bool,
    /// Apply the files of a work tree as they stand; nothing is uninstalled
    #[arg(long)]
    dirty: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let wish = Wish {
        ask: !args.yes,
        allow_delete: args.allow_delete.iter().cloned().collect(),
        detailed: args.detailed_exitcode,
        dirty: args.dirty,
        format: args.format,
    };
    once(common, &wish, output).await
}

/// What is wanted of one pass.
pub(super) struct Wish {
    pub(super) ask: bool,
    pub(super) allow_delete: BTreeSet<ExchangeId>,
    pub(super) detailed: bool,
    pub(super) dirty: bool,
    pub(super) format: Format,
}

pub(super) async fn once(common: &Common, wish: &Wish, output: &Output) -> Done {
    let settings = common.settings()?.settings;
    if settings.clusters.is_empty() {
        return Err(Failure::new(
            1,
            anyhow::anyhow!(
                "no cluster: name one in the settings (`clusters`) or with --kubeconfig [ID=]FILE"
            ),
        ));
    }
    let equipment = Equipment::connect(settings).await?;
    let session = Session::begin(&equipment).map_err(held)?;
    equipment.repository.source.fetch().await?;
    let revision = super::plan::revision(
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
    // What a person agreed to is all that is done; without a question, what others changed meanwhile is planned anew.
    if !wish.ask && !cancel.is_cancelled() && overtaken(&outcomes) {
        survey = look(&equipment, &session, &revision, wish, output).await?;
        let anew = carry_out(&survey, &equipment, &session, output, &cancel).await;
        take_over(&mut outcomes, anew);
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
    let header = super::plan::header(&survey.desired);
    if wish.format == Format::Text {
        output.result(&plan_text(
            &survey.plan,
            &header,
            super::plan::style(output, false),
        ));
    }
    verify(
        &survey.plan,
        &survey.desired,
        &survey.observed,
        &survey.policy,
    )
    .map_err(|broken| {
        Failure::new(
            super::BUG,
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

/// Whether others changed what the plan relied on (often a helm that outlived an earlier natsx-sync). A failure is not tried again here.
fn overtaken(outcomes: &BTreeMap<ExchangeId, Outcome>) -> bool {
    let any = |result| outcomes.values().any(|outcome| outcome.result == result);
    any(OutcomeResult::Fenced) && !any(OutcomeResult::Failed)
}

/// What was done the first time stays told.
fn take_over(outcomes: &mut BTreeMap<ExchangeId, Outcome>, anew: BTreeMap<ExchangeId, Outcome>) {
    outcomes.retain(|_, outcome| outcome.result != OutcomeResult::Fenced);
    for (id, outcome) in anew {
        if outcome.result != OutcomeResult::Unchanged || !outcomes.contains_key(&id) {
            outcomes.insert(id, outcome);
        }
    }
}

/// Another holder of the state folder is exit 6.
pub(super) fn held(error: crate::pass::PassError) -> Failure {
    let code = if matches!(
        &error,
        crate::pass::PassError::State(StateError::Locked { .. })
    ) {
        6
    } else {
        1
    };
    if let crate::pass::PassError::State(error) = error {
        Failure::new(code, error)
    } else {
        Failure::new(code, error)
    }
}

fn confirmed(output: &Output) -> Result<bool, Failure> {
    if !output.interactive() {
        return Err(Failure::new(
            1,
            anyhow::anyhow!("not asked, as this is no terminal: --yes applies the plan"),
        ));
    }
    write!(std::io::stderr(), "Apply this? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn tell(output: &Output, progress: &Progress) {
    match progress {
        Progress::Started(id, action) => output.say(&format!("{id}  {}", action.word())),
        Progress::Step(id, step) => tracing::debug!(exchange = %id, step),
        Progress::Waiting(id, why) => {
            output.say(&format!("{id}  waits: {}: {}", why.reason, why.text));
        }
        Progress::Ended(outcome) => output.say(&format!("{}  {}", outcome.id, sentence(outcome))),
    }
}

fn sentence(outcome: &Outcome) -> String {
    let word = format!("{:?}", outcome.result).to_lowercase();
    let seconds: f64 = outcome.steps.iter().map(|step| step.seconds).sum();
    match &outcome.why {
        Some(why) => format!("{word}: {}: {}", why.reason, why.text),
        None => format!("{word} in {seconds:.1} s"),
    }
}

/// The plan's own code, and what applying adds to it.
fn code(survey: &Survey, outcomes: &BTreeMap<ExchangeId, Outcome>, detailed: bool) -> u8 {
    let mut found = vec![crate::report::exit_code(&survey.plan, false)];
    found.extend(outcomes.values().map(|outcome| {
        let category = match outcome.result {
            OutcomeResult::Failed => Category::Failed,
            OutcomeResult::Fenced | OutcomeResult::Cancelled => Category::Incomplete,
            OutcomeResult::Blocked => survey
                .plan
                .exchanges
                .iter()
                .find(|entry| entry.id.as_ref() == Some(&outcome.id) && !entry.action.is_change())
                .map_or(Category::Incomplete, category_of),
            OutcomeResult::Done if detailed => Category::Changes,
            OutcomeResult::Done | OutcomeResult::Unchanged => Category::Done,
        };
        code_of([category])
    }));
    // The first of 1, 5, 4, 3, 2, 0.
    [1, 5, 4, 3, 2]
        .into_iter()
        .find(|code| found.contains(code))
        .unwrap_or(0)
}

fn show(
    outcomes: &BTreeMap<ExchangeId, Outcome>,
    format: Format,
    output: &Output,
) -> Result<(), Failure> {
    if format == Format::Json {
        let outcomes: Vec<_> = outcomes.values().collect();
        let result = serde_json::json!({"format_version": crate::report::FORMAT_VERSION, "exchanges": outcomes});
        output.result(&serde_json::to_string_pretty(&result)?);
    }
    Ok(())
}

/// Leaves a status behind, so that `status` can tell what this pass did.
fn remember(
    equipment: &Equipment,
    survey: Survey,
    outcomes: &BTreeMap<ExchangeId, Outcome>,
) -> Result<(), Failure> {
    let mut ledger = Ledger::new(Timestamp::now());
    ledger.take_pass(survey, BTreeMap::new());
    for outcome in outcomes
        .values()
        .filter(|outcome| outcome.result != OutcomeResult::Unchanged)
    {
        ledger.take_outcome(outcome.clone());
    }
    equipment
        .state
        .write_status(&ledger.status(&BTreeMap::new(), Timestamp::now()))?;
    Ok(())
}

fn stop_on_signals(cancel: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    tokio::spawn(async move {
        let (Ok(mut term), Ok(mut interrupt)) = (
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
        ) else {
            return;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancel.cancel();
    });
}
