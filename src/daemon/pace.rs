//! How soon the daemon looks again, and tells how it stands. Both take longer the more exchanges there are, and take from
//! the helms what those need: the less often, the longer they take.

use std::time::Duration;

/// How soon after something ended the next pass is made, so that several ends share one.
pub(super) const SOON: Duration = Duration::from_millis(300);
/// The same while more is under way: of a hundred that end one after the other, each would otherwise have a pass of its own.
const BUSY: Duration = Duration::from_secs(1);
/// However long it takes; and where it would only see what is known, that what ended well is as wanted.
const LATEST: Duration = Duration::from_secs(10);
/// Before the pass after one that did not see everything: what went away often comes back at once. Doubled each time, until
/// the interval is shorter.
const MISSED: Duration = Duration::from_secs(2);
/// Between one status and the next.
const APART: Duration = Duration::from_millis(500);
/// Of its time, the daemon spends no more than one part in so many on passes that follow from what it does.
const PASSES: u32 = 10;
/// Nor on the status.
const STATUSES: u32 = 20;

/// What the last of each took.
#[derive(Debug, Default)]
pub(super) struct Pace {
    pub(super) pass: Duration,
    pub(super) status: Duration,
    /// Passes in a row that did not see everything.
    missed: u32,
}

impl Pace {
    /// The pause before the pass that follows an end, while more is under way or not; an end that `begins` something makes
    /// room for what is wanted now.
    pub(super) fn before_pass(&self, more: bool, begins: bool) -> Duration {
        match (more, begins) {
            (false, _) => SOON,
            (true, true) => self.pass.saturating_mul(PASSES).clamp(BUSY, LATEST),
            (true, false) => LATEST,
        }
    }

    /// The pause before the pass after one that saw everything or not; none where the interval is soon enough.
    pub(super) fn after_pass(&mut self, whole: bool) -> Option<Duration> {
        if whole {
            self.missed = 0;
            return None;
        }
        let pause = MISSED.saturating_mul(1_u32.checked_shl(self.missed).unwrap_or(u32::MAX));
        self.missed = self.missed.saturating_add(1);
        Some(pause.max(self.pass.saturating_mul(PASSES)))
    }

    /// The pause before the status that tells what came after the last one, which was written so long ago.
    pub(super) fn before_status(&self, pause: Duration, ago: Duration) -> Duration {
        let apart = self.status.saturating_mul(STATUSES).clamp(APART, LATEST);
        pause.max(apart.saturating_sub(ago))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_away_is_looked_for_again_soon_and_then_less_and_less() {
        let mut pace = Pace::default();
        let seconds = |pace: &mut Pace| pace.after_pass(false).map(|pause| pause.as_secs());
        assert_eq!(pace.after_pass(true), None);
        let pauses: Vec<_> = (0..4).map(|_| seconds(&mut pace).unwrap()).collect();
        assert_eq!(pauses, [2, 4, 8, 16]);
        for _ in 0..40 {
            assert!(seconds(&mut pace) > Some(16));
        }
        assert_eq!(pace.after_pass(true), None);
        assert_eq!(seconds(&mut pace), Some(2));
        pace.pass = Duration::from_secs(1);
        assert_eq!(seconds(&mut pace), Some(10), "no more than its share");
    }

    #[test]
    fn what_takes_long_is_done_seldom_and_done() {
        let millis = Duration::from_millis;
        let mut pace = Pace::default();
        assert_eq!(pace.before_pass(false, false), SOON);
        assert_eq!(pace.before_pass(true, true), BUSY);
        assert_eq!(pace.before_pass(true, false), LATEST);
        let ages = Duration::from_secs(60);
        assert_eq!(pace.before_status(millis(100), ages), millis(100));
        assert_eq!(pace.before_status(millis(100), millis(150)), millis(350));
        (pace.pass, pace.status) = (millis(500), millis(50));
        assert_eq!(pace.before_pass(true, true), millis(5000));
        assert_eq!(
            pace.before_pass(false, true),
            SOON,
            "nobody is kept from anything"
        );
        assert_eq!(pace.before_status(millis(100), ages), millis(100));
        assert_eq!(pace.before_status(millis(100), millis(0)), millis(1000));
        (pace.pass, pace.status) = (Duration::MAX, Duration::MAX);
        assert_eq!(pace.before_pass(true, true), LATEST);
        assert_eq!(pace.before_pass(true, false), LATEST);
        assert_eq!(pace.before_status(millis(100), millis(0)), LATEST);
    }
}
