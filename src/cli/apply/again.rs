//! Whether what was planned leads no further, and what a second plan adds to the first.

use std::collections::BTreeMap;

use crate::apply::{Outcome, OutcomeResult};
use crate::id::ExchangeId;
use crate::plan::action::{Plan, StepKind};

/// How often it is planned anew in one run.
pub(super) const MOST: usize = 2;

/// Why it is planned again: others changed what the plan relied on (often a helm that outlived an earlier natsx-sync), or
/// a lock was taken away and what lies behind it can be seen now. A failure is not tried again here.
pub(super) fn overtaken(plan: &Plan, outcomes: &BTreeMap<ExchangeId, Outcome>) -> Option<String> {
    let failed = |outcome: &Outcome| outcome.result == OutcomeResult::Failed;
    let mut all = outcomes.values();
    if all.any(|outcome| failed(outcome) && !outcome.is_overtaken()) {
        return None;
    }
    outcomes.values().find_map(|outcome| {
        if outcome.is_overtaken() {
            let why = outcome.why.as_ref();
            let why = why.map_or("it changed", |why| &why.text);
            return Some(format!("{}: {why}", outcome.id));
        }
        is_unlocked(plan, outcome).then(|| format!("{} is no longer locked", outcome.id))
    })
}

/// Whether nothing but a lock was taken away: the exchange is not yet as wanted.
pub(super) fn is_unlocked(plan: &Plan, outcome: &Outcome) -> bool {
    let mut entries = plan.exchanges.iter();
    let entry = entries.find(|entry| entry.id.as_ref() == Some(&outcome.id));
    outcome.result == OutcomeResult::Done
        && entry.is_some_and(|entry| entry.steps == [StepKind::Unlock])
}

/// What was done the first time stays told.
pub(super) fn take_over(
    outcomes: &mut BTreeMap<ExchangeId, Outcome>,
    anew: BTreeMap<ExchangeId, Outcome>,
) {
    outcomes.retain(|_, outcome| !outcome.is_overtaken());
    for (id, outcome) in anew {
        if outcome.result != OutcomeResult::Unchanged || !outcomes.contains_key(&id) {
            outcomes.insert(id, outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::Verdict;
    use crate::apply::effect::Why;
    use crate::plan::action::Action;
    use crate::reason::Reason;

    fn outcomes(all: &[(&str, Verdict)]) -> BTreeMap<ExchangeId, Outcome> {
        all.iter()
            .map(|(name, verdict)| {
                let id: ExchangeId = format!("c/n/{name}").parse().unwrap();
                let one = Outcome::new(id.clone(), Action::Upgrade, verdict.clone(), Vec::new());
                (id, one)
            })
            .collect()
    }

    fn fenced() -> Verdict {
        Verdict::Fenced(Why::new(Reason::StaleFence, "revision 1 is gone"))
    }

    #[test]
    fn only_what_others_changed_is_planned_again() {
        let plan = Plan::default();
        let why = overtaken(&plan, &outcomes(&[("a", Verdict::Done), ("b", fenced())]));
        assert_eq!(why.as_deref(), Some("c/n/b: revision 1 is gone"));
        let failed = Verdict::Failed(Why::new(Reason::HelmFailed, "no"));
        assert_eq!(
            overtaken(&plan, &outcomes(&[("a", failed), ("b", fenced())])),
            None
        );
        assert_eq!(overtaken(&plan, &outcomes(&[("a", Verdict::Done)])), None);
    }

    #[test]
    fn a_release_that_appeared_is_looked_at_again() {
        let plan = Plan::default();
        let appeared = Verdict::Failed(Why::new(Reason::ReleaseAppeared, "in use"));
        let mut first = outcomes(&[("a", appeared)]);
        let why = overtaken(&plan, &first);
        assert_eq!(why.as_deref(), Some("c/n/a: in use"));
        take_over(&mut first, outcomes(&[("a", Verdict::Unchanged)]));
        let results: Vec<_> = first.values().map(|outcome| outcome.result).collect();
        assert_eq!(results, [OutcomeResult::Unchanged], "as wanted by then");
    }

    #[test]
    fn what_was_done_the_first_time_stays_told() {
        let mut first = outcomes(&[("a", Verdict::Done), ("b", fenced())]);
        let anew = outcomes(&[("a", Verdict::Unchanged), ("b", Verdict::Done)]);
        take_over(&mut first, anew);
        let results: Vec<_> = first.values().map(|outcome| outcome.result).collect();
        assert_eq!(results, [OutcomeResult::Done, OutcomeResult::Done]);
    }
}
