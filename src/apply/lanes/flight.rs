//! Runs one task: asks the step function, performs, journals, retries, waits.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span};

use super::halt::is_of_surroundings;
use super::recall::Recall;
use super::slots::Slot;
use super::{Progress, QUEUED, Shared, lock};
use crate::apply::effect::{Effect, Reply, Why};
use crate::apply::effects::Effects;
use crate::apply::outcome::{StepTaken, Verdict};
use crate::apply::step::{Next, Stage, Task, step};
use crate::apply::subject::Subject;
use crate::packed::Packed;
use crate::reason::Reason;
use crate::state::journal::{Line, Phase};

/// A helm older than this waits for its cluster.
const COMPUTES: Duration = Duration::from_secs(10);

/// The longest pause of a wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A task with everything it needs on its way.
pub(super) struct Pilot<E> {
    pub(super) shared: Arc<Shared<E>>,
    pub(super) subject: Subject,
    pub(super) recall: Recall,
    /// How far the task has come.
    pub(super) stage: Stage,
    pub(super) steps: Vec<StepTaken>,
    /// Held from the first reading for a helm to its end.
    pub(super) slot: Option<Slot>,
    /// The journal tells of it.
    pub(super) is_journalled: bool,
}

/// A task that is over.
pub(super) struct Flown {
    pub(super) verdict: Verdict,
    pub(super) steps: Vec<StepTaken>,
    /// When it began; none where it had to wait and never did.
    pub(super) began: Option<Timestamp>,
    /// The journal tells of its effects.
    pub(super) is_journalled: bool,
    /// A newer plan ended it because nothing is to be done.
    pub(super) is_called_off: bool,
}

/// When a helm may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    AtOnce,
    /// Others were before it.
    Later,
    /// It is not to start any more.
    Never,
}

/// A wait that is not over.
struct Waiting {
    since: Instant,
    /// The same for people.
    began: Timestamp,
    asked: u32,
}

/// Runs it to its end.
pub(super) async fn fly<E: Effects>(mut pilot: Pilot<E>) -> Flown {
    let began = Some(Timestamp::now());
    let memory = pilot.shared.journal.memory(&pilot.subject.id);
    let mut task = Task::new(&pilot.subject.entry, memory.leftover.as_ref());
    let mut reply = None;
    let mut waiting: Option<Waiting> = None;
    // A wait is one span, however often it was asked.
    let mut span = Span::none();
    loop {
        let (after, next) = step(task, reply.take());
        task = after;
        reply = Some(match next {
            Next::End(verdict) => {
                pilot.stage = task.stage();
                return pilot.land(verdict, began);
            }
            Next::Do(effect) => {
                waiting = None;
                let id = &pilot.subject.id;
                pilot.shared.show(id, Some(effect.word()), None);
                pilot.shared.tell(Progress::Step(id.clone(), effect.word()));
                span = tracing::info_span!("step", step = effect.word(), reason = Empty);
                tracing::debug!(parent: &span, "begins");
                pilot.queue(&task, &effect).instrument(span.clone()).await
            }
            Next::Again(effect, pause, why) => {
                let wait = waiting.get_or_insert_with(|| Waiting {
                    since: Instant::now(),
                    began: Timestamp::now(),
                    asked: 0,
                });
                wait.asked += 1;
                pilot.slot = None;
                match pilot.pause(&effect, pause, why, wait).await {
                    Some(reply) => reply,
                    None => pilot.queue(&task, &effect).instrument(span.clone()).await,
                }
            }
        });
        if let Some(why) = reply.as_ref().and_then(Reply::trouble) {
            span.record("reason", display(why.reason));
        }
    }
}

impl<E: Effects> Pilot<E> {
    /// It is over; `began` is none where it never began.
    pub(super) fn land(self, verdict: Verdict, began: Option<Timestamp>) -> Flown {
        Flown {
            is_called_off: verdict == Verdict::Cancelled && self.recall.is_called_off(self.stage),
            verdict,
            steps: self.steps,
            began,
            is_journalled: self.is_journalled,
        }
    }

