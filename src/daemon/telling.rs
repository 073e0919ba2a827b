//! Tells others how it stands: the status file and the board.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Session;
use super::watch::{Daemon, Options};
use crate::events::{Origin, Teller};
use crate::pass::{Equipment, PassError, Survey};
use crate::reason::Reason;
use crate::report::is_complete;
use crate::status::{Trouble, line};

/// Changes of the status within this time share one write.
const GATHER: Duration = Duration::from_millis(100);
/// A pass may take so long beyond three intervals before it is missed.
const SLACK: Duration = Duration::from_secs(60);

impl Daemon<'_> {
    /// Something that the status tells has changed.
    pub(super) fn status_changed(&mut self) {
        self.status_due_within(GATHER);
    }

    /// The same for what is in no hurry.
    pub(super) fn status_due_within(&mut self, time: Duration) {
        let pause = self.pace.before_status(time, self.written_at.elapsed());
        let due = Instant::now() + pause;
        self.status_due = Some(self.status_due.map_or(due, |at| at.min(due)));
    }

    /// Writes the status.
    pub(super) fn write_status(&mut self) {
        self.status_due = None;
        let began = Instant::now();
        let in_flight = self.lanes.in_flight();
        let refusals = self.session.journal.refusals().into_iter();
        let retries = refusals.filter_map(|(id, refused)| Some((id, refused.until?)));
        self.ledger.take_retries(retries.collect());
        let now = Timestamp::now();
        let until = self.next.saturating_duration_since(Instant::now());
        let events = self.teller.told();
        let status = self.ledger.status(&in_flight, now, |status| {
            status.next_pass = now.checked_add(until).ok();
            status.events = events;
        });
        let board = &self.options.board;
        let phases = status.exchanges.iter().map(|entry| entry.phase);
        board.metrics.exchanges(phases);
        let waiting = in_flight.iter().filter(|(_, flight)| flight.is_waiting());
        let clusters = self.equipment.settings.clusters.keys();
        board
            .metrics
            .queue(clusters, waiting.map(|(id, _)| &id.cluster));
        board.show(|seen| seen.status = Some(Arc::clone(&status)));
        self.teller.see(&status);
        self.service.stands(line(&status));
        let unwritten = self.equipment.state.write_status(&status).err();
        let unwritten = unwritten.map(|error| {
            // A full disk must not stop what is under way; nor may the file go on to tell what is no longer so.
            self.equipment.state.withdraw_status();
            let text = Trouble::of(Reason::NoStatus, &error).text;
            tracing::warn!(text, "the status cannot be written");
            text
        });
        board.show(|seen| seen.unwritten = unwritten);
        self.pace.status = began.elapsed();
        self.written_at = Instant::now();
    }

    /// The loop came round.
    pub(super) fn beat(&mut self) {
        let pass = self.pass.as_ref().map(|_| self.began.elapsed());
        self.pulse.beat(pass, &self.options.board, &self.service);
    }

    /// Shows that nothing may follow from a pass.
    pub(super) fn show_refusal(&self, refused: &Trouble) {
        let text = refused.text.clone();
        self.options.board.show(|seen| seen.missing.push(text));
    }

    /// Shows what a pass could read.
    pub(super) fn show_pass(&self, result: &Result<Arc<Survey>, PassError>) {
        let board = &self.options.board;
        let missing = match result {
            Err(error) => vec![Trouble::of(error.reason(), error).text],
            Ok(survey) => {
                let observed = &survey.observed;
                let clusters = observed.clusters.iter();
                let read = clusters.map(|(id, view)| (id, view.is_ok()));
                board.metrics.reachable(read, observed.registry.is_ok());
                missing(survey)
            }
        };
        let complete = result.is_ok().then_some(missing.is_empty());
        let seconds = self.began.elapsed().as_secs_f64();
        let now = Timestamp::now().as_duration().as_secs_f64();
        board.metrics.pass(complete, seconds, now);
        let fresh = self.equipment.settings.source.interval * 3 + SLACK;
        board.show(|seen| {
            if result.is_ok() {
                seen.passed = Some(std::time::Instant::now());
            }
            seen.missing = missing;
            seen.fresh = fresh;
        });
    }

    /// Shows which kubeconfigs were written anew and are not in force. What could be read was read, so nothing is missing.
    pub(super) fn show_kubeconfigs(&mut self) {
        let refused = self.equipment.inventory.refused();
        let clusters = self.equipment.settings.clusters.keys();
        let each = clusters.map(|id| (id, refused.contains_key(id)));
        self.options.board.metrics.kubeconfigs(each);
        self.ledger.take_kubeconfigs(&refused);
    }
}

/// Begins to tell events, where the settings name somebody.
pub(super) fn begin_to_tell(
    equipment: &Equipment,
    session: &Session,
    options: &Options,
) -> Result<Teller, PassError> {
    let settings = &equipment.settings;
    let origin = Origin::new(
        settings.instance.clone(),
        &equipment.repository.source.display(),
        &settings.source.path,
        settings.events.subject.clone(),
    );
    // A daemon that changes nothing finishes no commit.
    let forge = settings.events.commit_status.as_ref();
    let forge = forge
        .filter(|_| !options.dry_run)
        .map(|forge| forge.target(settings.source.url.as_deref(), &settings.instance));
    let forge = forge.transpose().map_err(PassError::Settings)?;
    let (state, journal) = (&equipment.state, &session.journal);
    let board = &options.board;
    Teller::begin(&settings.events, forge, &origin, state, journal, board)
        .map_err(|error| PassError::Settings(Trouble::of(Reason::SettingsInvalid, &error).text))
}

/// What a pass could not read.
fn missing(survey: &Survey) -> Vec<String> {
    let observed = &survey.observed;
    let clusters = observed.clusters.iter().filter_map(|(id, view)| {
        let unreadable = view.as_ref().err()?;
        Some(format!("cluster {id}: {}", unreadable.text))
    });
    let registry = observed.registry.as_ref().err();
    let registry = registry.map(|unreadable| format!("registry: {}", unreadable.text));
    let mut missing: Vec<_> = clusters.chain(registry).collect();
    if missing.is_empty() && !is_complete(&survey.plan) {
        missing.push("repository: not all of it could be read".to_owned());
    }
    missing
}

/// Waits until the status is due; for ever, when nothing has changed.
pub(super) async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
