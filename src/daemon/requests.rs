//! What people ask of the running daemon.

use std::collections::BTreeSet;
use std::time::Duration;

use super::watch::Daemon;
use crate::state::requests::Request;

impl Daemon<'_> {
    pub(super) fn take_requests(&mut self) {
        match self.equipment.state.take_requests() {
            Ok(requests) => requests
                .into_iter()
                .for_each(|request| self.take_request(request)),
            Err(error) => tracing::warn!(%error, "requests cannot be read"),
        }
        if self.asked.elapsed() > self.equipment.settings.health.interval {
            self.ask_health_of(self.ledger.settled());
        }
        self.beat();
    }

    fn take_request(&mut self, request: Request) {
        let Request { id, commit } = request;
        if let Some(commit) = commit
            && let Err(error) = self.equipment.repository.source.accept(&commit)
        {
            tracing::error!(%error, "the commit is not accepted");
        }
        self.lanes.forgive();
        match id {
            None => self.retry = Some(BTreeSet::new()),
            Some(id) => {
                self.retry.get_or_insert_default().insert(id);
            }
        }
        self.activate(Duration::ZERO);
    }
}
