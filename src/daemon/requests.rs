//! What people ask of the running daemon.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::meant;
use super::watch::Daemon;
use crate::apply::Retry;
use crate::control::{Answer, Approved, Asked, Request};
use crate::diagnostic::chain;
use crate::id::{ClusterId, ExchangeId};
use crate::mask::masked;
use crate::pass::Equipment;
use crate::plan::action::{Action, Plan};
use crate::state::journal::{Journal, Line};
use crate::status::Trouble;

/// How long a cluster may take to say which one it is; shorter than whoever asks waits.
const PATIENCE: Duration = Duration::from_secs(8);

/// What somebody asked of a pass: whose refusals it forgets.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// Nothing is taken to be as it was.
    pub(super) anew: bool,
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

    /// Those of these that were asked for are still to be served: their turn comes with the pass after.
    pub(super) fn put_off(&mut self, asked: &Self, these: BTreeSet<ExchangeId>) {
        let asked = these.into_iter().filter(|id| asked.retry().covers(id));
        self.these.extend(asked);
    }

    /// Nor is the wish for those used up that could not be seen: whichever pass sees them serves it, and none is made for it.
    pub(super) fn keep_unseen(&mut self, asked: &Self, plan: &Plan) {
        let unseen = plan.exchanges.iter();
        let unseen = unseen.filter(|entry| entry.action == Action::Unreadable);
        let unseen = unseen.filter_map(|entry| entry.id.clone());
        self.put_off(asked, unseen.collect());
    }

    /// A look was made for it, and it was taken where something follows. Where nothing does, all of it is served by that; else,
    /// where the plan was refused, what is to be tried again still is.
    pub(super) fn take_look(&mut self, only_looks: bool) {
        if only_looks {
            *self = Self::default();
        }
        self.anew = false;
    }

    /// What was asked since.
    pub(super) fn join(&mut self, more: Self) {
        self.anew |= more.anew;
        self.everything |= more.everything;
        self.these.extend(more.these);
    }
}

impl Daemon<'_> {
    /// Takes a request, and answers when it will be served.
    pub(super) fn take_request(&mut self, asked: Asked) {
        let Asked { request, answer } = asked;
        tracing::debug!(?request, "asked");
        let said = match request {
            // What takes a while is answered by whoever does it; the loop goes on.
            Request::Approve(id) => {
                tokio::spawn(approve(Arc::clone(&self.equipment), id, answer));
                return;
            }
            Request::Said(said) => {
                let line = said.line(self.ledger.tries(), self.ledger.commit().cloned());
                let written = Answer::Pass(self.serving_pass());
                let journal = Arc::clone(&self.session.journal);
                tokio::spawn(write(journal, line, written, answer));
                return;
            }
            Request::Status => Answer::Status(Box::new(self.ledger.told().clone())),
            Request::Look => self.promise_pass(),
            Request::Retry(id) => {
                self.lanes.forgive();
                self.ask_health_again(&id);
                self.again.these.insert(id);
                self.promise_pass()
            }
            Request::RetryAll => {
                self.lanes.forgive();
                self.again.everything = true;
                self.promise_pass()
            }
            Request::Accept(commit) => match self.equipment.repository.source.accept(&commit) {
                Ok(_) => self.promise_pass(),
                Err(error) => {
                    let trouble = Trouble::of(error.reason(), &error);
                    Answer::Refused(format!("{}: {}", trouble.reason, trouble.text))
                }
            },
        };
        // Whoever asked may be gone; what was asked is done all the same.
        answer.send(said).ok();
    }

    /// A pass begins at once, or as soon as the one that runs is over.
    fn promise_pass(&mut self) -> Answer {
        self.again.anew = true;
        self.equipment.charts.forget_failures();
        self.activate(Duration::ZERO);
        Answer::Pass(self.serving_pass())
    }

    /// The first pass that begins from now on: one that runs may have looked already.
    fn serving_pass(&self) -> u64 {
        let running = u64::from(self.pass.is_some());
        self.ledger.tries() + running + 1
    }
}

