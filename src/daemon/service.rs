//! Tells the service manager how it stands, without ever waiting for it.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use sd_notify::NotifyState;

/// So many messages may wait for a service manager that does not read; what comes then is lost, and said again later.
const WAITING: usize = 16;

/// The way to systemd (`Type=notify`); into nothing where nobody asked to be told.
#[derive(Debug)]
pub(super) struct Service(SyncSender<Vec<NotifyState<'static>>>);

impl Service {
    /// A thread of its own: a full socket blocks whoever writes to it, and that must not be the daemon.
    pub(super) fn new() -> Self {
        let (sender, receiver) = sync_channel::<Vec<NotifyState<'static>>>(WAITING);
        thread::spawn(move || {
            for states in receiver {
                sd_notify::notify(&states).ok();
            }
        });
        Self(sender)
    }

    pub(super) fn tell(&self, states: Vec<NotifyState<'static>>) {
        self.0.try_send(states).ok();
    }
}
