//! One pass for a person: hand a plan over, then wait until nothing is in flight.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::field::display;

use super::effects::Effects;
use super::lanes::{Lanes, Limits, Progress, Retry};
use super::outcome::Outcome;
use crate::exchange::desired::Desired;
use crate::id::ExchangeId;
use crate::plan::action::Plan;
use crate::state::journal::Journal;

/// What a pass works with.
#[derive(Debug)]
pub struct Pass<E> {
    /// The world.
    pub world: Arc<E>,
    /// What was begun.
    pub journal: Arc<Journal>,
    /// How much at once, and how long.
    pub limits: Limits,
    /// Counts passes.
    pub number: u64,
}

/// Applies a plan that was verified, and waits until each exchange is as wanted, has failed, or took longer than it may.
/// Cancelled, it ends what runs in an orderly way and answers what came of it.
pub async fn apply<E: Effects>(
    plan: &Plan,
    desired: &Desired,
    pass: Pass<E>,
    progress: impl Fn(&Progress),
    cancel: CancellationToken,
) -> BTreeMap<ExchangeId, Outcome> {
    let (lanes, mut told) = Lanes::new(pass.world, pass.journal, pass.limits, cancel);
    let commit = plan.commit.as_ref().map(display);
    let span = tracing::info_span!("pass", pass = pass.number, commit);
    let mut outcomes = span.in_scope(|| {
        lanes
            .submit(plan, desired, pass.number, Retry::Everything)
            .held
    });
    drop(span);
    let mut take = |happened: Progress| {
        progress(&happened);
        if let Progress::Ended(outcome) = happened {
            outcomes.insert(outcome.id.clone(), outcome);
        }
    };
    let idle = lanes.idle();
    let mut idle = std::pin::pin!(idle);
    loop {
        tokio::select! {
            biased;
            Some(happened) = told.recv() => take(happened),
            () = &mut idle => break,
        }
    }
    while let Ok(happened) = told.try_recv() {
        take(happened);
    }
    outcomes
}