    /// Pauses a wait; an answer if it is over, one way or another.
    async fn pause(
        &self,
        effect: &Effect,
        pause: Duration,
        why: Why,
        wait: &Waiting,
    ) -> Option<Reply> {
        let longest = lock(&self.shared.limits).health;
        if wait.since.elapsed() >= longest {
            let text = format!("{} after {}s", why.text, wait.since.elapsed().as_secs());
            let reason = if *effect == Effect::AwaitReady && !is_of_surroundings(why.reason) {
                Reason::HealthTimeout
            } else {
                why.reason
            };
            return Some(Reply::TimedOut(Why::new(reason, text)));
        }
        let until = wait.began.checked_add(longest).ok();
        self.shared.show_end(&self.subject.id, until);
        self.shared.show(&self.subject.id, None, Some(why));
        let pause = pause.saturating_mul(1 + wait.asked / 4).min(LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => None,
            () = self.shared.cancel.cancelled() => Some(Reply::Cancelled),
            () = self.recall.ended(self.stage) => Some(Reply::Cancelled),
        }
    }

    /// Performs an effect, when it is its turn. The turn of a helm begins with the first reading for it: what that has seen is
    /// acted upon at once, however long the queue is.
    async fn queue(&mut self, task: &Task, effect: &Effect) -> Reply {
        self.stage = task.stage();
        // Between two effects nobody listens.
        if effect.is_write() && self.recall.ends(self.stage) {
            return Reply::Cancelled;
        }
        if !task.takes_turn(effect) {
            self.slot = None;
        } else if self.slot.is_none()
            && let Some(reply) = self.line_up(effect).await
        {
            return reply;
        }
        // Behind the helms of many clusters it may be long ago that somebody looked at what is to be destroyed.
        if *effect == Effect::Uninstall {
            match self.start().await {
                Start::AtOnce => {}
                Start::Later => return Reply::Late,
                Start::Never => return Reply::Cancelled,
            }
        }
        self.perform(effect).await
    }

    /// Waits for a place in the queue of its cluster; an answer if it is not to have one any more.
    async fn line_up(&mut self, effect: &Effect) -> Option<Reply> {
        let (shared, id) = (&self.shared, &self.subject.id);
        let slot = or_tell(shared.slots.helm(&id.cluster), || {
            shared.show(id, Some(QUEUED), None);
        });
        let slot = tokio::select! {
            // A place that is free at once is none for what was taken back before.
            biased;
            () = shared.cancel.cancelled() => return Some(Reply::Cancelled),
            () = self.recall.ended(self.stage) => return Some(Reply::Cancelled),
            slot = slot => slot,
        };
        shared.show(id, Some(effect.word()), None);
        self.slot = Some(slot);
        // Others may have failed while it queued. What was begun is finished.
        if self.stage != Stage::Untouched {
            return None;
        }
        shared.halted(id).map(Reply::Blocked)
    }

    /// Waits until fewer helms run than may, over all clusters.
    async fn start(&mut self) -> Start {
        let Some(slot) = &mut self.slot else {
            return Start::AtOnce;
        };
        let mut start = Start::AtOnce;
        tokio::select! {
            biased;
            () = self.shared.cancel.cancelled() => return Start::Never,
            () = self.recall.ended(self.stage) => return Start::Never,
            () = or_tell(slot.start(&self.shared.slots), || start = Start::Later) => {}
        }
        start
    }

    async fn perform(&mut self, effect: &Effect) -> Reply {
        let began = Instant::now();
        let reply = self.journalled(effect).await;
        let seconds = began.elapsed().as_secs_f64();
        let done = matches!(reply, Reply::Done | Reply::Release(_) | Reply::Saved(_));
        match self.steps.last_mut() {
            // A wait is one step, however often it was asked.
            Some(last) if effect.is_wait() && last.step == effect.word() => {
                last.seconds += seconds;
                last.done = done;
            }
            _ => self.steps.push(StepTaken {
                step: effect.word().to_owned(),
                seconds,
                done,
            }),
        }
        reply
    }

    async fn journalled(&mut self, effect: &Effect) -> Reply {
        if self.shared.cancel.is_cancelled() {
            return Reply::Cancelled;
        }
        if !effect.is_write() {
            return self.retried(effect).await;
        }
        if let Err(why) = self.shared.effects.at_hand(effect) {
            return Reply::Blocked(why);
        }
        if let Err(why) = self.shared.effects.admit(&self.subject).await {
            return Reply::Blocked(why);
        }
        let detail = self.detail(effect);
        let begun = self.write(effect, Phase::Intent, detail.clone()).await;
        if let Err(why) = begun {
            return Reply::Blocked(why);
        }
        self.is_journalled = true;
        let reply = self.retried(effect).await;
        let (phase, detail) = match &reply {
            Reply::Done | Reply::Release(_) => (Phase::Done, detail),
            Reply::Saved(saved) => (Phase::Done, json!(saved)),
            Reply::NotYet(why)
            | Reply::Blocked(why)
            | Reply::Refused(why)
            | Reply::Lost(why)
            | Reply::TimedOut(why) => (Phase::Failed, json!(why)),
            Reply::Cancelled | Reply::Late => (Phase::Failed, json!({"cancelled": true})),
        };
        match self.write(effect, phase, detail).await {
            Ok(()) => reply,
            // What cannot be written down must not be built upon.
            Err(why) => Reply::Refused(why),
        }
    }

