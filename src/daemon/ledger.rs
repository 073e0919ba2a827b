//! What is known of every exchange between passes, and the status that follows from it.

mod entry;

pub(super) use entry::{errors, finding};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::apply::{InFlight, Outcome, OutcomeResult};
use crate::cluster::Change;
use crate::diagnostic::Diagnostic;
use crate::health::Health;
use crate::id::{ClusterId, CommitId, ExchangeId};
use crate::mask::masked;
use crate::observe::observed::{Observed, ReleaseView, Unreadable};
use crate::pass::Survey;
use crate::plan::action::{Action, PlannedExchange};
use crate::reason::Reason;
use crate::report::is_complete;
use crate::status::{Kept, Read, Status, Trouble, Unread};

/// The sum of what was seen and done.
#[derive(Debug)]
pub struct Ledger {
    /// What the next status begins with; of exchanges nothing.
    status: Status,
    /// The last one that was told.
    told: Arc<Status>,
    /// The last one of the process before this one.
    before: Option<Status>,
    /// We end: what is cancelled now, nobody goes on with.
    ends: bool,
    pub(super) survey: Option<Arc<Survey>>,
    pub(super) outcomes: BTreeMap<ExchangeId, Outcome>,
    pub(super) health: BTreeMap<ExchangeId, Condition>,
    /// What records were told since they were last read.
    pub(super) stated: BTreeMap<ExchangeId, &'static str>,
    retries: BTreeMap<ExchangeId, Timestamp>,
    /// In our own hands when the pass that runs began to look.
    handled: BTreeSet<ExchangeId>,
    /// What the last survey saw in the middle of our own work.
    midway: BTreeSet<ExchangeId>,
}

/// How an exchange is, as it said itself.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) health: Health,
    client_urls: Arc<[String]>,
    /// How often in a row it was not well.
    pub(super) unwell: u32,
    /// When it was asked.
    asked: Instant,
}

/// What an exchange answered.
pub(super) struct Answer {
    pub(super) id: ExchangeId,
    pub(super) health: Health,
    /// None where that was not seen this time.
    pub(super) client_urls: Option<Arc<[String]>>,
    /// When it was asked.
    pub(super) asked: Instant,
}

impl Ledger {
    /// Before the first pass of a process that comes after another, which left this status.
    pub fn after(before: Option<Status>, now: Timestamp) -> Self {
        Self {
            before,
            ..Self::new(now)
        }
    }

    /// Before the first pass.
    pub fn new(now: Timestamp) -> Self {
        let status = Status::new(std::process::id(), now);
        Self {
            told: Arc::new(status.clone()),
            before: None,
            ends: false,
            status,
            survey: None,
            outcomes: BTreeMap::new(),
            health: BTreeMap::new(),
            stated: BTreeMap::new(),
            retries: BTreeMap::new(),
            handled: BTreeSet::new(),
            midway: BTreeSet::new(),
        }
    }

    /// A pass begins to look while these are in our hands.
    pub fn begin_pass(&mut self, handled: BTreeSet<ExchangeId>) {
        self.handled = handled;
    }

    /// Whether the pass that is under way, or over and not taken yet, looks at it in the middle of our own work.
    pub(super) fn is_handled(&self, id: &ExchangeId) -> bool {
        self.handled.contains(id)
    }

    /// A pass is over, made or not.
    pub fn count_try(&mut self) {
        self.status.tried = self.status.tried.saturating_add(1);
    }

    /// A pass was made; `held` is what was not begun, and why.
    pub fn take_pass(&mut self, survey: Arc<Survey>, held: BTreeMap<ExchangeId, Outcome>) {
        self.status.pass = self.status.pass.saturating_add(1);
        self.status.commit.clone_from(&survey.desired.commit);
        self.status.complete = is_complete(&survey.plan);
        self.status.trouble = None;
        let about_branch = |found: &&Diagnostic| {
            matches!(
                found.reason,
                Reason::SourceWentBack | Reason::HistoryRewritten
            )
        };
        let found = survey.desired.diagnostics.iter().filter(about_branch);
        self.status.attention = found.map(Trouble::found).collect();
        self.status.unreadable = unread(&survey.observed);
        let unclear = survey.desired.incomplete.first();
        self.status.source = unclear.map(Trouble::found);
        self.status.read = read(&survey.observed);
        // What is as wanted has no failure any more.
        for entry in &survey.plan.exchanges {
            if let Some(id) = &entry.id
                && !entry.action.is_change()
            {
                self.outcomes.remove(id);
            }
        }
        // What nobody plans any more is not told any more.
        let planned: BTreeSet<_> = survey
            .plan
            .exchanges
            .iter()
            .filter_map(|entry| entry.id.as_ref())
            .collect();
        self.midway = std::mem::take(&mut self.handled);
        // Nor what was done before this look: what it found is newer.
        self.outcomes.retain(|id, outcome| {
            planned.contains(id)
                && (outcome.result != OutcomeResult::Done || self.midway.contains(id))
        });
        self.outcomes.extend(
            held.into_iter()
                .filter(|(_, outcome)| outcome.result != OutcomeResult::Unchanged),
        );
        self.health.retain(|id, _| {
            let stays = planned.contains(id) && survey.observed.release(id).is_some();
            stays || survey.desired.exchanges.contains_key(id)
        });
        self.stated.clear();
        self.survey = Some(survey);
    }

