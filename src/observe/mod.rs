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
pub use gather::{DEADLINE, Patient, Was, observe, observe_registry, unread};
pub use patience::Patience;
pub use render::{Kept, RenderError, Renderer};
