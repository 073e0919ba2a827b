//! What one effect learns for a later one.

use std::sync::Arc;

use crate::health::InForce;
use crate::observe::observed::StoredRelease;

/// Of one exchange.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// The rendered configuration differs from the one in force.
    pub(super) config_changes: bool,
    /// Whether the same configuration was in force before; asked once.
    pub(super) before: Before,
    /// The release last decoded, under the uid of its Secret.
    pub(super) stored: Option<(String, Arc<StoredRelease>)>,
}

/// What is known of the configuration before the one that was replaced.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Before {
    /// Nobody looked yet.
    #[default]
    Unasked,
    /// It was another, or there is none.
    Other,
    /// It was the same.
    Same(InForce),
}
