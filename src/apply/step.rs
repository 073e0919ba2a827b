//! What comes next: `(task, answer) -> (task, next)`. Pure, so that every order and every fault is a table in a test.

use std::collections::VecDeque;
use std::time::Duration;

use super::effect::{Effect, Reply, Seen, Why};
use super::fence::Expected;
use super::order::{Leftover, order};
use super::outcome::Verdict;
use crate::observe::observed::ReleaseStatus;
use crate::plan::action::PlannedExchange;
use crate::reason::Reason;

/// How often a helm whose end is not known is tried.
const ATTEMPTS: u32 = 3;

/// How long a wait pauses before it asks again.
const PAUSE: Duration = Duration::from_secs(1);

/// Where an exchange stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    todo: VecDeque<Effect>,
    asked: Option<Effect>,
    expected: Expected,
    saved: Leftover,
    attempt: u32,
    mode: Mode,
    changed: bool,
}

/// Why the release is being inspected.
#[derive(Debug, Clone, PartialEq)]
enum Mode {
    /// It is not.
    Straight,
    /// Nobody knows whether this helm succeeded.
    Unsure(Effect, Why),
    /// helm was refused; what was deployed is put back.
    Mending(Why),
    /// It was put back; its labels are next.
    Restoring(Why),
}

/// How far a task has come, for a plan that is newer than it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was changed.
    Untouched,
    /// Something was, or may have been.
    Begun,
    /// What was there before is put back, which is never given up.
    PutsBack,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// This effect, now.
    Do(Effect),
    /// This effect again, after a pause.
    Again(Effect, Duration, Why),
    /// It is over.
    End(Verdict),
}

impl Task {
    /// The task of an entry.
    pub fn new(entry: &PlannedExchange, leftover: Option<&Leftover>) -> Self {
        Self {
            todo: order(entry),
            asked: None,
            expected: Expected::of(&entry.precondition),
            saved: leftover.cloned().unwrap_or_default(),
            attempt: 1,
            mode: Mode::Straight,
            changed: false,
        }
    }

    /// Whether this effect, which is asked for now, is part of a helm's turn.
    pub fn takes_turn(&self, effect: &Effect) -> bool {
        if effect.starts_helm() {
            return true;
        }
        match &self.mode {
            Mode::Straight => {
                let mut after = self.todo.iter().skip_while(|next| next.leads_to_helm());
                effect.leads_to_helm() && after.next().is_some_and(Effect::is_helm_write)
            }
            // What is found decides about the next helm.
            Mode::Unsure(..) | Mode::Mending(_) => true,
            Mode::Restoring(_) => false,
        }
    }

    /// Whether the helm it asked for was refused because another one was at work.
    fn found_locked(&self) -> bool {
        match &self.mode {
            Mode::Unsure(_, why) | Mode::Mending(why) => why.reason == Reason::ReleaseLocked,
            Mode::Straight | Mode::Restoring(_) => false,
        }
    }

    /// How far it has come.
    pub fn stage(&self) -> Stage {
        match &self.mode {
            Mode::Mending(_) | Mode::Restoring(_) => Stage::PutsBack,
            Mode::Unsure(..) => Stage::Begun,
            Mode::Straight if self.changed => Stage::Begun,
            Mode::Straight => Stage::Untouched,
        }
    }

    fn ask(mut self, effect: Effect) -> (Self, Next) {
        self.asked = Some(effect.clone());
        (self, Next::Do(effect))
    }

    fn end(mut self, verdict: Verdict) -> (Self, Next) {
        self.todo.clear();
        self.asked = None;
        (self, Next::End(verdict))
    }

    fn advance(mut self) -> (Self, Next) {
        let changed = self.changed;
        match self.todo.pop_front() {
            Some(Effect::AwaitGone { .. }) => {
                let objects = self.saved.objects.clone();
                self.ask(Effect::AwaitGone { objects })
            }
            Some(Effect::DeleteClaims { .. }) => {
                let claims = self.saved.claims.clone();
                self.ask(Effect::DeleteClaims { claims })
            }
            Some(effect) => self.ask(effect),
            None if changed => self.end(Verdict::Done),
            None => self.end(Verdict::Unchanged),
        }
    }
}

