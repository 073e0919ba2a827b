//! The typed blocks of a file as values of the chart: a layer of its own, below `helm_values`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::parse::Declared;
use super::tree::{Origin, Shape, Tree};
use super::{access, federation};

/// What the variables of secrets begin with.
const PREFIX: &str = "NATSX";

/// What the blocks of one file set.
pub(super) struct Blocks {
    /// In the order in which they are laid over each other.
    pub(super) layers: Vec<Tree>,
    /// Each block as it stands in the file.
    written: Vec<(&'static str, Tree)>,
}

impl Blocks {
    /// The blocks of a file, which were checked; `chart` is the name of the chart.
    pub(super) fn compile(declared: &Declared<'_>, file: usize, chart: &str) -> Self {
        let mut variables = Variables::default();
        let (mut layers, mut written) = (Vec::new(), Vec::new());
        if let Some(node) = declared.access {
            let block = Tree::of(node, file);
            layers.push(access::compile(&block, &mut variables));
            written.push(("access", block));
        }
        if let Some(node) = declared.federation {
            let block = Tree::of(node, file);
            layers.push(federation::compile(&block, chart, &mut variables));
            written.push(("federation", block));
        }
        if let Some((_, first)) = written.first()
            && !variables.0.is_empty()
        {
            layers.push(variables.compile(first.origin));
        }
        Self { layers, written }
    }

    /// Of a file whose blocks could not be read.
    pub(super) fn none() -> Self {
        Self {
            layers: Vec::new(),
            written: Vec::new(),
        }
    }

    /// The block that says what stands there.
    pub(super) fn name_of(&self, origin: Origin) -> Option<&'static str> {
        let holds = |block: &Tree| {
            let mut found = false;
            block.walk(&mut Vec::new(), &mut |_, part| {
                found |= part.origin == origin;
            });
            found
        };
        let block = self.written.iter().find(|(_, block)| holds(block));
        block.map(|(name, _)| *name)
    }
}

/// The variables of the container that hold what nobody may read in a configuration, by name.
#[derive(Default)]
pub(super) struct Variables(BTreeMap<String, Tree>);

impl Variables {
    /// What stands for a secret in the configuration. Its variable is named after the reference, so that it stays when
    /// others come and go.
    pub(super) fn of(&mut self, reference: &Tree) -> Tree {
        let word = |field: &str| {
            let text = reference.get(&["secretKeyRef", field]);
            let text = text.and_then(Tree::text).unwrap_or_default();
            text.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
        };
        let name = format!("{PREFIX}_{}_{}", word("name"), word("key")).to_ascii_uppercase();
        let variable = map(reference.origin, [("valueFrom", reference.clone())]);
        let wanted = variable.to_value();
        // Two references may give one name; then the later ones are counted.
        let names = (2..).map(|number| format!("{name}_{number}"));
        let free = |name: &String| {
            let taken = self.0.get(name);
            taken.is_none_or(|taken| taken.to_value() == wanted)
        };
        let name = std::iter::once(name.clone()).chain(names).find(free);
        let name = name.unwrap_or_default();
        let standing = text(reference.origin, &format!("<< ${name} >>"));
        self.0.entry(name).or_insert(variable);
        standing
    }

    fn compile(&self, origin: Origin) -> Tree {
        let each = self
            .0
            .iter()
            .map(|(name, one)| (name.as_str(), one.clone()));
        map(
            origin,
            [("container", map(origin, [("env", map(origin, each))]))],
        )
    }
}

/// A part of the values that is made.
pub(super) fn map<'k>(origin: Origin, parts: impl IntoIterator<Item = (&'k str, Tree)>) -> Tree {
    let parts = parts.into_iter();
    Tree {
        origin,
        shape: Shape::Map(parts.map(|(key, tree)| (key.to_owned(), tree)).collect()),
    }
}

/// A text that is made.
pub(super) fn text(origin: Origin, text: &str) -> Tree {
    Tree {
        origin,
        shape: Shape::Leaf(Value::from(text)),
    }
}
