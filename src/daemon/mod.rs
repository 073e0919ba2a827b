//! What `run` and `apply` share, and the loop that makes `run` a daemon.

mod health;
mod ledger;
mod session;
mod watch;

pub use ledger::Ledger;
pub use session::{Session, limits};
pub use watch::{Options, run};
