//! Single fields of an exchange file: their shape, and what to write where it is wrong.

use std::str::FromStr;

use serde_json::Value;

use super::finding::Findings;
use crate::id::IdError;
use crate::reason::Reason;
use crate::yaml::{Data, Node, Place};

/// Every field, in the order of the reference.
pub(super) const FIELDS: &[&str] = &[
    "kind",
    "format",
    "name",
    "release_name",
    "cluster_id",
    "namespace",
    "org_ids",
    "helm_values",
    "metadata",
    "chart_version",
    "profiles",
    "depends_on",
    "sync_mode",
    "drift_ignore",
    "protect",
    "deletion_policy",
    "suspend",
    "public_url",
    "system_id",
    "access",
    "federation",
];

/// The outermost map with what was found in it.
pub(super) struct Fields<'n, 'f, 'a> {
    pub(super) root: &'n Node,
    pub(super) findings: &'f mut Findings<'a>,
    /// The text breaks off, so that an absent field says nothing.
    pub(super) torn: bool,
}

impl<'n> Fields<'n, '_, '_> {
    /// The value of a field; `null` is as good as absent.
    pub(super) fn get(&self, field: &str) -> Option<&'n Node> {
        self.root.get(field).filter(|node| !node.is_null())
    }

    /// Reports a field's wrong shape; not where the text breaks off in it.
    pub(super) fn wrong(&mut self, field: &str, node: &Node, expected: &str, hint: &str) {
        let is_empty = match &node.data {
            Data::Scalar(_) => false,
            Data::List(items) => items.is_empty(),
            Data::Map(entries) => entries.is_empty(),
        };
        if self.torn && is_empty {
            return;
        }
        self.findings.error(
            Reason::InvalidValue,
            node.place,
            format!("{field} is {}; {expected} is expected", node.kind()),
            hint,
        );
    }

    /// A text without line breaks.
    pub(super) fn text(&mut self, field: &str) -> Option<(&'n str, Place)> {
        let node = self.get(field)?;
        match node.text() {
            Some(text) if text.trim().is_empty() => {
                self.findings.error(
                    Reason::InvalidValue,
                    node.place,
                    format!("{field} is empty"),
                    format!("write a text after `{field}:`, or take the line away"),
                );
                None
            }
            Some(text) if text.chars().any(char::is_control) => {
                self.findings.error(
                    Reason::InvalidValue,
                    node.place,
                    format!("{field} contains a line break or another control character"),
                    "write it on one line",
                );
                None
            }
            Some(text) => Some((text, node.place)),
            None => {
                let hint = match node.data {
                    Data::Scalar(_) => "put it in quotes if this text is meant",
                    Data::List(_) | Data::Map(_) => "write one text",
                };
                self.wrong(field, node, "a text", hint);
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, field: &str, example: &str) -> Option<(&'n str, Place)> {
        if self.get(field).is_none() {
            self.missing(field, &format!("add `{field}: {example}`"));
        }
        self.text(field)
    }

    /// Reports a field that is not there.
    pub(super) fn missing(&mut self, field: &str, hint: &str) {
        let entry = self.root.entry(field);
        let place = entry.map_or(self.root.place, |entry| entry.place);
        // What could not be read is there all the same.
        let told = entry.is_some_and(|entry| self.findings.points_to(entry.node.place));
        if !self.torn && !told {
            let text = format!("{field} is missing");
            self.findings.error(Reason::InvalidValue, place, text, hint);
        }
    }

    /// A name of one of our types.
    pub(super) fn name<T: FromStr<Err = IdError>>(
        &mut self,
        field: &str,
        found: Option<(&str, Place)>,
    ) -> Option<T> {
        let (text, place) = found?;
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.findings.error(
                    Reason::InvalidValue,
                    place,
                    format!("{text:?} is not a valid {field}"),
                    format!("use {}", error.rule),
                );
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, field: &str) -> Option<bool> {
        let node = self.get(field)?;
        if let Data::Scalar(Value::Bool(value)) = node.data {
            return Some(value);
        }
        self.wrong(
            field,
            node,
            "a boolean",
            &format!("write `{field}: true` or `{field}: false`, without quotes"),
        );
        None
    }

    /// One of a few words.
    pub(super) fn word<T: serde::de::DeserializeOwned>(
        &mut self,
        field: &str,
        words: &[&str],
    ) -> Option<T> {
        let (text, place) = self.text(field)?;
        let word = serde_json::from_value(Value::from(text)).ok();
        if word.is_none() {
            self.findings.error(
                Reason::InvalidValue,
                place,
                format!("{field} cannot be {text:?}"),
                format!("write one of: {}", words.join(", ")),
            );
        }
        word
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, field: &str) -> Vec<(&'n str, Place)> {
        let Some(node) = self.get(field) else {
            return Vec::new();
        };
        let Data::List(items) = &node.data else {
            self.wrong(
                field,
                node,
                "a list of texts",
                &format!("write `{field}: [one, two]`"),
            );
            return Vec::new();
        };
        let mut texts: Vec<(&str, Place)> = Vec::new();
        for item in items {
            match item.text() {
                Some(text) if texts.iter().any(|(there, _)| *there == text) => self.findings.error(
                    Reason::InvalidValue,
                    item.place,
                    format!("{text:?} stands twice in {field}"),
                    "keep one of the two",
                ),
                Some(text) => texts.push((text, item.place)),
                None => self.wrong(
                    &format!("an entry of {field}"),
                    item,
                    "a text",
                    "put it in quotes",
                ),
            }
        }
        texts
    }
}
