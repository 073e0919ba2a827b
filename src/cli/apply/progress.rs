//! The talk with the person who applies: the question, the progress, the interruption.

use std::io::{BufRead as _, Write as _};

use tokio_util::sync::CancellationToken;

use crate::apply::{Outcome, Progress};
use crate::cli::{Failure, Output};

pub(super) fn confirmed(output: &Output) -> Result<bool, Failure> {
    if !output.interactive() {
        return Err(Failure::new(
            1,
            anyhow::anyhow!("not asked, as this is not a terminal: --yes applies the plan"),
        ));
    }
    write!(std::io::stderr(), "Apply this? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

pub(super) fn tell(output: &Output, progress: &Progress) {
    match progress {
        Progress::Started(id, action) => output.say(&format!("{id}  {}", action.word())),
        Progress::Step(id, step) => tracing::debug!(exchange = %id, step),
        Progress::Helm(step, seconds) => tracing::debug!(step, seconds),
        Progress::Waiting(id, why) => {
            output.say(&format!("{id}  waits: {}: {}", why.reason, why.sentence()));
        }
        Progress::Ended(outcome) => output.say(&format!("{}  {}", outcome.id, sentence(outcome))),
    }
}

fn sentence(outcome: &Outcome) -> String {
    let word = outcome.result.word();
    let seconds: f64 = outcome.steps.iter().map(|step| step.seconds).sum();
    match &outcome.why {
        Some(why) => format!("{word}: {}: {}", why.reason, why.sentence()),
        None => format!("{word} in {seconds:.1} s"),
    }
}

pub(super) fn stop_on_signals(cancel: CancellationToken) {
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
