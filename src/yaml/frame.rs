//! Collections under construction.

use std::collections::BTreeMap;

use super::{Data, Entry, Fault, Node, Place};
use crate::reason::Reason;

/// An anchored node with what a copy of it costs.
pub(super) struct Anchored {
    pub(super) node: Node,
    pub(super) nodes: usize,
    pub(super) bytes: usize,
    pub(super) depth: usize,
}

pub(super) struct Frame {
    pub(super) place: Place,
    pub(super) anchor: usize,
    pub(super) nodes: usize,
    pub(super) bytes: usize,
    /// Levels below.
    pub(super) depth: usize,
    pub(super) part: Part,
}

pub(super) enum Part {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        seen: BTreeMap<String, Place>,
        merged: Vec<(Place, Node)>,
        key: Option<(String, Place)>,
    },
}

/// Fills in what `<<` merges; a key that stands in the map itself wins.
pub(super) fn merge(
    entries: &mut Vec<Entry>,
    seen: &mut BTreeMap<String, Place>,
    place: Place,
    node: Node,
) -> Option<Fault> {
    let maps = match node.data {
        Data::Map(_) => vec![node],
        Data::List(items) => items,
        Data::Scalar(_) => Vec::new(),
    };
    if maps.is_empty() || maps.iter().any(|map| !matches!(map.data, Data::Map(_))) {
        return Some(Fault {
            reason: Reason::InvalidYaml,
            text: "`<<` merges maps only".to_owned(),
            place,
            hint: Some("write `<<: *name` where name anchors a map".to_owned()),
        });
    }
    for map in maps {
        if let Data::Map(more) = map.data {
            for entry in more {
                if !seen.contains_key(&entry.key) {
                    seen.insert(entry.key.clone(), entry.place);
                    entries.push(entry);
                }
            }
        }
    }
    None
}
