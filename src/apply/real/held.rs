//! What one effect learns for a later one.

use std::sync::Arc;

use crate::health::InForce;
use crate::observe::observed::StoredRelease;

/// Of one exchange.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// The rendered configuration differs from the one in force.
    pub(super) config_changes: bool,
    /// When the configuration of a revision was in force before; asked once.
    pub(super) before: Option<(u32, Vec<InForce>)>,
    /// The release last decoded, under the uid of its Secret.
    pub(super) stored: Option<(String, Arc<StoredRelease>)>,
}