    /// A pass could not be made, or nothing may follow from it.
    pub fn take_trouble(&mut self, trouble: Trouble) {
        self.status.trouble = Some(trouble);
    }

    /// Why there is no pass now.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.status.trouble.as_ref()
    }

    /// Settings were read again, and are in force or not.
    pub fn take_settings(&mut self, trouble: Option<Trouble>) {
        self.status.settings = trouble;
    }

    /// Kubeconfigs that were written anew and cannot be used.
    pub(super) fn take_kubeconfigs(&mut self, refused: &BTreeMap<ClusterId, Unreadable>) {
        let kept = refused.iter().map(|(id, unreadable)| Kept {
            cluster: id.clone(),
            why: trouble(unreadable),
        });
        self.status.kubeconfigs = kept.collect();
    }

    /// Something ended.
    pub fn take_outcome(&mut self, outcome: Outcome) {
        if outcome.result != OutcomeResult::Done || outcome.action == Action::Uninstall {
            self.health.remove(&outcome.id);
        } else if outcome.was_ready() {
            self.take_health(Answer {
                id: outcome.id.clone(),
                health: Health::Ready,
                client_urls: None,
                asked: Instant::now(),
            });
        }
        self.outcomes.insert(outcome.id.clone(), outcome);
    }

    /// No pass comes any more.
    pub fn end(&mut self) {
        self.ends = true;
    }

    /// What became of the helms of an exchange that we left in the middle: nobody has looked since.
    pub(super) fn left(&self, outcome: &Outcome) -> Option<String> {
        let left = self.ends && outcome.result == OutcomeResult::Cancelled;
        left.then(|| outcome.helms()).flatten()
    }

    /// Whether it was asked before what is known of it.
    pub(super) fn is_late(&self, answer: &Answer) -> bool {
        let known = self.health.get(&answer.id);
        known.is_some_and(|known| answer.asked < known.asked)
    }

    /// Somebody was asked. Whether the answer differs from the last; what was asked before that one says only where clients
    /// find it: a slow answer would tell of servers that were still starting, for as long as nobody asks again.
    pub(super) fn take_health(&mut self, answer: Answer) -> bool {
        let is_late = self.is_late(&answer);
        let Answer {
            id,
            health,
            client_urls,
            asked,
        } = answer;
        let Some(known) = self.health.get_mut(&id) else {
            let unwell = unwell(&health, 0);
            let condition = Condition {
                health,
                client_urls: client_urls.unwrap_or_default(),
                unwell,
                asked,
            };
            self.health.insert(id, condition);
            return true;
        };
        let mut is_news = false;
        if let Some(urls) = client_urls {
            is_news = known.client_urls != urls;
            known.client_urls = urls;
        }
        if !is_late {
            let unwell = unwell(&health, known.unwell);
            is_news |= (&known.health, known.unwell) != (&health, unwell);
            (known.health, known.unwell, known.asked) = (health, unwell, asked);
        }
        is_news
    }

    /// What it last said counts no more: it is being asked.
    pub(super) fn doubt_health(&mut self, id: &ExchangeId) {
        if let Some(condition) = self.health.get_mut(id) {
            let text = "health is being asked".to_owned();
            condition.health = Health::Unknown { text };
            condition.asked = Instant::now();
        }
    }

    /// When failures are tried again.
    pub fn take_retries(&mut self, retries: BTreeMap<ExchangeId, Timestamp>) {
        self.retries = retries;
    }

    /// A record was told how its exchange is.
    pub(super) fn take_state(&mut self, id: ExchangeId, state: &'static str) {
        self.stated.insert(id, state);
    }

    /// Exchanges that are released and are to stay, as wanted or not: those whose health is worth asking. A file that is
    /// broken says nothing of the servers that run.
    pub fn released(&self) -> Vec<ExchangeId> {
        let Some(survey) = &self.survey else {
            return Vec::new();
        };
        survey
            .plan
            .exchanges
            .iter()
            .filter(|entry| !matches!(entry.action, Action::Uninstall | Action::Deregister))
            .filter_map(|entry| entry.id.clone())
            .filter(|id| survey.observed.release(id).is_some())
            .collect()
    }

    /// The release of an exchange, as the last pass saw it.
    pub fn release(&self, id: &ExchangeId) -> Option<&ReleaseView> {
        self.survey.as_ref()?.observed.release(id)
    }

    /// Whether health of this one is not known yet.
    pub fn is_unasked(&self, id: &ExchangeId) -> bool {
        !self.health.contains_key(id)
    }

    /// Exchanges of which something was begun and ended before it was over, because we were told to stop.
    pub fn unfinished(&self) -> impl Iterator<Item = &ExchangeId> {
        let outcomes = self.outcomes.values();
        let cancelled = outcomes.filter(|outcome| outcome.result == OutcomeResult::Cancelled);
        cancelled.map(|outcome| &outcome.id)
    }

    /// Whether the last pass found it in the repository.
    pub(super) fn declares(&self, id: &ExchangeId) -> bool {
        let survey = self.survey.as_ref();
        survey.is_some_and(|survey| survey.desired.exchanges.contains_key(id))
    }

    /// Whether the last pass saw the release as it is after this change, or as it was made since.
    pub(super) fn has_seen(&self, change: &Change) -> bool {
        let Change::Release {
            id,
            revision,
            secret,
            ..
        } = change
        else {
            return false;
        };
        let Some(survey) = &self.survey else {
            return false;
        };
        match survey.observed.release(id) {
            None => secret.is_none(),
            Some(view) => {
                let seen = &view.secret;
                let same = |(uid, version): &(String, String)| {
                    *uid == seen.uid && *version == seen.resource_version
                };
                view.revision > *revision || secret.as_ref().is_some_and(same)
            }
        }
    }

    /// How many passes are over, made or not: the number of the last one, wherever one is named.
    pub fn tries(&self) -> u64 {
        self.status.tried
    }

    /// The commit of the last pass.
    pub fn commit(&self) -> Option<&CommitId> {
        self.status.commit.as_ref()
    }

    /// The status that was told last.
    pub fn told(&self) -> &Status {
        &self.told
    }

    /// The status now; `complete` adds what others know.
    pub fn status(
        &mut self,
        in_flight: &BTreeMap<ExchangeId, InFlight>,
        now: Timestamp,
        complete: impl FnOnce(&mut Status),
    ) -> Arc<Status> {
        let mut next = self.status.clone();
        next.written_at = now;
        next.exchanges = match &self.survey {
            None => Vec::new(),
            Some(survey) => survey
                .plan
                .exchanges
                .iter()
                .filter(|entry| !self.is_gone(entry, in_flight))
                .map(|entry| self.entry(survey, entry, in_flight, now))
                .collect(),
        };
        let before = self.before.as_ref().filter(|_| self.told.pass == 0);
        next.keep_since(before.unwrap_or(&self.told));
        complete(&mut next);
        self.told = Arc::new(next);
        Arc::clone(&self.told)
    }

    /// Removed since the last pass.
    fn is_gone(&self, entry: &PlannedExchange, in_flight: &BTreeMap<ExchangeId, InFlight>) -> bool {
        let Some(id) = &entry.id else { return false };
        matches!(entry.action, Action::Uninstall | Action::Deregister)
            && !in_flight.contains_key(id)
            && self
                .outcomes
                .get(id)
                .is_some_and(|outcome| outcome.result == OutcomeResult::Done)
    }
}

