//! What a task is about: everything an effect has to know of its exchange.

use std::sync::Arc;

use crate::exchange::desired::DesiredExchange;
use crate::id::{CommitId, ExchangeId, SystemId};
use crate::plan::action::PlannedExchange;

/// An exchange with its entry in the plan.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The exchange.
    pub id: ExchangeId,
    /// Its entry.
    pub entry: Arc<PlannedExchange>,
    /// As git wants it; none where it is to go.
    pub desired: Option<Arc<DesiredExchange>>,
    /// The commit acted for.
    pub commit: Option<CommitId>,
    /// The pass that asked for it.
    pub pass: u64,
}

impl Subject {
    /// Key of its record.
    pub fn system_id(&self) -> SystemId {
        let named = self.entry.registry.as_ref().map(|change| &change.system_id);
        let wanted = self.desired.as_ref().map(|desired| &desired.system_id);
        named
            .or(wanted)
            .cloned()
            .unwrap_or_else(|| self.id.system_id())
    }

    /// Whether its volumes go with it.
    pub fn purges(&self) -> bool {
        use crate::plan::action::{Effect, StepKind};
        self.entry.steps.contains(&StepKind::DeleteVolumes)
            || self.entry.effects.contains(&Effect::DeletesVolumes)
    }
}
