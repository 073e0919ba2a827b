//! What `run` and `apply` share, and the loop that makes `run` a daemon.

mod changes;
mod drift;
mod health;
mod holds;
mod ledger;
mod meant;
mod pace;
mod passes;
mod record;
mod pulse;
mod reload;
mod requests;
mod service;
mod session;
mod shown;
mod standing;
mod telling;
mod turns;
mod unwell;
mod watch;

pub use ledger::Ledger;
pub use meant::meant;
pub use session::{Session, actor, check, limits};
pub use watch::{Options, Owner, run};
