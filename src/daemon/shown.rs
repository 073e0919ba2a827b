//! What people were shown of plans: each thing once, however many passes find it.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::id::{CommitId, ExchangeId};
use crate::plan::action::Plan;
use crate::report::is_quiet;

/// What the last plan said.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Of its entries little is kept: there may be ten thousand.
    entries: HashSet<u64>,
    commit: Option<CommitId>,
    begun: bool,
}

impl Shown {
    /// What of this plan the one before did not say; none where nobody has to be shown anything. What is in our own hands is
    /// no news: it is told when it begins and ends.
    pub(super) fn take(
        &mut self,
        plan: &Plan,
        in_hand: impl Fn(&ExchangeId) -> bool,
    ) -> Option<Plan> {
        let mut entries = HashSet::with_capacity(plan.exchanges.len());
        let mut news = Vec::new();
        for entry in &plan.exchanges {
            let mut hasher = DefaultHasher::new();
            entry.fingerprint.hash(&mut hasher);
            let word = hasher.finish();
            let ours = entry.id.as_ref().is_some_and(&in_hand);
            if !ours && !self.entries.contains(&word) {
                news.push(entry);
            }
            entries.insert(word);
        }
        self.entries = entries;
        let is_new = !self.begun || self.commit != plan.commit;
        (self.begun, self.commit) = (true, plan.commit.clone());
        let is_shown = is_new || news.iter().any(|entry| !is_quiet(entry));
        is_shown.then(|| Plan {
            commit: plan.commit.clone(),
            exchanges: news.into_iter().cloned().collect(),
            unreadable: plan.unreadable.clone(),
            diagnostics: plan.diagnostics.clone(),
            until: plan.until,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::action::{Action, PlannedExchange};
    use crate::reason::Reason;

    fn plan(commit: char, entries: &[(&str, Action)]) -> Plan {
        let entries = entries.iter().map(|(name, action)| PlannedExchange {
            fingerprint: format!("{name} {action:?}"),
            ..PlannedExchange::undeclared(
                Some(format!("c/n/{name}").parse().unwrap()),
                *action,
                Reason::UpToDate,
                "",
            )
        });
        Plan {
            commit: Some(commit.to_string().repeat(40).parse().unwrap()),
            exchanges: entries.collect(),
            ..Plan::default()
        }
    }

    fn names(news: Option<Plan>) -> Option<Vec<String>> {
        let each = news?.exchanges.into_iter();
        Some(
            each.map(|entry| entry.id.unwrap().release.to_string())
                .collect(),
        )
    }

    #[test]
    fn each_change_is_shown_once_and_our_own_work_never() {
        use Action::{Blocked, Install, None as Nothing};
        let mut shown = Shown::default();
        let nobody = |_: &ExchangeId| false;
        let of = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
        let first = plan('a', &[("a", Install), ("b", Install), ("c", Nothing)]);
        assert_eq!(names(shown.take(&first, nobody)), of(&["a", "b", "c"]));
        assert_eq!(names(shown.take(&first, nobody)), None, "the same again");
        let midway = plan('a', &[("a", Blocked), ("b", Install), ("c", Nothing)]);
        let flying = |id: &ExchangeId| id.release.as_str() == "a";
        assert_eq!(
            names(shown.take(&midway, flying)),
            None,
            "it is being installed"
        );
        let over = plan('a', &[("a", Nothing), ("b", Blocked), ("c", Nothing)]);
        assert_eq!(names(shown.take(&over, nobody)), of(&["a", "b"]));
        let next = plan('b', &[("a", Nothing), ("b", Blocked), ("c", Nothing)]);
        assert_eq!(
            names(shown.take(&next, nobody)),
            of(&[]),
            "a commit is news"
        );
        assert_eq!(names(shown.take(&next, nobody)), None);
    }
}