/// How often in a row it was not well, with this answer.
fn unwell(health: &Health, before: u32) -> u32 {
    match health {
        Health::Ready | Health::Limited => 0,
        Health::Waiting { .. } | Health::Failed { .. } => before.saturating_add(1),
        Health::Unknown { .. } => before,
    }
}

fn unread(observed: &Observed) -> Vec<Unread> {
    let unread = |cluster, unreadable: &Unreadable| Unread {
        cluster,
        why: trouble(unreadable),
    };
    let views = observed.clusters.iter();
    let clusters =
        views.filter_map(|(id, view)| Some(unread(Some(id.clone()), view.as_ref().err()?)));
    let registry = observed.registry.as_ref().err();
    clusters
        .chain(registry.map(|unreadable| unread(None, unreadable)))
        .collect()
}

/// A cluster that is another than it was says nothing of what was there.
fn read(observed: &Observed) -> Vec<Read> {
    let views = observed.clusters.iter();
    let read = views.filter_map(|(id, view)| Some((id, view.as_ref().ok()?)));
    let read = read.filter(|(_, view)| view.replaced.is_none());
    read.map(|(id, view)| Read {
        cluster: id.clone(),
        namespaces: view.scope.clone(),
    })
    .collect()
}

fn trouble(unreadable: &Unreadable) -> Trouble {
    Trouble {
        reason: unreadable.reason,
        text: masked(&unreadable.text),
    }
}

#[cfg(test)]
mod tests;
