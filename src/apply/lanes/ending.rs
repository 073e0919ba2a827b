//! What the journal says of a task that is over and neither did its work nor failed at it.

use std::sync::Arc;

use super::Shared;
use super::flight::{self, Flown};
use crate::apply::effect::Why;
use crate::apply::effects::Effects;
use crate::apply::outcome::{OutcomeResult, Verdict};
use crate::apply::subject::Subject;
use crate::exchange::desired::DesiredExchange;
use crate::reason::Reason;
use crate::state::journal::{Ended, HeldBack};

/// Writes it down where the journal tells of the task, as what was begun would look as if it went on for ever; and where it
/// was held back before that, once: it is tried again and again.
pub(super) async fn tell<E: Effects>(shared: &Arc<Shared<E>>, subject: &Subject, flown: &Flown) {
    let Some(ended) = ended(shared, subject, flown) else {
        return;
    };
    if !flown.is_journalled && !is_news(shared, subject, &ended) {
        return;
    }
    let line = ended.line(subject.pass, subject.commit.clone(), subject.id.clone());
    // Nothing is built upon it.
    if let Err(why) = flight::append(shared, line).await {
        tracing::warn!(exchange = %subject.id, text = why.sentence(), "the journal could not be written");
    }
}

/// Whether it was held back, and not by the same as before.
fn is_news<E>(shared: &Shared<E>, subject: &Subject, ended: &Ended) -> bool {
    let held_back = HeldBack::by(ended);
    // That others failed is told of them.
    held_back.is_some()
        && ended.reason != Reason::HaltedByFailures
        && held_back != shared.journal.memory(&subject.id).held_back
}

/// None where it never began.
fn ended<E>(shared: &Shared<E>, subject: &Subject, flown: &Flown) -> Option<Ended> {
    let stopped = || {
        if shared.cancel.is_cancelled() {
            "natsx-sync was told to stop"
        } else if flown.is_called_off {
            "a newer plan wants nothing done, or holds it"
        } else {
            "a newer plan wants something else"
        }
    };
    let planned = |text| Why::new(subject.entry.reason, text);
    let (result, why) = match &flown.verdict {
        // They have a line of their own.
        Verdict::Done | Verdict::Failed(_) => return None,
        Verdict::Unchanged => (OutcomeResult::Unchanged, planned("")),
        Verdict::Cancelled => (OutcomeResult::Cancelled, planned(stopped())),
        Verdict::Fenced(why) => (OutcomeResult::Fenced, why.clone()),
        Verdict::Blocked(why) => (OutcomeResult::Blocked, why.clone()),
    };
    let wanted = subject.desired.as_deref();
    Some(Ended {
        action: subject.entry.action,
        result,
        reason: why.reason,
        text: why.sentence(),
        began: flown.began?,
        digest: wanted.map(|one| one.digest.clone()),
        told: wanted.map(DesiredExchange::told),
    })
}
