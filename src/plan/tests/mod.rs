pub(crate) mod changes;
mod drift;
mod effects;
mod jetstream;
pub(crate) mod properties;
mod removals;
mod states;
pub(crate) mod world;
