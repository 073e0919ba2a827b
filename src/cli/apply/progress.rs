//! The talk with the person who applies: the question, the progress, the interruption.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::apply::{Outcome, OutcomeResult, Progress};
use crate::cli::{Failure, Output};
use crate::id::ExchangeId;

pub(super) fn confirmed(output: &Output) -> Result<bool, Failure> {
    if !output.interactive() {
        let text = "not asked, as this is not a terminal: --yes applies the plan";
        return Err(anyhow::anyhow!(text).into());
    }
    write!(std::io::stderr(), "Apply this? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Tells who looks on what happens, and how long each exchange took in all, waits included.
pub(super) struct Teller<'a> {
    output: &'a Output,
    begun: Mutex<BTreeMap<ExchangeId, Instant>>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(output: &'a Output) -> Self {
        Self {
            output,
            begun: Mutex::default(),
        }
    }

    pub(super) fn tell(&self, progress: &Progress) {
        let begun = || self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        match progress {
            Progress::Started(id, action) => {
                begun().insert(id.clone(), Instant::now());
                self.output.say(&format!("{id}  {}", action.word()));
            }
            Progress::Step(id, step) => tracing::debug!(exchange = %id, step),
            Progress::Helm(step, seconds) => tracing::debug!(step, seconds),
            Progress::Waiting(id, why) => {
                let text = format!("{id}  waits: {}: {}", why.reason, why.sentence());
                self.output.say(&text);
            }
            Progress::Ended(outcome) => {
                let took = begun().remove(&outcome.id).map(|since| since.elapsed());
                let text = format!("{}  {}", outcome.id, sentence(outcome, took));
                self.output.say(&text);
            }
        }
    }
}

/// How it ended; `took` is from its beginning, where it was begun.
fn sentence(outcome: &Outcome, took: Option<Duration>) -> String {
    let word = outcome.result.word();
    if let Some(why) = &outcome.why {
        return format!("{word}: {}: {}", why.reason, why.sentence());
    }
    let took = took.unwrap_or_default().as_secs_f64();
    if outcome.result != OutcomeResult::Cancelled {
        return format!("{word} in {took:.1} s");
    }
    outcome.helms().map_or_else(
        || format!("{word} before helm was started"),
        |helms| {
            format!(
                "{word} after {took:.1} s: {helms}; the next `apply` or `run` goes on from there"
            )
        },
    )
}

/// Ends what runs in order when a person or the system asks for it.
pub(super) fn stop_on_signals(cancel: CancellationToken, output: Output) {
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
        output.say("stopping: a helm under way is ended in order, which takes up to 15 s");
        cancel.cancel();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::Verdict;
    use crate::apply::outcome::StepTaken;
    use crate::plan::action::Action;

    fn told(verdict: Verdict, steps: &[(&str, bool)]) -> String {
        let steps = steps.iter().map(|(step, done)| StepTaken {
            step: (*step).to_owned(),
            seconds: 1.0,
            done: *done,
        });
        let id = "c/n/r".parse().unwrap();
        let outcome = Outcome::new(id, Action::Install, verdict, steps.collect());
        sentence(&outcome, Some(Duration::from_secs(90)))
    }

    /// Minutes of waiting are what a person remembers.
    #[test]
    fn waits_count_for_how_long_it_took() {
        let said = told(
            Verdict::Done,
            &[("helm_install", true), ("wait_ready", true)],
        );
        assert_eq!(said, "done in 90.0 s");
    }

    #[test]
    fn what_became_of_helm_is_said_of_what_was_cancelled() {
        for (steps, words) in [
            (&[][..], "before helm was started"),
            (&[("helm_install", false)], "helm install was ended midway"),
            (
                &[
                    ("fence", true),
                    ("helm_upgrade", true),
                    ("wait_ready", false),
                ],
                "after 90.0 s: helm upgrade was done; the next",
            ),
        ] {
            let said = told(Verdict::Cancelled, steps);
            assert!(
                said.starts_with("cancelled") && said.contains(words),
                "{said}"
            );
        }
    }
}
