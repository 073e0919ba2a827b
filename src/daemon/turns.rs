//! Asks many, so many at a time: what waits for months takes nothing from those who work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior};

use crate::id::ClusterId;

/// Clusters that did not answer the last pass. Who asks each of five hundred exchanges of such a one waits for hours, and
/// asks nobody of another cluster a second time.
#[derive(Debug, Clone, Default)]
pub(super) struct Silent(Arc<std::sync::Mutex<BTreeSet<ClusterId>>>);

impl Silent {
    /// These and no others.
    pub(super) fn replace(&self, ids: BTreeSet<ClusterId>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ids;
    }

    fn has(&self, id: &ClusterId) -> bool {
        let ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.contains(id)
    }
}

/// Turns to ask: so many in each period, one right after the other. To be woken for each of them would cost more than to
/// ask it.
pub(super) struct Turns {
    periods: Interval,
    each: u32,
    left: u32,
    silent: Silent,
}

impl Turns {
    /// `each` in every `period`.
    pub(super) fn new(period: Duration, each: u32, silent: Silent) -> Self {
        let mut periods = tokio::time::interval(period.max(Duration::from_millis(1)));
        periods.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            periods,
            each: each.max(1),
            left: 0,
            silent,
        }
    }

    async fn next(&mut self) {
        if self.left == 0 {
            self.periods.tick().await;
            self.left = self.each;
        }
        self.left -= 1;
    }
}

/// Asks each when it is its turn, those of a cluster one after the other: one that does not answer delays only itself, and
/// once a pass has found that out nobody else is asked there. `ask` says whether anybody listens.
pub(super) async fn in_turns<T, F: Future<Output = bool>>(
    targets: Vec<T>,
    cluster: impl Fn(&T) -> ClusterId,
    turns: Turns,
    ask: impl Fn(T) -> F,
) {
    let silent = turns.silent.clone();
    let turns = Mutex::new(turns);
    let mut lanes: BTreeMap<ClusterId, Vec<T>> = BTreeMap::new();
    for target in targets {
        lanes.entry(cluster(&target)).or_default().push(target);
    }
    let (turns, silent, ask) = (&turns, &silent, &ask);
    let each = lanes.into_iter().map(|(id, lane)| async move {
        for target in lane {
            turns.lock().await.next().await;
            if silent.has(&id) || !ask(target).await {
                return;
            }
        }
    });
    join_all(each).await;
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_are_asked_in_a_second_than_there_is_budget_for() {
        let began = Instant::now();
        let mut turns = Turns::new(Duration::from_secs(1), 5, Silent::default());
        for number in 0..50 {
            turns.next().await;
            assert_eq!(began.elapsed().as_secs(), number / 5);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_answer_delays_only_its_cluster() {
        let began = Instant::now();
        let asked = Mutex::new(Vec::new());
        let cluster = |(cluster, _): &(&str, u32)| cluster.parse().unwrap();
        let targets = vec![
            ("dead", 1),
            ("dead", 2),
            ("dead", 3),
            ("east", 1),
            ("east", 2),
        ];
        let silent = Silent::default();
        let turns = Turns::new(Duration::from_millis(1), 10, silent.clone());
        let ask = async |(cluster, number)| {
            if cluster == "dead" {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            if (cluster, number) == ("dead", 2) {
                // A pass sees what has become of it.
                silent.replace(["dead".parse().unwrap()].into());
            }
            let waited = began.elapsed().as_secs();
            asked.lock().await.push((cluster, number, waited));
            true
        };
        in_turns(targets, cluster, turns, &ask).await;
        let asked = asked.into_inner();
        assert_eq!(
            asked,
            [
                ("east", 1, 0),
                ("east", 2, 0),
                ("dead", 1, 60),
                ("dead", 2, 120)
            ]
        );
    }
}
