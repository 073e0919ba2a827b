pub(crate) mod changes;
mod effects;
mod jetstream;
pub(crate) mod properties;
mod removals;
mod states;
pub(crate) mod world;
