//! The registry says how an exchange is: `ready`, or `degraded` while it is not healthy. The record itself stays, for the
//! exchange is still there and may be well again in a moment.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc::UnboundedSender;

use super::Ledger;
use super::watch::Daemon;
use crate::apply::World;
use crate::health::Health;
use crate::id::{ExchangeId, SystemId};
use crate::plan::action::Action;
use crate::registry::Claim;
use crate::state::journal::{Line, Phase, SET_STATE};

/// So often in a row it has to be unwell: a pod that is moved is no news to those who look services up.
const UNWELL: u32 = 2;

/// A record that does not say how its exchange is.
struct Outdated {
    system_id: SystemId,
    claim: Claim,
    state: &'static str,
}

/// A record was written, or could not be.
pub(super) type Stated = (ExchangeId, Option<&'static str>);

impl Daemon<'_> {
    /// Writes the state of a record whose exchange is not as it says.
    pub(super) fn follow_health(&mut self, id: &ExchangeId) {
        if self.options.dry_run || self.stating.contains(id) || self.lanes.is_flying(id) {
            return;
        }
        let Some(outdated) = self.ledger.outdated_state(id) else {
            return;
        };
        self.stating.insert(id.clone());
        let line = Line {
            pass: self.ledger.tries(),
            commit: self.ledger.commit().cloned(),
            id: Some(id.clone()),
            step: SET_STATE.to_owned(),
            phase: Phase::Intent,
            detail: json!({"system_id": outdated.system_id, "state": outdated.state}),
        };
        let world = Arc::clone(&self.session.world);
        tokio::spawn(write(world, line, outdated, self.stated.clone()));
    }

    pub(super) fn take_stated(&mut self, (id, state): Stated) {
        self.stating.remove(&id);
        if let Some(state) = state {
            self.ledger.take_state(id, state);
        }
    }
}

async fn write(
    world: Arc<World>,
    mut line: Line,
    outdated: Outdated,
    stated: UnboundedSender<Stated>,
) {
    let Some(id) = line.id.clone() else { return };
    let Outdated {
        system_id,
        claim,
        state,
    } = outdated;
    let result = async {
        journal(&world, line.clone()).await?;
        let written = world.registry.set_state(&system_id, state, &claim).await;
        line.phase = match &written {
            Ok(_) => Phase::Done,
            Err(_) => Phase::Failed,
        };
        journal(&world, line).await?;
        written.map_err(anyhow::Error::from)
    };
    let told = match result.await {
        Ok(_) => {
            tracing::info!(exchange = %id, state, "the registry was told");
            Some(state)
        }
        Err(error) => {
            let error = format!("{error:#}");
            tracing::warn!(exchange = %id, state, error, "the registry was not told; next time");
            None
        }
    };
    // Nobody listens any more when the daemon ends.
    stated.send((id, told)).ok();
}

async fn journal(world: &World, line: Line) -> anyhow::Result<()> {
    let journal = Arc::clone(&world.journal);
    tokio::task::spawn_blocking(move || journal.append(line)).await??;
    Ok(())
}

impl Ledger {
    /// Whether it was unwell often enough to be told, and not well since: one that cannot be asked now may be either.
    pub(super) fn was_unwell(&self, id: &ExchangeId) -> bool {
        let condition = self.health.get(id);
        condition.is_some_and(|condition| condition.unwell >= UNWELL)
    }

    /// Whether it was unwell often enough to be told, and says so.
    pub(super) fn is_degraded(&self, id: &ExchangeId) -> bool {
        let unwell = self.health.get(id).is_some_and(|condition| {
            matches!(
                condition.health,
                Health::Waiting { .. } | Health::Failed { .. }
            )
        });
        unwell && self.was_unwell(id)
    }

    /// What the record of a settled exchange should say and does not.
    fn outdated_state(&self, id: &ExchangeId) -> Option<Outdated> {
        let survey = self.survey.as_ref()?;
        let wanted = survey.desired.exchanges.get(id)?;
        let condition = self.health.get(id)?;
        let state = match &condition.health {
            Health::Ready | Health::Limited => "ready",
            Health::Waiting { .. } | Health::Failed { .. } if self.is_degraded(id) => "degraded",
            Health::Waiting { .. } | Health::Failed { .. } | Health::Unknown { .. } => return None,
        };
        let registry = survey.observed.registry.as_ref().ok()?;
        let [record] = registry.records.get(wanted.system_id.as_str())?.as_slice() else {
            return None;
        };
        let instance = &survey.policy.instance;
        let mark = record.mark()?;
        let said = self.stated.get(id).copied().or(mark.text("state"))?;
        if !mark.is_of(instance) || said == state {
            return None;
        }
        // Last, as all are gone through for it.
        let mut entries = survey.plan.exchanges.iter();
        let entry = entries.find(|entry| entry.id.as_ref() == Some(id))?;
        (entry.action == Action::None).then(|| Outdated {
            system_id: wanted.system_id.clone(),
            claim: Claim::on(instance, std::slice::from_ref(record)),
            state,
        })
    }
}
