//! What a saved plan compares before it is applied.

use serde_json::json;

use super::action::PlannedExchange;
use crate::exchange::desired::Desired;
use crate::id::Digest;

/// SHA-256 over what the entry says is done, the blobs behind it and what was seen; never over values, because a hash
/// of a weak password can be guessed.
pub(super) fn of(entry: &PlannedExchange, desired: &Desired) -> String {
    let exchange = entry.id.as_ref().and_then(|id| desired.exchanges.get(id));
    let material = json!({
        "format": 1,
        "id": entry.id,
        "file": if entry.id.is_none() { entry.file.as_str() } else { "" },
        "action": entry.action,
        "reason": entry.reason,
        "steps": entry.steps,
        "blobs": exchange.map(|exchange| &exchange.blobs),
        "chart": exchange.map(|exchange| &exchange.chart),
        "precondition": entry.precondition,
    });
    Digest::of(material.to_string().as_bytes()).to_string()
}
