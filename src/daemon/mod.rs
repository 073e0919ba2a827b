//! What `run` and `apply` share, and the loop that makes `run` a daemon.

mod changes;
mod drift;
mod files;
mod health;
mod holds;
mod ledger;
mod meant;
mod pace;
mod passes;
mod pulse;
mod record;
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
