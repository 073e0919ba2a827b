//! What people were shown of plans: each thing once, however many passes find it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use crate::id::{CommitId, ExchangeId};
use crate::plan::action::{Plan, PlannedExchange};
use crate::report::is_quiet;

/// What the last plan said.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Of each entry, under its exchange or file. Little is kept: there may be ten thousand.
    entries: HashMap<u64, u64>,
    commit: Option<CommitId>,
    begun: bool,
}

impl Shown {
    /// What of this plan the one before did not say; none where nobody has to be shown anything. What is in our own hands is
    /// told when it begins and ends: only what is planned for it then can be news.
    pub(super) fn take<'p>(
        &mut self,
        plan: &'p Plan,
        in_hand: impl Fn(&ExchangeId) -> bool,
    ) -> Option<Vec<&'p PlannedExchange>> {
        let mut entries = HashMap::with_capacity(plan.exchanges.len());
        let mut news = Vec::new();
        for entry in &plan.exchanges {
            let key = hash(&(&entry.id, &entry.file));
            let before = self.entries.get(&key).copied();
            let findings = entry.diagnostics.iter();
            let findings: Vec<_> = findings.map(|found| (&found.text, found.line)).collect();
            let now = hash(&(&entry.fingerprint, findings));
            if entry.id.as_ref().is_some_and(&in_hand) {
                entries.extend(before.map(|before| (key, before)));
                continue;
            }
            if before != Some(now) {
                news.push(entry);
            }
            entries.insert(key, now);
        }
        self.entries = entries;
        let is_new = !self.begun || self.commit != plan.commit;
        (self.begun, self.commit) = (true, plan.commit.clone());
        let is_shown = is_new || news.iter().any(|entry| !is_quiet(entry));
        is_shown.then_some(news)
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostic;
    use crate::plan::action::Action;
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

    fn names(news: Option<Vec<&PlannedExchange>>) -> Option<Vec<String>> {
        let ids = news?.into_iter().flat_map(|entry| &entry.id);
        Some(ids.map(|id| id.release.to_string()).collect())
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

    /// A commit changes what waits for health: it is planned while that is in our hands, and begun when it is not.
    #[test]
    fn what_could_not_be_shown_is_shown_when_it_can() {
        let mut shown = Shown::default();
        let (nobody, all) = (|_: &ExchangeId| false, |_: &ExchangeId| true);
        shown.take(&plan('a', &[("a", Action::Install)]), nobody);
        let changed = plan('b', &[("a", Action::Upgrade)]);
        assert_eq!(names(shown.take(&changed, all)), Some(Vec::new()));
        assert_eq!(
            names(shown.take(&changed, nobody)),
            Some(vec!["a".to_owned()])
        );
        let mut broken = changed.clone();
        let error = Diagnostic::error(Reason::FileInvalid, "another error");
        broken.exchanges[0].diagnostics.push(error);
        assert_eq!(
            names(shown.take(&broken, nobody)),
            Some(vec!["a".to_owned()])
        );
    }
}
