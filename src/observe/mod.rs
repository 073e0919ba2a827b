//! What is true now, in every cluster and in the registry.

pub mod observed;
