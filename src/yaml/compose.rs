//! Parser events to a tree, within a budget.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use serde_yaml::granit_parser::{Event, ScalarStyle, Span, Tag};

use super::frame::{Anchored, Frame, Part, merge};
use super::scalar::{judge, read_plain};
use super::{Data, Entry, Fault, MAX_BYTES, MAX_DEPTH, MAX_NODES, Node, Place};
use crate::reason::Reason;

/// Faults kept of one file; nobody reads more, and a hostile file has thousands.
const MAX_FAULTS: usize = 50;

/// Most bytes of texts, and of the paths of all values: a long key above thousands of values is as many long paths.
const MOST_BYTES: usize = 4 * MAX_BYTES;

/// What a stop means: the rest of the file is not looked at.
pub(super) type Halt = Fault;

/// Builds the tree; what is complete of the root survives a syntax error further down.
#[derive(Default)]
pub(super) struct Composer {
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
    bytes: usize,
    documents: usize,
    pub(super) root: Option<Node>,
    pub(super) faults: Vec<Fault>,
}

/// Where a span begins.
pub(super) fn place_of(span: &Span) -> Place {
    place_at(span.start.line(), span.start.col())
}

pub(super) fn place_at(line: usize, column: usize) -> Place {
    Place {
        line: u32::try_from(line.max(1)).unwrap_or(u32::MAX),
        column: u32::try_from(column.saturating_add(1)).unwrap_or(u32::MAX),
    }
}

fn halt(reason: Reason, place: Place, text: String, hint: &str) -> Halt {
    Fault {
        reason,
        text,
        place,
        hint: Some(hint.to_owned()),
    }
}

