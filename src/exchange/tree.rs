//! Values on their way through the layers: every part remembers the file and place it came from.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::path::{Step, read_path};
use crate::yaml::{Data, Entry, Node, Place};

/// Gaps that list indexes of one file may leave; `a[60000]` would otherwise be a bomb.
const MOST_GAPS: usize = 1000;

/// Where a part of the values comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// Index into the checkout's files.
    pub(super) file: usize,
    pub(super) place: Place,
    /// Of the key it stands under, where it has one.
    key: Place,
}

impl Origin {
    /// Where the key stands: for what is wrong with that, whatever its value.
    pub(super) fn at_key(self) -> Self {
        Self {
            place: self.key,
            ..self
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) origin: Origin,
    pub(super) shape: Shape,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Leaf(Value),
    List(Vec<Tree>),
    /// Single elements of a list, set through `[n]`; the layer below has the others.
    Indexed(BTreeMap<usize, Tree>),
    Map(BTreeMap<String, Tree>),
}

/// Why values of one file do not fit together.
pub(super) enum Clash {
    /// Two keys set the same.
    Conflict {
        place: Place,
        path: String,
        first: Place,
    },
    /// A dotted key that is none.
    Path {
        place: Place,
        key: String,
        text: &'static str,
    },
    /// Too many empty elements.
    Gaps { place: Place },
}

impl Tree {
    /// A node as it stands, without a meaning of dots.
    pub(super) fn of(node: &Node, file: usize) -> Self {
        let shape = match &node.data {
            Data::Scalar(value) => Shape::Leaf(value.clone()),
            Data::List(items) => {
                Shape::List(items.iter().map(|item| Self::of(item, file)).collect())
            }
            Data::Map(entries) => Shape::Map(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), Self::of_entry(entry, file)))
                    .collect(),
            ),
        };
        Self {
            origin: Origin {
                file,
                place: node.place,
                key: node.place,
            },
            shape,
        }
    }

    /// What stands under a key. A scalar stands where it begins; a list or map begins at its key for
    /// people, not at its first element.
    fn of_entry(entry: &Entry, file: usize) -> Self {
        let mut tree = Self::of(&entry.node, file);
        tree.origin.key = entry.place;
        if !matches!(entry.node.data, Data::Scalar(_)) {
            tree.origin.place = entry.place;
        }
        tree
    }

    /// The values of one file; dots and indexes of its outermost keys are followed.
    pub(super) fn of_values(node: &Node, file: usize, clashes: &mut Vec<Clash>) -> Self {
        let origin = Origin {
            file,
            place: node.place,
            key: node.place,
        };
        let mut root = Self {
            origin,
            shape: Shape::Map(BTreeMap::new()),
        };
        let mut gaps = 0;
        for entry in node.entries() {
            let place = entry.place;
            let steps = match read_path(&entry.key) {
                Ok(steps) => steps,
                Err(text) => {
                    let key = entry.key.clone();
                    clashes.push(Clash::Path { place, key, text });
                    continue;
                }
            };
            gaps += steps
                .iter()
                .map(|step| match step {
                    Step::Index(index) => *index,
                    Step::Key(_) => 0,
                })
                .fold(0, usize::saturating_add);
            if gaps > MOST_GAPS {
                clashes.push(Clash::Gaps { place });
                return root;
            }
            let mut branch = Self::of_entry(entry, file);
            for step in steps.into_iter().rev() {
                let origin = Origin {
                    file,
                    place,
                    key: place,
                };
                let shape = match step {
                    Step::Key(key) => Shape::Map(BTreeMap::from([(key, branch)])),
                    Step::Index(index) => Shape::Indexed(BTreeMap::from([(index, branch)])),
                };
                branch = Self { origin, shape };
            }
            root.join(branch, place, String::new(), clashes);
        }
        root
    }

    /// Takes in what another key of the same file sets.
    fn join(&mut self, other: Self, place: Place, path: String, clashes: &mut Vec<Clash>) {
        let first = self.origin.place;
        match (&mut self.shape, other.shape) {
            (Shape::Map(mine), Shape::Map(more)) => {
                for (key, tree) in more {
                    let below = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    match mine.get_mut(&key) {
                        Some(there) => there.join(tree, place, below, clashes),
                        None => drop(mine.insert(key, tree)),
                    }
                }
            }
            (Shape::Indexed(mine), Shape::Indexed(more)) => {
                for (index, tree) in more {
                    match mine.get_mut(&index) {
                        Some(there) => there.join(tree, place, format!("{path}[{index}]"), clashes),
                        None => drop(mine.insert(index, tree)),
                    }
                }
            }
            _ => clashes.push(Clash::Conflict { place, path, first }),
        }
    }

    /// Lays a later layer over this one: maps merge, everything else replaces.
    pub(super) fn overlay(&mut self, over: &Self) {
        match (&mut self.shape, &over.shape) {
            (Shape::Map(mine), Shape::Map(more)) => {
                for (key, tree) in more {
                    match mine.get_mut(key) {
                        Some(there) => there.overlay(tree),
                        None => drop(mine.insert(key.clone(), tree.clone())),
                    }
                }
            }
            (Shape::List(mine), Shape::Indexed(more)) => {
                for (index, tree) in more {
                    let gap = Self {
                        origin: tree.origin,
                        shape: Shape::Leaf(Value::Null),
                    };
                    while mine.len() <= *index {
                        mine.push(gap.clone());
                    }
                    if let Some(there) = mine.get_mut(*index) {
                        there.overlay(tree);
                    }
                }
            }
            (Shape::Indexed(mine), Shape::Indexed(more)) => {
                for (index, tree) in more {
                    match mine.get_mut(index) {
                        Some(there) => there.overlay(tree),
                        None => drop(mine.insert(*index, tree.clone())),
                    }
                }
            }
            _ => self.clone_from(over),
        }
    }

    /// The value at a path of map keys.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, key| match &tree.shape {
            Shape::Map(map) => map.get(*key),
            Shape::Leaf(_) | Shape::List(_) | Shape::Indexed(_) => None,
        })
    }

    /// The children of a map.
    pub(super) fn children(&self) -> impl Iterator<Item = (&String, &Self)> {
        match &self.shape {
            Shape::Map(map) => Some(map),
            Shape::Leaf(_) | Shape::List(_) | Shape::Indexed(_) => None,
        }
        .into_iter()
        .flatten()
    }

    /// The elements of a list.
    pub(super) fn items(&self) -> Vec<&Self> {
        match &self.shape {
            Shape::List(items) => items.iter().collect(),
            Shape::Indexed(items) => items.values().collect(),
            Shape::Leaf(_) | Shape::Map(_) => Vec::new(),
        }
    }

    /// Whether it is a map.
    pub(super) fn is_map(&self) -> bool {
        matches!(self.shape, Shape::Map(_))
    }

    /// The scalar, where it is one.
    pub(super) fn leaf(&self) -> Option<&Value> {
        match &self.shape {
            Shape::Leaf(value) => Some(value),
            Shape::List(_) | Shape::Indexed(_) | Shape::Map(_) => None,
        }
    }

    /// The text, where it is one.
    pub(super) fn text(&self) -> Option<&str> {
        self.leaf().and_then(Value::as_str)
    }

    /// Calls `visit` with every part below and its path; list elements are named by their number.
    pub(super) fn walk<'t>(
        &'t self,
        path: &mut Vec<String>,
        visit: &mut impl FnMut(&[String], &'t Self),
    ) {
        visit(path, self);
        let mut below = |name: String, tree: &'t Self, path: &mut Vec<String>| {
            path.push(name);
            tree.walk(path, visit);
            path.pop();
        };
        match &self.shape {
            Shape::Leaf(_) => {}
            Shape::Map(map) => {
                for (key, tree) in map {
                    below(key.clone(), tree, path);
                }
            }
            Shape::List(items) => {
                for (index, tree) in items.iter().enumerate() {
                    below(index.to_string(), tree, path);
                }
            }
            Shape::Indexed(items) => {
                for (index, tree) in items {
                    below(index.to_string(), tree, path);
                }
            }
        }
    }

    /// Without origins.
    pub(super) fn to_value(&self) -> Value {
        match &self.shape {
            Shape::Leaf(value) => value.clone(),
            Shape::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Shape::Map(map) => Value::Object(
                map.iter()
                    .map(|(key, tree)| (key.clone(), tree.to_value()))
                    .collect::<Map<_, _>>(),
            ),
            Shape::Indexed(items) => {
                let mut list = Vec::new();
                for (index, tree) in items {
                    list.resize(*index, Value::Null);
                    list.push(tree.to_value());
                }
                Value::Array(list)
            }
        }
    }
}
