//! How soon the daemon looks again, and tells how it stands. Both take longer the more exchanges there are, and take from
//! the helms what those need: the less often, the longer they take.

use std::time::Duration;

/// How soon after something ended the next pass is made, so that several ends share one.
pub(super) const SOON: Duration = Duration::from_millis(300);
/// The same while more is under way: of a hundred that end one after the other, each would otherwise have a pass of its own.
const BUSY: Duration = Duration::from_secs(1);
/// However long it takes.
const LATEST: Duration = Duration::from_secs(10);
/// Of its time, the daemon spends no more than one part in so many on passes that follow from what it does.
const PASSES: u32 = 10;
/// Nor on the status.
const STATUSES: u32 = 20;

/// What the last of each took.
#[derive(Debug, Default)]
pub(super) struct Pace {
    pub(super) pass: Duration,
    pub(super) status: Duration,
}

impl Pace {
    /// The pause before the pass that follows an end.
    pub(super) fn before_pass(&self, more: bool) -> Duration {
        if more {
            self.pass.saturating_mul(PASSES).clamp(BUSY, LATEST)
        } else {
            SOON
        }
    }

    /// The pause before the status that could be written after this one.
    pub(super) fn before_status(&self, pause: Duration) -> Duration {
        pause.max(self.status.saturating_mul(STATUSES).min(LATEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_done_seldom_and_done() {
        let millis = Duration::from_millis;
        let mut pace = Pace::default();
        assert_eq!(
            (pace.before_pass(false), pace.before_pass(true)),
            (SOON, BUSY)
        );
        assert_eq!(pace.before_status(millis(200)), millis(200));
        (pace.pass, pace.status) = (millis(500), millis(50));
        assert_eq!(pace.before_pass(true), millis(5000));
        assert_eq!(
            pace.before_pass(false),
            SOON,
            "nobody is kept from anything"
        );
        assert_eq!(pace.before_status(millis(200)), millis(1000));
        (pace.pass, pace.status) = (Duration::MAX, Duration::MAX);
        assert_eq!(pace.before_pass(true), LATEST);
        assert_eq!(pace.before_status(millis(200)), LATEST);
    }
}