    /// Repeats what can simply be repeated. A helm whose end is not known is not: the step function looks first. Nor is what only
    /// waits, or reads before something is done: it is asked again anyway, as long as a wait may take, and whoever cannot be
    /// asked may be back by then.
    async fn retried(&mut self, effect: &Effect) -> Reply {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(8))
            .with_max_times(4)
            .with_jitter()
            .build();
        loop {
            let reply = self.once(effect).await;
            let Reply::Lost(why) = reply else {
                return reply;
            };
            if effect.goes_on_without_answer() {
                return Reply::NotYet(why);
            }
            let Some(delay) = delays.next().filter(|_| !effect.is_helm_write()) else {
                return Reply::Lost(why);
            };
            self.shared.show(&self.subject.id, None, Some(why));
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.shared.cancel.cancelled() => return Reply::Cancelled,
            }
        }
    }

    async fn once(&mut self, effect: &Effect) -> Reply {
        if effect.starts_helm() && self.start().await == Start::Never {
            return Reply::Cancelled;
        }
        let shared = &self.shared;
        let desired = self.subject.desired.as_deref();
        let work = async {
            let reply = shared
                .effects
                .perform(&self.subject, effect, &shared.cancel)
                .await;
            // From here it goes into journal, status, log and registry.
            let values = desired.map(|desired| &desired.values);
            reply.without_secrets(|| values.map(Packed::open).unwrap_or_default())
        };
        let Some(slot) = self.slot.as_mut().filter(|_| effect.starts_helm()) else {
            return work.await;
        };
        let began = Instant::now();
        let mut work = std::pin::pin!(work);
        let reply = match tokio::time::timeout(COMPUTES, &mut work).await {
            Ok(reply) => reply,
            Err(_elapsed) => {
                slot.give_way();
                work.await
            }
        };
        // What became of it is written down while the next one starts.
        slot.give_way();
        let seconds = began.elapsed().as_secs_f64();
        shared.tell(Progress::Helm(effect.word(), seconds));
        reply
    }

    fn detail(&self, effect: &Effect) -> Value {
        let desired = self.subject.desired.as_ref();
        json!({
            "effect": effect,
            "file": self.subject.entry.file,
            "system_id": self.subject.system_id(),
            "digest": desired.map(|one| &one.digest),
        })
    }

    async fn write(&self, effect: &Effect, phase: Phase, detail: Value) -> Result<(), Why> {
        write(&self.shared, &self.subject, effect.word(), phase, detail).await
    }
}

/// Appends to the journal, off the threads that others run on: it waits for the disk.
pub(super) async fn write<E: Effects>(
    shared: &Arc<Shared<E>>,
    subject: &Subject,
    step: &str,
    phase: Phase,
    detail: Value,
) -> Result<(), Why> {
    let line = Line {
        pass: subject.pass,
        commit: subject.commit.clone(),
        id: Some(subject.id.clone()),
        step: step.to_owned(),
        phase,
        detail,
    };
    append(shared, line).await
}

pub(super) async fn append<E: Effects>(shared: &Arc<Shared<E>>, line: Line) -> Result<(), Why> {
    let journal = Arc::clone(&shared.journal);
    match tokio::task::spawn_blocking(move || journal.append(line)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Why::from_error(Reason::StateUnusable, &error)),
        Err(error) if error.is_panic() => Err(Why::from_error(Reason::Bug, &error)),
        Err(error) => Err(Why::from_error(Reason::Interrupted, &error)),
    }
}

/// Waits for `work`, and tells so if it is not ready at once.
pub(super) async fn or_tell<T>(work: impl Future<Output = T>, tell: impl FnOnce()) -> T {
    let mut work = std::pin::pin!(work);
    let mut tell = Some(tell);
    std::future::poll_fn(move |context| {
        let polled = work.as_mut().poll(context);
        if polled.is_pending()
            && let Some(tell) = tell.take()
        {
            tell();
        }
        polled
    })
    .await
}