/// The next effect after `reply`; none is the answer to nothing, at the beginning.
pub fn step(task: Task, reply: Option<Reply>) -> (Task, Next) {
    let Some(reply) = reply else {
        return task.advance();
    };
    let Some(asked) = task.asked.clone() else {
        return task.advance();
    };
    match reply {
        Reply::Done => done(task, &asked),
        Reply::Saved(saved) => {
            let mut task = task;
            task.saved = saved;
            task.advance()
        }
        Reply::Release(seen) if asked == Effect::Inspect => inspected(task, seen),
        Reply::Release(seen) => fenced(task, seen),
        Reply::NotYet(why) => (task, Next::Again(asked, PAUSE, why)),
        Reply::Cancelled => task.end(Verdict::Cancelled),
        Reply::Late => late(task, asked),
        Reply::Blocked(why) => match task.mode {
            Mode::Straight => task.end(Verdict::Blocked(why)),
            Mode::Unsure(..) | Mode::Mending(_) | Mode::Restoring(_) => failed(task, &asked, why),
        },
        Reply::Lost(why) if asked.is_helm_write() => unsure(task, asked, why),
        Reply::TimedOut(why) | Reply::Refused(why) | Reply::Lost(why) => failed(task, &asked, why),
    }
}

fn done(mut task: Task, asked: &Effect) -> (Task, Next) {
    task.changed |=
        asked.is_write() && !matches!(asked, Effect::EnsureNamespace | Effect::MarkDeleting);
    match (asked, task.mode.clone()) {
        (Effect::Rollback { .. }, Mode::Mending(why)) => {
            task.mode = Mode::Restoring(why);
            task.ask(Effect::Inspect)
        }
        (Effect::RestoreStamp { .. }, Mode::Restoring(why)) => task.end(Verdict::Failed(why)),
        // Read again what is left behind the lock.
        (Effect::Unlock { .. }, Mode::Unsure(..) | Mode::Mending(_)) => {
            task.expected = Expected::Ours;
            task.ask(Effect::Inspect)
        }
        _ => {
            if asked.is_helm_write()
                || matches!(asked, Effect::Unlock { .. } | Effect::PatchStamp { .. })
            {
                task.expected = Expected::Ours;
            }
            task.advance()
        }
    }
}

/// What it relies on is read once more.
fn late(mut task: Task, asked: Effect) -> (Task, Next) {
    task.todo.push_front(asked);
    task.ask(Effect::Fence)
}

/// A refusal or a lost answer that ends the task, unless there is something to put back first.
fn failed(mut task: Task, asked: &Effect, why: Why) -> (Task, Next) {
    match task.mode.clone() {
        Mode::Straight if matches!(asked, Effect::Upgrade { .. }) => {
            task.mode = Mode::Mending(why);
            task.ask(Effect::Inspect)
        }
        Mode::Straight if why.reason == Reason::StaleFence => task.end(Verdict::Fenced(why)),
        Mode::Straight | Mode::Unsure(..) => task.end(Verdict::Failed(why)),
        Mode::Mending(mut first) | Mode::Restoring(mut first) => {
            first
                .chain
                .push(format!("and it could not be put back: {}", why.text));
            task.end(Verdict::Failed(first))
        }
    }
}

fn unsure(mut task: Task, asked: Effect, why: Why) -> (Task, Next) {
    if !matches!(task.mode, Mode::Straight) {
        return failed(task, &asked, why);
    }
    task.mode = Mode::Unsure(asked, why);
    task.ask(Effect::Inspect)
}

/// After the fence before a change: go on, go around, or give up.
fn fenced(mut task: Task, seen: Option<Seen>) -> (Task, Next) {
    let next = task.todo.front().cloned();
    if matches!(next, Some(Effect::SaveManifest)) && seen.is_none() {
        // Somebody removed it already; what remains is to see it gone.
        task.todo.drain(..2.min(task.todo.len()));
        return task.advance();
    }
    if let Some(text) = task.expected.broken_by(seen.as_ref()) {
        return task.end(Verdict::Fenced(Why::new(Reason::StaleFence, text)));
    }
    let next_revision = seen.as_ref().map_or(1, |seen| seen.revision + 1);
    let fresh = seen
        .as_ref()
        .is_none_or(|seen| seen.status == ReleaseStatus::Uninstalled);
    match next {
        Some(Effect::Install { .. } | Effect::Upgrade { .. }) => {
            task.todo.pop_front();
            let revision = next_revision;
            let effect = if fresh {
                Effect::Install { revision }
            } else {
                Effect::Upgrade { revision }
            };
            task.ask(effect)
        }
        Some(Effect::PatchStamp { .. }) => {
            task.todo.pop_front();
            match seen {
                Some(Seen {
                    secret, revision, ..
                }) => task.ask(Effect::PatchStamp { secret, revision }),
                None => task.advance(),
            }
        }
        _ => task.advance(),
    }
}

