//! An exchange is not healthy any more, or is again: the log says so once, and why.

use super::Ledger;
use crate::health::Health;
use crate::id::ExchangeId;
use crate::reason::Reason;

/// What an answer turned.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<'l> {
    /// It is unwell, for the second time in a row: a pod that is moved is no news.
    Unwell(Reason, &'l str),
    /// It is well again.
    Well,
}

impl Turn<'_> {
    pub(super) fn tell(&self, exchange: &ExchangeId) {
        match self {
            Self::Unwell(reason, text) => {
                tracing::warn!(%exchange, %reason, text, "not healthy");
            }
            Self::Well => tracing::info!(%exchange, "healthy again"),
        }
    }
}

impl Ledger {
    /// What its last answer turned; `before` is whether it was unwell.
    pub(super) fn turn(&self, id: &ExchangeId, before: bool) -> Option<Turn<'_>> {
        match (before, self.was_unwell(id)) {
            (true, false) => Some(Turn::Well),
            (false, true) => match &self.health.get(id)?.health {
                Health::Waiting { reason, text } | Health::Failed { reason, text } => {
                    Some(Turn::Unwell(*reason, text))
                }
                Health::Ready | Health::Limited | Health::Unknown { .. } => None,
            },
            (true, true) | (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::daemon::ledger::Answer;

    /// The cause is in the log, once, however often it is asked, and however often it cannot be in between.
    #[test]
    fn each_turn_is_told_once() {
        let id: ExchangeId = "us/ns/orders".parse().unwrap();
        let mut ledger = Ledger::new(jiff::Timestamp::UNIX_EPOCH);
        let mut told = |health: Health| {
            let before = ledger.was_unwell(&id);
            let (client_urls, asked) = (None, Instant::now());
            ledger.take_health(Answer {
                id: id.clone(),
                health,
                client_urls,
                asked,
            });
            ledger.turn(&id, before).map(|turn| format!("{turn:?}"))
        };
        let unwell = || Health::Waiting {
            reason: Reason::RollingOut,
            text: "0 of 3 pods ready".to_owned(),
        };
        let unknown = || Health::Unknown {
            text: "no answer".to_owned(),
        };
        assert_eq!(told(Health::Ready), None);
        assert_eq!(told(unwell()), None);
        let turn = Some("Unwell(RollingOut, \"0 of 3 pods ready\")".to_owned());
        assert_eq!(told(unwell()), turn);
        for health in [unwell(), unknown(), unwell()] {
            assert_eq!(told(health), None);
        }
        assert_eq!(told(Health::Limited), Some("Well".to_owned()));
        assert_eq!(told(Health::Ready), None);
    }
}
