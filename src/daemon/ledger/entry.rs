//! What a status says of one exchange.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::Ledger;
use crate::apply::{InFlight, OutcomeResult};
use crate::daemon::standing::Standing;
use crate::diagnostic::{Diagnostic, Severity};
use crate::exchange::desired::Suspend;
use crate::health::Health;
use crate::id::ExchangeId;
use crate::mask::{masked, masked_findings};
use crate::pass::Survey;
use crate::plan::action::{Action, PlannedExchange};
use crate::reason::Reason;
use crate::status::StatusEntry;

impl Ledger {
    pub(super) fn entry(
        &self,
        survey: &Survey,
        entry: &PlannedExchange,
        in_flight: &BTreeMap<ExchangeId, InFlight>,
        now: Timestamp,
    ) -> StatusEntry {
        let Standing {
            phase,
            reason,
            mut text,
        } = self.standing(entry, in_flight);
        let diagnostics = if reason == Reason::FileInvalid {
            errors(entry)
        } else {
            Vec::new()
        };
        if let Some(first) = diagnostics.first() {
            text = finding(first);
        }
        let release = entry.id.as_ref().and_then(|id| survey.observed.release(id));
        let wanted = entry
            .id
            .as_ref()
            .and_then(|id| survey.desired.exchanges.get(id));
        let (health, client_urls) = entry
            .id
            .as_ref()
            .and_then(|id| self.health.get(id))
            .map_or(("unknown", Arc::default()), |condition| {
                (word(&condition.health), Arc::clone(&condition.client_urls))
            });
        // What is being done to it makes what it said before worth nothing.
        let flight = entry.id.as_ref().and_then(|id| in_flight.get(id));
        let moving = flight.is_some();
        let health = if moving {
            "waiting"
        } else if entry.action == Action::Unreadable {
            // What it said last is of a time when it could be asked.
            "unknown"
        } else {
            health
        };
        StatusEntry {
            id: entry.id.clone(),
            name: entry.name.clone(),
            file: entry.file.clone(),
            action: entry.action,
            planned: Some(entry.reason),
            midway: self.is_midway(entry),
            under_way: flight.map(|flight| flight.action),
            until: flight.and_then(|flight| flight.until),
            needs: entry.guard.as_ref().map(|guard| guard.needs.clone()),
            suspended: hold(survey, entry, now),
            next: entry
                .id
                .as_ref()
                .and_then(|id| self.retries.get(id))
                .copied(),
            phase,
            reason,
            text,
            diagnostics,
            revision: release.map(|release| release.revision),
            chart_version: entry
                .chart
                .new
                .clone()
                .or_else(|| entry.chart.old.clone())
                .or_else(|| wanted.map(|wanted| wanted.chart.version.clone()))
                .or_else(|| Some(release?.stored.as_ref()?.chart_version.clone())),
            health: health.to_owned(),
            last_health: None,
            degraded: !moving && entry.id.as_ref().is_some_and(|id| self.is_degraded(id)),
            commit: release.and_then(|release| release.stamp.as_ref()?.commit.clone()),
            since: now,
            public_url: wanted.and_then(|wanted| wanted.public_url.clone()),
            client_urls,
            system_id: wanted
                .map(|wanted| wanted.system_id.clone())
                .or_else(|| entry.id.as_ref().map(ExchangeId::system_id)),
        }
    }

    /// Whether what the plan says of it may be our own doing: it was looked at while we changed it, or the change was made since.
    fn is_midway(&self, entry: &PlannedExchange) -> bool {
        let Some(id) = &entry.id else { return false };
        let outcome = self.outcomes.get(id);
        let done = outcome.is_some_and(|outcome| {
            outcome.result == OutcomeResult::Done || self.left(outcome).is_some()
        });
        self.midway.contains(id) || entry.action.is_change() && done
    }
}

/// The suspension in force: in its file, or by command.
fn hold(survey: &Survey, entry: &PlannedExchange, now: Timestamp) -> Option<Suspend> {
    let id = entry.id.as_ref()?;
    let declared = survey.desired.exchanges.get(id);
    let declared = declared.and_then(|exchange| exchange.terms.suspend.as_ref());
    let mut holds = declared.into_iter().chain(survey.policy.suspended.get(id));
    let hold = holds.find(|hold| hold.until.is_none_or(|until| until > now))?;
    Some(Suspend {
        reason: masked(&hold.reason),
        until: hold.until,
    })
}

/// The errors of its file, as far as a status may show them: a misspelt field before the one that is missing for it.
pub(in crate::daemon) fn errors(entry: &PlannedExchange) -> Vec<Diagnostic> {
    let mut errors = masked_findings(&entry.diagnostics);
    errors.retain(|found| found.severity == Severity::Error);
    errors.sort_by_key(|found| !found.is_misspelt());
    errors
}

/// A finding in one line.
pub(in crate::daemon) fn finding(found: &Diagnostic) -> String {
    let hint = found.hint.as_ref();
    let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
    format!(
        "{}{}: {}{hint}",
        crate::report::place(found, ": "),
        found.reason,
        found.text
    )
}

fn word(health: &Health) -> &'static str {
    match health {
        Health::Ready => "healthy",
        Health::Waiting { .. } => "waiting",
        Health::Failed { .. } => "failed",
        Health::Limited => "limited",
        Health::Unknown { .. } => "unknown",
    }
}
