//! What every way of applying works with: everything connected, and the state folder held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::held;
use super::progress::{Teller, stop_on_signals};
use super::telling::Telling;
use crate::apply::{Outcome, Pass, apply};
use crate::cli::{BUG, Failure, Output};
use crate::config::Settings;
use crate::daemon::{Session, check, limits};
use crate::id::ExchangeId;
use crate::pass::{Equipment, Knowledge, Purpose, Survey, survey};
use crate::plan::action::Plan;
use crate::plan::verify;
use crate::source::Revision;

pub(super) struct Stage {
    pub(super) equipment: Equipment,
    session: Session,
    cancel: CancellationToken,
}

impl Stage {
    /// Connects, takes the state folder and fetches.
    pub(super) async fn set(settings: Settings) -> Result<Self, Failure> {
        check(&settings)?;
        let equipment = Equipment::connect(settings, Purpose::Change).await?;
        let session = Session::begin(&equipment, "apply").map_err(held)?;
        equipment.repository.source.fetch().await?;
        Ok(Self {
            equipment,
            session,
            cancel: CancellationToken::new(),
        })
    }

    /// One look at everything, and the plan that follows. Nobody agreed to it yet.
    pub(super) async fn look(
        &self,
        revision: &Revision,
        allow_delete: &BTreeSet<ExchangeId>,
    ) -> Result<Arc<Survey>, Failure> {
        let mut knowledge = Knowledge::of(&self.session.journal);
        // A person asks: what was put back in vain is put back once more.
        knowledge.put_back.clear();
        let now = Timestamp::now();
        let equipment = &self.equipment;
        let survey = survey(equipment, revision, &knowledge, allow_delete, now).await?;
        survey.remember_more(&equipment.state, now)?;
        Ok(Arc::new(survey))
    }

    /// Does what a plan that follows from a look says: whoever had to agree to it did.
    pub(super) async fn carry_out(
        &self,
        plan: &Plan,
        survey: &Arc<Survey>,
        output: &Output,
    ) -> Result<BTreeMap<ExchangeId, Outcome>, Failure> {
        // Nothing is on its way: what an earlier process began is in the journal.
        survey.remember_of_head(&self.equipment, &BTreeSet::new(), Timestamp::now())?;
        stop_on_signals(self.cancel.clone(), *output);
        let pass = Pass {
            world: Arc::clone(&self.session.world),
            journal: Arc::clone(&self.session.journal),
            limits: limits(&self.equipment.settings),
            number: 1,
        };
        let (teller, telling) = (Teller::new(output), self.telling(survey));
        telling.begin()?;
        let tell = |progress: &_| {
            teller.tell(progress);
            telling.take(progress);
        };
        let cancel = self.cancel.clone();
        Ok(apply(plan, &survey.desired, pass, tell, cancel).await)
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    fn telling(&self, survey: &Arc<Survey>) -> Telling<'_> {
        Telling::of(&self.equipment.state, survey)
    }

    /// Leaves a status behind, so that `status` can tell what this pass did, and lets go.
    pub(super) async fn strike(
        self,
        survey: Arc<Survey>,
        outcomes: &BTreeMap<ExchangeId, Outcome>,
    ) -> Result<(), Failure> {
        self.telling(&survey).end(outcomes)?;
        self.session.world.leases.close().await;
        self.equipment.registry.close().await;
        Ok(())
    }
}

/// Has the plan looked through by the verifier.
pub(super) fn verified(survey: &Survey) -> Result<(), Failure> {
    verify(
        &survey.plan,
        &survey.desired,
        &survey.observed,
        &survey.policy,
    )
    .map_err(|refused| Failure::new(BUG, refused))
}
