//! Tells the service manager how it stands, without ever waiting for it.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use sd_notify::NotifyState;

/// So many messages may wait for a service manager that does not read; what comes then is lost, and said again later.
const WAITING: usize = 16;

/// What systemd is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It works, by the settings as they were read last.
    Ready,
    /// It still makes progress.
    Alive,
    /// It reads its settings again.
    Reloading,
    /// It ends.
    Stopping,
    /// How it stands, in one line.
    Stands(String),
}

impl Word {
    fn states(&self) -> Vec<NotifyState<'_>> {
        match self {
            Self::Ready => vec![NotifyState::Ready],
            Self::Alive => vec![NotifyState::Watchdog],
            Self::Reloading => {
                let mut states = vec![NotifyState::Reloading];
                // It tells this reload from the next by its time.
                states.extend(NotifyState::monotonic_usec_now().ok());
                states
            }
            Self::Stopping => vec![NotifyState::Stopping],
            Self::Stands(text) => vec![NotifyState::Status(text)],
        }
    }
}

/// The way to systemd (`Type=notify`); into nothing where nobody asked to be told.
#[derive(Debug)]
pub(super) struct Service {
    way: SyncSender<Word>,
    stood: String,
}

impl Service {
    /// A thread of its own: a full socket blocks whoever writes to it, and that must not be the daemon.
    pub(super) fn new() -> Self {
        let (way, receiver) = sync_channel::<Word>(WAITING);
        thread::spawn(move || {
            for word in receiver {
                sd_notify::notify(&word.states()).ok();
            }
        });
        Self::over(way)
    }

    pub(super) fn over(way: SyncSender<Word>) -> Self {
        Self {
            way,
            stood: String::new(),
        }
    }

    pub(super) fn tell(&self, word: Word) {
        self.way.try_send(word).ok();
    }

    /// What `systemctl status` shows; only where it is not what it shows already.
    pub(super) fn stands(&mut self, text: String) {
        if text != self.stood && self.way.try_send(Word::Stands(text.clone())).is_ok() {
            self.stood = text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_stands_is_told_when_it_changes_and_again_when_it_was_lost() {
        let (way, heard) = sync_channel(1);
        let mut service = Service::over(way);
        let stands = |text: &str| Word::Stands(text.to_owned());
        service.stands("1 of 2".to_owned());
        service.stands("1 of 2".to_owned());
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [stands("1 of 2")]);
        service.tell(Word::Alive);
        service.stands("2 of 2".to_owned());
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [Word::Alive]);
        service.stands("2 of 2".to_owned());
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [stands("2 of 2")]);
    }
}
