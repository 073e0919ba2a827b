//! What surrounds a task: whom it waits for before it begins, and what is written when it is over.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use super::ending;
use super::flight::{self, Flown, Pilot};
use super::recall::Recall;
use super::slots::Place;
use super::{Progress, Shared, lock};
use crate::apply::effect::Why;
use crate::apply::effects::Effects;
use crate::apply::outcome::{Outcome, StepTaken, Verdict};
use crate::apply::step::Stage;
use crate::apply::subject::Subject;
use crate::drift::name_of;
use crate::exchange::desired::DesiredExchange;
use crate::plan::action::Effect as Change;
use crate::reason::Reason;
use crate::state::journal::{Phase, Refused};

/// Pauses before a failure that may pass is tried again: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LAST_PAUSE: Duration = Duration::from_secs(3600);
/// How often a lease that cannot be asked for is, and the pause between.
const ADMISSIONS: u32 = 4;
const ADMISSION_PAUSE: Duration = Duration::from_secs(1);

/// Runs a task from its place in the queue to its outcome.
pub(super) async fn supervise<E: Effects>(
    shared: Arc<Shared<E>>,
    subject: Subject,
    recall: Recall,
) {
    let pilot = Pilot {
        shared: Arc::clone(&shared),
        subject,
        recall,
        stage: Stage::Untouched,
        steps: Vec::new(),
        slot: None,
        is_journalled: false,
    };
    let subject = pilot.subject.clone();
    let guard = Guard {
        shared: Arc::clone(&shared),
        subject: Some(subject.clone()),
    };
    // Held until the outcome counts, so that the next in line sees it.
    let (flown, place) = match begin(&shared, &pilot).await {
        Err(verdict) => (pilot.land(verdict, None), None),
        Ok(place) => {
            let action = subject.entry.action;
            shared.tell(Progress::Started(subject.id.clone(), action));
            (flight::fly(pilot).await, place)
        }
    };
    let is_called_off = flown.is_called_off;
    let (verdict, steps) = finish(&shared, &subject, flown).await;
    let action = subject.entry.action;
    let mut outcome = Outcome::new(subject.id.clone(), action, verdict, steps);
    outcome.planned = Some(subject.entry.reason);
    let span = tracing::Span::current();
    span.record("result", outcome.result.word());
    if let Some(why) = &outcome.why {
        span.record("reason", tracing::field::display(why.reason));
    }
    guard.disarm();
    shared.effects.over(&subject);
    shared.end(outcome, is_called_off);
    drop(place);
}

/// Ends a flight whose task panicked: nobody else would, and its exchange would be in flight for ever.
struct Guard<E: Effects> {
    shared: Arc<Shared<E>>,
    subject: Option<Subject>,
}

impl<E: Effects> Guard<E> {
    fn disarm(mut self) {
        self.subject = None;
    }
}

impl<E: Effects> Drop for Guard<E> {
    fn drop(&mut self) {
        // A task that is aborted stops where it is, as after a crash.
        let Some(subject) = self.subject.take().filter(|_| std::thread::panicking()) else {
            return;
        };
        let text = "natsx-sync failed in the middle of it; its log says where";
        let why = Why::new(Reason::Bug, text);
        let action = subject.entry.action;
        self.shared.effects.over(&subject);
        let outcome = Outcome::new(subject.id, action, Verdict::Failed(why), Vec::new());
        self.shared.end(outcome, false);
    }
}

/// Waits for dependencies and for a place among those that restart.
async fn begin<E: Effects>(shared: &Shared<E>, pilot: &Pilot<E>) -> Result<Option<Place>, Verdict> {
    let subject = &pilot.subject;
    let wait = async {
        dependencies(shared, subject)
            .await
            .map_err(Verdict::Blocked)?;
        let restarts = subject.entry.effects.iter().any(|change| {
            matches!(
                change,
                Change::RestartsPods | Change::ScalesDown | Change::RecreatesStatefulset
            )
        });
        if !restarts {
            admitted(shared, subject).await?;
            return Ok(None);
        }
        let text = "waits for others of its cluster that are restarting";
        let why = Why::new(Reason::TooManyRestarting, text);
        let place = shared.slots.restart(&subject.id.cluster);
        let place = flight::or_tell(place, || {
            shared.show(&subject.id, None, Some(why.clone()));
        });
        let place = place.await;
        admitted(shared, subject).await?;
        Ok(Some(place))
    };
    let place = tokio::select! {
        biased;
        () = shared.cancel.cancelled() => return Err(Verdict::Cancelled),
        () = pilot.recall.ended(pilot.stage) => return Err(Verdict::Cancelled),
        place = wait => place?,
    };
    shared.show(&subject.id, None, None);
    match shared.halted(&subject.id) {
        None => Ok(place),
        Some(why) => Err(Verdict::Blocked(why)),
    }
}

