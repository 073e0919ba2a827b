//! Makes the world match a plan: a pure step function decides, effects do, lanes run them.

pub mod effect;
mod effects;
mod fence;
mod lanes;
pub mod order;
pub mod outcome;
mod real;
mod run;
pub mod step;
mod subject;

pub use effects::Effects;
pub use lanes::{InFlight, Lanes, Limits, Progress, Retry, Submitted};
pub use outcome::{Outcome, OutcomeResult, StepTaken, Verdict};
pub use real::{Orphans, World};
pub use run::{Pass, apply};
pub use subject::Subject;

#[cfg(test)]
mod tests;
