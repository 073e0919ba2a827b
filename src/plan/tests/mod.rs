pub(crate) mod changes;
mod effects;
pub(crate) mod properties;
mod removals;
mod states;
pub(crate) mod world;