impl Composer {
    /// Takes the next event in.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "events without content; some exist with a feature of the parser only"
    )]
    pub(super) fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Halt> {
        let place = place_of(span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(halt(
                        Reason::InvalidYaml,
                        place,
                        "a second YAML document begins here".to_owned(),
                        "write one document per file: move the rest to a file of its own",
                    ));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, tag.as_deref(), place)?;
                let node = Node {
                    place,
                    data: Data::Scalar(value),
                };
                self.add(node, anchor, 1, text.len(), 0)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let part = Part::List(Vec::new());
                self.open(place, anchor, tag, part)
            }
            Event::MappingStart(_, anchor, tag) => {
                let part = Part::Map {
                    entries: Vec::new(),
                    seen: BTreeMap::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.open(place, anchor, tag, part)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => self.alias(id, place),
            _ => Ok(()),
        }
    }

    /// Ends the tree where the text can be followed no further.
    pub(super) fn abandon(&mut self) {
        // Nothing is added any more, so what was spent no longer matters.
        self.nodes = 0;
        self.bytes = 0;
        while !self.stack.is_empty() && self.root.is_none() {
            if self.close().is_err() {
                return;
            }
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        place: Place,
    ) -> Result<Value, Halt> {
        let is_key = self.awaits_key();
        let forced = match tag {
            Some(tag) if !tag.is_yaml_core_schema() => return Err(foreign_tag(place)),
            Some(tag) => tag.is_yaml_core_schema_tag("str"),
            None => false,
        };
        if forced || is_key || style != ScalarStyle::Plain {
            return Ok(Value::String(text.to_owned()));
        }
        let (value, fault) = judge(read_plain(text), place);
        if let Some(fault) = fault {
            complain(&mut self.faults, fault);
        }
        Ok(value)
    }

    fn awaits_key(&self) -> bool {
        matches!(
            self.stack.last().map(|frame| &frame.part),
            Some(Part::Map { key: None, .. })
        )
    }

    /// Of the key whose value comes next.
    fn key_length(&self) -> usize {
        match self.stack.last().map(|frame| &frame.part) {
            Some(Part::Map {
                key: Some((key, _)),
                ..
            }) => key.len(),
            Some(Part::Map { key: None, .. } | Part::List(_)) | None => 0,
        }
    }

    fn spend(&mut self, nodes: usize, bytes: usize, place: Place) -> Result<(), Halt> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.nodes > MAX_NODES {
            return Err(halt(
                Reason::TooLarge,
                place,
                format!("more than {MAX_NODES} values once every alias is expanded"),
                "split the file, or use fewer anchors and aliases",
            ));
        }
        if self.bytes > MOST_BYTES {
            return Err(halt(
                Reason::TooLarge,
                place,
                format!(
                    "more than {} MiB of text once every alias is expanded and every value has its path",
                    MOST_BYTES >> 20
                ),
                "split the file, or use shorter keys, fewer anchors and aliases",
            ));
        }
        Ok(())
    }

    fn open(
        &mut self,
        place: Place,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        part: Part,
    ) -> Result<(), Halt> {
        if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
            return Err(foreign_tag(place));
        }
        if self.awaits_key() {
            return Err(halt(
                Reason::InvalidYaml,
                place,
                "a list or map as a key".to_owned(),
                "keys are texts; if braces or brackets begin a value, quote it",
            ));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(too_deep(place));
        }
        self.spend(1, 0, place)?;
        self.stack.push(Frame {
            place,
            anchor,
            nodes: 1,
            bytes: 0,
            depth: 0,
            part,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Halt> {
        let Some(frame) = self.stack.pop() else {
            return Ok(());
        };
        let data = match frame.part {
            Part::List(items) => Data::List(items),
            Part::Map {
                mut entries,
                mut seen,
                merged,
                ..
            } => {
                for (place, node) in merged {
                    if let Some(fault) = merge(&mut entries, &mut seen, place, node) {
                        complain(&mut self.faults, fault);
                    }
                }
                Data::Map(entries)
            }
        };
        let node = Node {
            place: frame.place,
            data,
        };
        // The collection itself was paid for when it was opened.
        self.nodes = self.nodes.saturating_sub(frame.nodes);
        self.bytes = self.bytes.saturating_sub(frame.bytes);
        self.add(
            node,
            frame.anchor,
            frame.nodes,
            frame.bytes,
            frame.depth + 1,
        )
    }

    fn alias(&mut self, id: usize, place: Place) -> Result<(), Halt> {
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(halt(
                Reason::InvalidYaml,
                place,
                "an alias inside the very value it names".to_owned(),
                "write the value out",
            ));
        };
        let (nodes, bytes, depth) = (anchored.nodes, anchored.bytes, anchored.depth);
        if self.stack.len() + depth > MAX_DEPTH {
            return Err(too_deep(place));
        }
        if self.nodes + nodes > MAX_NODES || self.bytes + bytes > MOST_BYTES {
            return self.spend(nodes, bytes, place);
        }
        let node = self.anchors.get(&id).map(|anchored| anchored.node.clone());
        match node {
            Some(node) => self.add(node, 0, nodes, bytes, depth),
            None => Ok(()),
        }
    }

    fn add(
        &mut self,
        node: Node,
        anchor: usize,
        nodes: usize,
        bytes: usize,
        depth: usize,
    ) -> Result<(), Halt> {
        let place = node.place;
        // What is below a key is called by a path with the key in it, each value of it by its own.
        let bytes = bytes + self.key_length().saturating_mul(nodes);
        self.spend(nodes, bytes, place)?;
        if anchor > 0 {
            // The copy kept for aliases costs memory like any other.
            self.spend(nodes, bytes, place)?;
            self.anchors.insert(
                anchor,
                Anchored {
                    node: node.clone(),
                    nodes,
                    bytes,
                    depth,
                },
            );
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root.get_or_insert(node);
            return Ok(());
        };
        frame.nodes += nodes;
        frame.bytes += bytes;
        frame.depth = frame.depth.max(depth);
        match &mut frame.part {
            Part::List(items) => items.push(node),
            Part::Map {
                entries,
                seen,
                merged,
                key,
            } => match key.take() {
                None => match node.data {
                    Data::Scalar(Value::String(text)) => *key = Some((text, place)),
                    Data::Scalar(_) | Data::List(_) | Data::Map(_) => {
                        return Err(halt(
                            Reason::InvalidYaml,
                            place,
                            "a list or map as a key".to_owned(),
                            "keys are texts",
                        ));
                    }
                },
                Some((key, at)) if key == "<<" => merged.push((at, node)),
                Some((key, at)) => {
                    if let Some(first) = seen.get(&key) {
                        complain(
                            &mut self.faults,
                            Fault {
                                reason: Reason::DuplicateKey,
                                text: format!("{key:?} stands here a second time"),
                                place: at,
                                hint: Some(format!(
                                    "keep one of the two; the first is in line {}",
                                    first.line
                                )),
                            },
                        );
                    } else {
                        seen.insert(key.clone(), at);
                        entries.push(Entry {
                            key,
                            place: at,
                            node,
                        });
                    }
                }
            },
        }
        Ok(())
    }
}

fn complain(faults: &mut Vec<Fault>, fault: Fault) {
    if faults.len() < MAX_FAULTS {
        faults.push(fault);
    }
}

fn too_deep(place: Place) -> Halt {
    halt(
        Reason::TooLarge,
        place,
        format!("nested deeper than {MAX_DEPTH} levels"),
        "flatten it",
    )
}

fn foreign_tag(place: Place) -> Halt {
    halt(
        Reason::InvalidYaml,
        place,
        "a YAML tag that is not of the core schema".to_owned(),
        "take the word with the exclamation mark away",
    )
}
