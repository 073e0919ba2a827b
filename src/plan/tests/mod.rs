pub(crate) mod changes;
mod drift;
mod effects;
mod jetstream;
pub(crate) mod properties;
mod removals;
mod states;
mod verify;
pub(crate) mod world;
