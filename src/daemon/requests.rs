//! What people ask of the running daemon.

use std::collections::BTreeSet;
use std::time::Duration;

use super::watch::Daemon;
use crate::apply::Retry;
use crate::id::ExchangeId;
use crate::state::requests::Request;

/// Whose refusals the next pass forgets.
#[derive(Debug, Default)]
pub(super) struct Again {
    everything: bool,
    these: BTreeSet<ExchangeId>,
}

impl Again {
    /// The same, as the lanes take it.
    pub(super) fn retry(&self) -> Retry<'_> {
        if self.everything {
            Retry::Everything
        } else {
            Retry::Only(&self.these)
        }
    }
}

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
        match request {
            Request::Look => {}
            Request::Retry(id) => {
                self.lanes.forgive();
                self.again.these.insert(id);
            }
            Request::RetryAll => {
                self.lanes.forgive();
                self.again.everything = true;
            }
            Request::Accept(commit) => {
                if let Err(error) = self.equipment.repository.source.accept(&commit) {
                    tracing::error!(%error, "the commit is not accepted");
                }
            }
        }
        self.activate(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naming_one_takes_nothing_back_from_all() {
        let nobody = Again::default();
        assert_eq!(nobody.retry(), Retry::Only(&BTreeSet::new()));
        let id: ExchangeId = "c/n/r".parse().unwrap();
        let mut again = Again::default();
        again.these.insert(id.clone());
        assert_eq!(again.retry(), Retry::Only(&BTreeSet::from([id])));
        again.everything = true;
        assert_eq!(again.retry(), Retry::Everything);
    }
}