/// Lets the cluster we see be the one that is meant.
async fn approve(equipment: Arc<Equipment>, id: ClusterId, answer: oneshot::Sender<Answer>) {
    let said = match equipment.inventory.get(&id) {
        None => Answer::Refused(not_there(&id, equipment.inventory.all().into_keys())),
        Some(Err(unreadable)) => Answer::Refused(masked(&unreadable.text)),
        Some(Ok(cluster)) => match timeout(PATIENCE, meant(&equipment.state, &cluster)).await {
            Ok(Ok(Approved::Now(text))) => Answer::Done(text),
            Ok(Ok(Approved::Already(text))) => Answer::Already(text),
            Ok(Err(error)) => Answer::Refused(masked(&chain(&error))),
            Err(_) => Answer::Refused(format!("{}: no answer in time", cluster.address())),
        },
    };
    answer.send(said).ok();
}

/// That the inventory has no such cluster, and what it has.
fn not_there(id: &ClusterId, all: impl Iterator<Item = ClusterId>) -> String {
    let all: Vec<_> = all.map(|id| id.to_string()).collect();
    format!(
        "its inventory has no cluster {id}; it has {}",
        all.join(", ")
    )
}

/// Writes a line, and says what of it.
async fn write(
    journal: Arc<Journal>,
    line: Line,
    written: Answer,
    answer: oneshot::Sender<Answer>,
) {
    let result = tokio::task::spawn_blocking(move || journal.append(line)).await;
    let said = match result {
        Ok(Ok(_)) => written,
        Ok(Err(error)) => Answer::Refused(chain(&error)),
        Err(error) => Answer::Refused(error.to_string()),
    };
    answer.send(said).ok();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observe::observed::Unreadable;
    use crate::plan::plan;
    use crate::plan::policy::Policy;
    use crate::plan::tests::world::{desired, exchange, id, now, observed};
    use crate::reason::Reason;

    #[test]
    fn who_only_looks_serves_a_request_with_one_look() {
        let asked = || Again {
            anew: true,
            everything: true,
            ..Again::default()
        };
        for only_looks in [true, false] {
            let mut serving = asked();
            serving.take_look(only_looks);
            serving.join(Again::default());
            assert!(!serving.anew, "the next look is one as any other");
            assert_eq!(serving.everything, !only_looks);
        }
    }

    #[test]
    fn what_could_not_be_seen_is_asked_for_until_it_is() {
        let ids = ["a", "b", "c"].map(id);
        let wanted = desired(["a", "b"].map(|name| exchange(name, json!({}))));
        let mut seen = observed([]);
        let text = "no answer".to_owned();
        let dark = Unreadable {
            reason: Reason::ClusterUnreachable,
            text,
        };
        let view = seen.clusters.insert(ids[0].cluster.clone(), Err(dark));
        let dark = plan(&wanted, &seen, &Policy::default(), now());
        let named = Again {
            these: BTreeSet::from([ids[0].clone(), ids[2].clone()]),
            ..Again::default()
        };
        let all = Again {
            everything: true,
            ..Again::default()
        };
        for (asked, kept) in [(&named, &ids[..1]), (&all, &ids[..2])] {
            let mut again = Again::default();
            again.keep_unseen(asked, &dark);
            assert_eq!(again.these, kept.iter().cloned().collect());
            assert!(!again.anew && !again.everything);
        }
        seen.clusters
            .extend(view.map(|view| (ids[0].cluster.clone(), view)));
        let light = plan(&wanted, &seen, &Policy::default(), now());
        let mut again = Again::default();
        again.keep_unseen(&named, &light);
        assert_eq!(again.retry(), Retry::Only(&BTreeSet::new()), "served");
    }

    #[test]
    fn naming_one_takes_nothing_back_from_all() {
        let nobody = Again::default();
        assert_eq!(nobody.retry(), Retry::Only(&BTreeSet::new()));
        let id: ExchangeId = "c/n/r".parse().unwrap();
        let mut again = Again::default();
        again.these.insert(id.clone());
        let these = BTreeSet::from([id]);
        assert_eq!(again.retry(), Retry::Only(&these));
        let everything = Again {
            everything: true,
            ..Again::default()
        };
        again.join(everything);
        again.join(Again::default());
        assert_eq!(again.retry(), Retry::Everything);
    }
}
