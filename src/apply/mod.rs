//! Makes the world match a plan: a pure step function decides, effects do, lanes run them.

pub mod effect;
mod effects;
mod fence;
pub mod order;
pub mod outcome;
pub mod step;
mod subject;

pub use effects::{Effects, Process};
pub use outcome::{Outcome, OutcomeResult, Verdict};
pub use subject::Subject;