/// Waits while another natsx-sync of our instance works in the cluster.
async fn admitted<E: Effects>(shared: &Shared<E>, subject: &Subject) -> Result<(), Verdict> {
    let (since, mut failures) = (Instant::now(), 0);
    loop {
        let Err(why) = shared.effects.admit(subject).await else {
            return Ok(());
        };
        if why.reason == Reason::LeaseHeld {
            if since.elapsed() >= lock(&shared.limits).health {
                return Err(Verdict::Blocked(why));
            }
            shared.show(&subject.id, None, Some(why));
        } else {
            failures += 1;
            if failures >= ADMISSIONS {
                return Err(Verdict::Failed(why));
            }
        }
        tokio::time::sleep(ADMISSION_PAUSE).await;
    }
}

async fn dependencies<E>(shared: &Shared<E>, subject: &Subject) -> Result<(), Why> {
    let Some(desired) = &subject.desired else {
        return Ok(());
    };
    let mut changed = shared.changed.subscribe();
    for id in desired.depends_on.iter().filter(|id| **id != subject.id) {
        while !shared.dependency_ready(id)? {
            let text = format!("waits for {id}");
            let why = Why::new(Reason::DependencyNotReady, text);
            shared.show(&subject.id, None, Some(why));
            // The sender lives as long as the lanes.
            changed.changed().await.ok();
        }
    }
    Ok(())
}

/// Writes the end of the task down; a failure with when it may be tried again.
async fn finish<E: Effects>(
    shared: &Arc<Shared<E>>,
    subject: &Subject,
    flown: Flown,
) -> (Verdict, Vec<StepTaken>) {
    let (phase, detail) = match &flown.verdict {
        Verdict::Done => (
            Phase::Done,
            json!({
                "action": subject.entry.action,
                "reason": subject.entry.reason,
                "drift": name_of(&subject.entry.drift),
                "digest": subject.desired.as_ref().map(|desired| &desired.digest),
            }),
        ),
        Verdict::Failed(why) => {
            let mut detail = json!(refused(shared, subject, why));
            if let Some(detail) = detail.as_object_mut() {
                detail.insert("action".to_owned(), json!(subject.entry.action));
            }
            (Phase::Failed, detail)
        }
        // It is planned anew from what is there.
        Verdict::Unchanged | Verdict::Fenced(_) | Verdict::Cancelled | Verdict::Blocked(_) => {
            ending::tell(shared, subject, &flown).await;
            return (flown.verdict, flown.steps);
        }
    };
    let verdict = match flight::write(shared, subject, "finished", phase, detail).await {
        Ok(()) => flown.verdict,
        Err(why) => Verdict::Failed(why),
    };
    (verdict, flown.steps)
}

fn refused<E>(shared: &Shared<E>, subject: &Subject, why: &Why) -> Refused {
    let wanted = subject.desired.as_deref();
    let before = shared.journal.memory(&subject.id).refused;
    let same = before.filter(|before| before.is_of(wanted));
    let count = same.map_or(1, |before| before.count.saturating_add(1));
    let doubled = FIRST_PAUSE.saturating_mul(1 << count.saturating_sub(1).min(16));
    let until = Timestamp::now().checked_add(doubled.min(LAST_PAUSE)).ok();
    Refused {
        digest: wanted.map(|one| one.digest.clone()),
        told: wanted.map(DesiredExchange::told),
        why: why.clone(),
        count,
        until: until.filter(|_| !is_final(why)),
    }
}

/// Whether it is too early to try again. No pause ends later than the longest does: what says so was written when the clock
/// was wrong.
pub(super) fn is_early(refused: &Refused, now: Timestamp) -> bool {
    refused.until.is_none_or(|until| {
        let rest = Duration::try_from(until.duration_since(now));
        rest.is_ok_and(|rest| !rest.is_zero() && rest <= LAST_PAUSE)
    })
}

/// Whether the same again would be refused again.
fn is_final(why: &Why) -> bool {
    why.is_final
        || matches!(
            why.reason,
            Reason::StatefulSetImmutable | Reason::FieldUnknown | Reason::RenderFailed
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// helm quotes values and objects; a word among them decides nothing.
    #[test]
    fn whoever_was_refused_says_whether_it_is_final() {
        let mut why = Why::new(Reason::HelmFailed, "helm upgrade: lost template: x");
        assert!(!is_final(&why));
        why.is_final = true;
        assert!(is_final(&why));
    }
}
