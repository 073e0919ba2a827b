//! What one effect learns for a later one.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::chart::ChartArchive;
use crate::health::InForce;
use crate::observe::observed::StoredRelease;

/// When a configuration came that was another than the one before.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub(super) at: Timestamp,
    /// When it was in force already.
    pub(super) before: Vec<InForce>,
}

/// Of one exchange.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// Whether the rendered configuration differs from the one in force, where no revision that is kept says what is.
    pub(super) config_changes: Option<bool>,
    /// When the configuration of the release under this uid came, and was in force before; asked once.
    pub(super) change: Option<(SmolStr, Option<Came>)>,
    /// The digests of the configuration of the release under this uid, by pod; asked once.
    pub(super) digests: Option<(SmolStr, BTreeMap<String, String>)>,
    /// The chart, looked at once.
    pub(super) chart: Option<ChartArchive>,
    /// The revision helm has just made; not looked up again in the list of all.
    pub(super) made: Option<u32>,
    /// The release last decoded, under the uid of its Secret.
    pub(super) stored: Option<(SmolStr, Arc<StoredRelease>)>,
}
