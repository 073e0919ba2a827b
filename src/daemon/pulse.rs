//! Whether passes come round: only while they do is it told that the daemon lives.

use std::time::{Duration, Instant};

use super::service::{Service, Word};
use crate::listen::Board;

/// A pass that is under way for longer hangs. Twice what a fetch may take, as one that finds the mirror damaged is made
/// again, and ten minutes for the looks, each of which has a deadline of its own.
const LONGEST_PASS: Duration = Duration::from_secs(30 * 60);

/// What is told of the daemon's life.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// It is said once of a pass.
    stopped: bool,
}

impl Pulse {
    /// The loop came round, while a pass is under way since so long, if one is.
    pub(super) fn beat(&mut self, pass: Option<Duration>, board: &Board, service: &Service) {
        let hangs = pass.filter(|since| *since > LONGEST_PASS);
        let before = std::mem::replace(&mut self.stopped, hangs.is_some());
        let Some(since) = hangs else {
            board.show(|seen| seen.beat = Instant::now());
            service.tell(Word::Alive);
            return;
        };
        if !before {
            tracing::error!(
                minutes = since.as_secs() / 60,
                "the pass under way does not end: something that it reads does not answer, as a disk or a network mount; \
                 /healthz says so from now on, and the service manager is no longer told that the daemon lives"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn a_daemon_whose_pass_does_not_end_is_no_longer_said_to_live() {
        let (way, heard) = sync_channel(8);
        let service = Service::over(way);
        let board = Board::new();
        let mut pulse = Pulse::default();
        let mut beats = |pass| {
            let before = board.seen().beat;
            std::thread::sleep(Duration::from_millis(1));
            pulse.beat(pass, &board, &service);
            let told: Vec<_> = heard.try_iter().collect();
            let shown = board.seen().beat > before;
            assert_eq!(told, if shown { vec![Word::Alive] } else { vec![] });
            shown
        };
        let second = Duration::from_secs(1);
        assert!(beats(None) && beats(Some(second)) && beats(Some(LONGEST_PASS)));
        assert!(!beats(Some(LONGEST_PASS + second)));
        assert!(!beats(Some(LONGEST_PASS * 2)));
        assert!(beats(None), "it ended after all");
    }

    #[test]
    fn a_pass_may_take_what_its_fetches_may() {
        let fetch = crate::source::Limits::default().fetch;
        assert!(LONGEST_PASS > fetch * 2);
    }
}