/// After something went wrong: what is really there decides.
fn inspected(mut task: Task, seen: Option<Seen>) -> (Task, Next) {
    let held = seen.as_ref().filter(|seen| seen.status.is_pending());
    if let Some(held) = held
        && !matches!(task.mode, Mode::Restoring(_))
    {
        // helm copies our mark to what a person does: only the stamped revision tells whose it is. A helm that was refused for
        // the lock did not make it, so that its own kind did on another host.
        if !held.is_ours || !held.is_untouched || task.found_locked() {
            return locked(task, held.revision);
        }
        if task.attempt <= ATTEMPTS {
            task.attempt += 1;
            let secret = held.secret.clone();
            return task.ask(Effect::Unlock { secret });
        }
    }
    match task.mode.clone() {
        Mode::Straight => task.advance(),
        Mode::Unsure(asked, why) => again(task, &asked, why, seen),
        Mode::Mending(why) => {
            let back = seen.filter(|seen| seen.status != ReleaseStatus::Deployed);
            match back.and_then(|seen| seen.last_deployed) {
                Some(revision) => task.ask(Effect::Rollback { revision }),
                None => task.end(Verdict::Failed(why)),
            }
        }
        Mode::Restoring(why) => match seen {
            Some(seen) if seen.status == ReleaseStatus::Deployed && seen.is_ours => {
                task.ask(Effect::RestoreStamp {
                    secret: seen.secret,
                    revision: seen.revision,
                })
            }
            _ => task.end(Verdict::Failed(why)),
        },
    }
}

/// Somebody else's helm works on it, and may be alive.
fn locked(task: Task, revision: u32) -> (Task, Next) {
    let text = format!(
        "a helm operation of somebody else holds the release (revision {revision}); nothing is done until it is over"
    );
    let why = Why::new(Reason::ReleaseLocked, text);
    if task.changed || task.stage() == Stage::PutsBack {
        return failed(task, &Effect::Inspect, why);
    }
    task.end(Verdict::Blocked(why))
}

fn again(mut task: Task, asked: &Effect, why: Why, seen: Option<Seen>) -> (Task, Next) {
    if task.attempt >= ATTEMPTS {
        return task.end(Verdict::Failed(why));
    }
    task.attempt += 1;
    task.mode = Mode::Straight;
    // What is there may be half of it.
    task.changed |= seen.is_some();
    let revision = seen.as_ref().map_or(1, |seen| seen.revision + 1);
    let ours = seen.as_ref().is_none_or(|seen| seen.is_ours);
    if !ours {
        return task.end(Verdict::Failed(why));
    }
    match (asked, seen) {
        (Effect::Uninstall, None) => task.advance(),
        (Effect::Uninstall, Some(_)) => task.ask(Effect::Uninstall),
        (Effect::Install { revision: made } | Effect::Upgrade { revision: made }, Some(seen))
            if seen.status == ReleaseStatus::Deployed
                && seen.is_untouched
                && seen.is_wanted
                && seen.revision >= *made =>
        {
            task.changed = true;
            task.expected = Expected::Ours;
            task.advance()
        }
        // Whoever made it knew what he did; the next plan says what that is worth.
        (Effect::Install { revision: made } | Effect::Upgrade { revision: made }, Some(seen))
            if !seen.is_untouched && seen.revision >= *made =>
        {
            let text = format!(
                "somebody else made revision {} of the release meanwhile",
                seen.revision
            );
            task.end(Verdict::Fenced(Why::new(Reason::StaleFence, text)))
        }
        (Effect::Install { .. } | Effect::Upgrade { .. }, None) => {
            task.ask(Effect::Install { revision })
        }
        (Effect::Install { .. } | Effect::Upgrade { .. }, Some(_)) => {
            task.ask(Effect::Upgrade { revision })
        }
        _ => task.end(Verdict::Failed(why)),
    }
}

#[cfg(test)]
mod tests;
