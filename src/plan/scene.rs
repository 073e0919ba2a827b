//! What a decision may look at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::action::{Action, Guard, PlannedExchange, Precondition};
use super::policy::Policy;
use super::registry::record_digest;
use crate::diagnostic::Diagnostic;
use crate::exchange::desired::{Desired, Suspend};
use crate::exchange::unknown_cluster;
use crate::id::{ExchangeId, SystemId};
use crate::observe::observed::{ClusterView, Observed, Proof, Record, ReleaseView};
use crate::reason::Reason;

static NOTHING_HIDDEN: BTreeSet<Vec<String>> = BTreeSet::new();

/// The arguments of a plan, together.
pub(super) struct Scene<'a> {
    /// What git says.
    pub(super) desired: &'a Desired,
    /// What is seen.
    pub(super) observed: &'a Observed,
    /// What is allowed.
    pub(super) policy: &'a Policy,
    /// Our records, by the exchange they were written for.
    pub(super) marked: BTreeMap<ExchangeId, Vec<&'a Record>>,
    /// The time of the plan.
    pub(super) now: Timestamp,
}

/// Why nothing can be done at a place.
pub(super) struct Held {
    /// `blocked` or `unreadable`.
    pub(super) action: Action,
    /// The stable word.
    pub(super) reason: Reason,
    /// In words.
    pub(super) text: String,
    /// What lets it through.
    pub(super) guard: Option<Guard>,
}

impl Held {
    /// Held back, and nobody can approve it.
    pub(super) fn blocked(reason: Reason, text: impl Into<String>) -> Self {
        Self {
            action: Action::Blocked,
            reason,
            text: text.into(),
            guard: None,
        }
    }

    /// Not everything could be read, so nothing may be taken for gone.
    pub(super) fn incomplete(finding: &Diagnostic) -> Self {
        let place = finding.file.as_deref().unwrap_or("the repository");
        Self::blocked(
            Reason::SourceIncomplete,
            format!("{place}: {}", finding.text),
        )
    }

    /// Turns `entry` into one that does nothing.
    pub(super) fn hold(self, entry: &mut PlannedExchange) {
        entry.action = self.action;
        entry.reason = self.reason;
        entry.text = self.text;
        entry.guard = self.guard;
        entry.disarm();
    }
}

impl<'a> Scene<'a> {
    /// The view that covers an exchange, or why there is none.
    pub(super) fn view(&self, id: &ExchangeId) -> Result<&'a ClusterView, Held> {
        let cluster = &id.cluster;
        let view = match self.observed.clusters.get(cluster) {
            None => {
                let found = unknown_cluster(cluster, self.observed.clusters.keys());
                return Err(Held::blocked(found.reason, found.text));
            }
            Some(Err(unreadable)) => {
                return Err(Held {
                    action: Action::Unreadable,
                    reason: unreadable.reason,
                    text: unreadable.text.clone(),
                    guard: None,
                });
            }
            Some(Ok(view)) => view,
        };
        if let Some(first) = &view.replaced {
            let now = view.uid.as_deref().unwrap_or("unknown");
            return Err(Held {
                guard: Some(Guard {
                    name: Reason::ClusterReplaced,
                    needs: format!("natsx-sync approve {cluster}"),
                }),
                ..Held::blocked(
                    Reason::ClusterReplaced,
                    format!("the kubeconfig leads to another cluster: uid was {first}, is {now}"),
                )
            });
        }
        let covered = view
            .scope
            .as_ref()
            .is_none_or(|scope| scope.contains(&id.namespace));
        if covered {
            Ok(view)
        } else {
            Err(Held::blocked(
                Reason::NamespaceNotObserved,
                format!(
                    "namespace {} is outside clusters.{cluster}.namespaces",
                    id.namespace
                ),
            ))
        }
    }

    /// Paths of the stored values of `id` that are left out of what was seen.
    pub(super) fn hidden(&self, id: &ExchangeId) -> &'a BTreeSet<Vec<String>> {
        let hidden = &self.observed.hidden.values;
        hidden.get(id).unwrap_or(&NOTHING_HIDDEN)
    }

    /// Places of a record that are left out of what was seen.
    pub(super) fn hidden_of_record(&self, key: &SystemId) -> &'a BTreeSet<Vec<String>> {
        let hidden = &self.observed.hidden.records;
        hidden.get(key.as_str()).unwrap_or(&NOTHING_HIDDEN)
    }

    /// The values an exchange is released with, where they were read.
    pub(super) fn stored_values(&self, id: &ExchangeId) -> Option<&'a Value> {
        let stored = self.observed.release(id)?.stored.as_ref()?;
        Some(&stored.values)
    }

    /// The suspension in force, of the terms or by command, in words.
    pub(super) fn suspension(&self, id: &ExchangeId, terms: Option<&Suspend>) -> Option<String> {
        let in_force = |suspend: &&Suspend| suspend.until.is_none_or(|until| until > self.now);
        let commanded = || self.policy.suspended.get(id).filter(in_force);
        terms
            .filter(in_force)
            .map(|suspend| suspension_text("in its file", suspend))
            .or_else(|| Some(suspension_text("by command", commanded()?)))
    }

    /// When the first of all suspensions in force ends.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        let declared = self.desired.exchanges.values();
        let declared = declared.filter_map(|exchange| exchange.terms.suspend.as_ref());
        let proven = self
            .observed
            .proofs
            .values()
            .filter_map(|proof| match proof {
                Proof::Declared { terms, .. } => terms.suspend.as_ref(),
                Proof::NotProved(_) => None,
            });
        let all = declared.chain(proven).chain(self.policy.suspended.values());
        let ends = all.filter_map(|suspend| suspend.until);
        ends.filter(|until| *until > self.now).min()
    }

    /// What an entry about `id` relies on.
    pub(super) fn precondition(
        &self,
        release: Option<&ReleaseView>,
        system_id: Option<&SystemId>,
    ) -> Precondition {
        let records = match (&self.observed.registry, system_id) {
            (Ok(view), Some(key)) => view.records.get(key.as_str()),
            (Ok(_), None) | (Err(_), _) => None,
        };
        Precondition {
            secret: release.map(|release| release.secret.clone()),
            revision: release.map(|release| release.revision),
            record: records
                .filter(|records| !records.is_empty())
                .map(|records| record_digest(records)),
        }
    }
}

/// A suspension, in words, with where it was said.
pub(super) fn suspension_text(place: &str, suspend: &Suspend) -> String {
    match suspend.until {
        Some(until) => format!("suspended {place} until {until:.0}: {}", suspend.reason),
        None => format!("suspended {place}: {}", suspend.reason),
    }
}
