//! How entries begin.

use std::collections::BTreeSet;

use serde_json::Value;

use super::access::subject_changes;
use super::action::{Action, ChartChange, Figures, PlannedExchange, Precondition};
use super::links::link_changes;
use crate::exchange::desired::DesiredExchange;
use crate::id::ExchangeId;
use crate::reason::Reason;

impl PlannedExchange {
    /// An entry of a declared exchange, still without steps.
    pub(super) fn declared(exchange: &DesiredExchange) -> Self {
        Self {
            name: exchange.name.clone(),
            file: exchange.file.clone(),
            line: exchange.line,
            chart: ChartChange {
                old: None,
                new: Some(exchange.chart.version.clone()),
            },
            diagnostics: exchange.diagnostics.clone(),
            ..Self::undeclared(
                Some(exchange.id.clone()),
                Action::None,
                Reason::UpToDate,
                "cluster and registry match the repository",
            )
        }
    }

    /// An entry of something no valid file declares.
    pub(crate) fn undeclared(
        id: Option<ExchangeId>,
        action: Action,
        reason: Reason,
        text: impl Into<String>,
    ) -> Self {
        Self {
            name: id
                .as_ref()
                .map(|id| id.release.to_string())
                .unwrap_or_default(),
            id,
            file: String::new(),
            line: 0,
            action,
            reason,
            text: text.into(),
            destructive: false,
            effects: Vec::new(),
            effects_from: None,
            figures: Figures::default(),
            steps: Vec::new(),
            chart: ChartChange::default(),
            values: Vec::new(),
            subjects: Vec::new(),
            links: Vec::new(),
            drift: Vec::new(),
            registry: None,
            guard: None,
            diagnostics: Vec::new(),
            precondition: Precondition::default(),
            fingerprint: String::new(),
        }
    }

    /// Takes away everything that would be done; values and effects stay, to show what is held back.
    pub(super) fn disarm(&mut self) {
        self.steps.clear();
        self.registry = None;
        self.destructive = false;
    }

    /// Says who gains or loses which subject and which links change; `before` is none where nothing ran, and lacks what
    /// is at `hidden`.
    pub(super) fn compare(
        &mut self,
        before: Option<&Value>,
        wanted: &Value,
        hidden: &BTreeSet<Vec<String>>,
    ) {
        self.subjects = subject_changes(before, wanted, hidden);
        self.links = link_changes(before, wanted, hidden);
    }

    /// Says what is done and why.
    pub(super) fn decide(&mut self, action: Action, reason: Reason, text: impl Into<String>) {
        self.action = action;
        self.reason = reason;
        self.text = text.into();
    }
}
