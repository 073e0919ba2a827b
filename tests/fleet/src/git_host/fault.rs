//! What a test can make a git host do besides serving.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A way for the host to fail its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every connection is closed as soon as it is there.
    Drop,
    /// HTTP answers with this status; ssh is not affected.
    Status(u16),
    /// Every answer comes so much later.
    Slow(Duration),
}

/// A name and password for basic authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

/// The present state of what a test can switch, shared with the servers.
#[derive(Debug, Default)]
pub(super) struct Switches {
    fault: Mutex<Option<Fault>>,
    login: Mutex<Option<Login>>,
}

impl Switches {
    pub(super) fn fault(&self) -> Option<Fault> {
        *lock(&self.fault)
    }

    pub(super) fn login(&self) -> Option<Login> {
        lock(&self.login).clone()
    }

    pub(super) fn break_with(&self, fault: Option<Fault>) {
        *lock(&self.fault) = fault;
    }

    pub(super) fn require(&self, login: Option<Login>) {
        *lock(&self.login) = login;
    }

    /// Waits as long as a slow host does.
    pub(super) async fn delay(&self) {
        if let Some(Fault::Slow(by)) = self.fault() {
            tokio::time::sleep(by).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
