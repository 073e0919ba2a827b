//! What goes into the registry record as the author wrote it.

use serde_json::{Map, Value};

use super::fields::Fields;
use crate::reason::Reason;
use crate::yaml::{Data, Node};

/// Reads `metadata`. The registry stores it in a document database, where a key with a dot or a
/// leading dollar means something else, and the key `natsx` holds our own mark.
pub(super) fn read(fields: &mut Fields<'_, '_, '_>) -> Map<String, Value> {
    let Some(node) = fields.get("metadata") else {
        return Map::new();
    };
    if !matches!(node.data, Data::Map(_)) {
        fields.wrong("metadata", node, "a map", "write `metadata: {team: infra}`");
        return Map::new();
    }
    if let Some(entry) = node.entry("natsx") {
        fields.findings.error(
            Reason::InvalidValue,
            entry.place,
            "the metadata key natsx is kept for natsx-sync's own mark",
            "choose another key",
        );
    }
    check(fields, node);
    if let Value::Object(map) = node.to_value() {
        map
    } else {
        Map::new()
    }
}

fn check(fields: &mut Fields<'_, '_, '_>, node: &Node) {
    for entry in node.entries() {
        if entry.key.contains('.') || entry.key.starts_with('$') || entry.key.is_empty() {
            fields.findings.error(
                Reason::InvalidValue,
                entry.place,
                format!("the registry cannot keep the metadata key {:?}", entry.key),
                "use keys without dots that do not begin with a dollar, for instance with `_` or nested",
            );
        }
        check(fields, &entry.node);
    }
    if let Data::List(items) = &node.data {
        for item in items {
            check(fields, item);
        }
    }
}
