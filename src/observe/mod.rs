//! What is true now, in every cluster and in the registry.

mod drifts;
mod gather;
mod look;
pub mod manifest;
pub mod observed;
mod patience;
pub mod release;
mod render;

pub use drifts::{Drifts, compare, compare_all};
pub use gather::{DEADLINE, Gathered, Patient, observe, observe_registry};
pub use patience::Patience;
pub use render::{Kept, RenderError, Renderer};
