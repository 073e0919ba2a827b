pub(crate) mod changes;
mod properties;
mod removals;
mod states;
pub(crate) mod world;
