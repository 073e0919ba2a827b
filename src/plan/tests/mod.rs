pub(crate) mod changes;
pub(crate) mod properties;
mod removals;
mod states;
pub(crate) mod world;
